//! A straight line through points: memory over the number of instances.

use serde::Serialize;

use super::describe::mean_and_sd;
use super::distribution::t_quantile;
use super::error::{DataError, finite};
use super::trend::{Line, theil_sen};
use super::{CONFIDENCE, Interval};

/// The line of least squares, and the robust one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// Change of y for each one of x: the cost of one more.
    pub slope: f64,
    /// Its interval. `None` with fewer than three points.
    pub slope_interval: Option<Interval>,
    /// y at x = 0: the cost of the first one's surroundings.
    pub intercept: f64,
    /// Its interval.
    pub intercept_interval: Option<Interval>,
    /// The share of y's variance that the line explains. `None` if y does not vary.
    pub r_squared: Option<f64>,
    /// The standard deviation about the line, with n − 2. `None` with fewer than three points.
    pub residual_sd: Option<f64>,
    /// The Theil–Sen line: where its slope is outside of the other's interval, a few points bend
    /// the fit.
    pub robust: Line,
}

impl Fit {
    /// Whether the robust slope agrees with the fitted one; unknown without an interval.
    pub fn is_robust(&self) -> Option<bool> {
        self.slope_interval
            .map(|interval| interval.contains(self.robust.slope))
    }
}

/// Fits y = intercept + slope·x through (x, y) points that differ in x.
///
/// The intervals are Student's, for independent deviations of equal spread (Draper and Smith,
/// *Applied Regression Analysis*, 3rd ed., ch. 1).
pub fn linear_fit(points: &[(f64, f64)]) -> Result<Fit, DataError> {
    let robust = theil_sen(points)?;
    let (xs, ys): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
    finite(&xs)?;
    finite(&ys)?;
    let n = points.len() as f64;
    let ((x_mean, _), (y_mean, _)) = (mean_and_sd(&xs), mean_and_sd(&ys));
    let sum = |of: &dyn Fn(f64, f64) -> f64| {
        points
            .iter()
            .map(|(x, y)| of(x - x_mean, y - y_mean))
            .sum::<f64>()
    };
    let (sxx, sxy, syy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    if sxx == 0.0 {
        return Err(DataError::Constant);
    }
    let slope = sxy / sxx;
    let intercept = y_mean - slope * x_mean;
    let residuals = sum(&|x, y| (y - slope * x).powi(2));
    let freedom = n - 2.0;
    let residual_sd = (freedom > 0.0).then(|| (residuals / freedom).sqrt());
    let interval = |centre, leverage: f64| {
        let t = t_quantile(f64::midpoint(1.0, CONFIDENCE), freedom)?;
        Some(Interval::around(centre, t * residual_sd? * leverage.sqrt()))
    };
    Ok(Fit {
        slope,
        slope_interval: interval(slope, 1.0 / sxx),
        intercept,
        intercept_interval: interval(intercept, 1.0 / n + x_mean * x_mean / sxx),
        r_squared: (syy > 0.0).then(|| (1.0 - residuals / syy).clamp(0.0, 1.0)),
        residual_sd,
        robust,
    })
}
