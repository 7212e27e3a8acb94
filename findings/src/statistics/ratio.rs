//! Ratios with intervals.

use serde::Serialize;

use super::Interval;
use super::bootstrap::{self, Bootstrapped, Resampling};
use super::describe::mean_and_sd;
use super::distribution::t_quantile;
use super::error::{DataError, finite, positive, sorted};
use super::quantile::of_sorted;
use super::random::{Random, resampled_median};

/// A ratio of two means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The ratio.
    pub estimate: f64,
    /// Fieller's interval. `None` if it is not bounded, because the denominator could well be zero.
    pub interval: Option<Interval>,
}

impl Ratio {
    /// The same multiplied by a positive number: a speed-up by four cores times ¼ is their
    /// efficiency.
    #[must_use]
    pub fn scaled(&self, by: f64) -> Self {
        Self {
            estimate: self.estimate * by,
            interval: self.interval.map(|interval| interval.map(|end| end * by)),
        }
    }
}

/// The ratio of the medians of two independent samples, candidate ÷ baseline, with its percentile
/// bootstrap interval.
///
/// Each resample's median is drawn from its exact distribution, so that the cost does not grow with
/// the samples. A quantile is not smooth enough for the bias-corrected interval (Efron and
/// Tibshirani, 1993, §14.3).
pub fn ratio_of_medians(
    candidate: &[f64],
    baseline: &[f64],
    resampling: Resampling,
) -> Result<Bootstrapped, DataError> {
    positive(baseline)?;
    let (candidate, baseline) = (sorted(candidate)?, sorted(baseline)?);
    let estimate = of_sorted(&candidate, 0.5) / of_sorted(&baseline, 0.5);
    if candidate.len().min(baseline.len()) < 2 {
        return Ok(Bootstrapped {
            estimate,
            standard_error: None,
            interval: None,
        });
    }
    let mut random = Random::new(resampling.seed);
    let replicates = bootstrap::replicates(resampling, || {
        resampled_median(&candidate, &mut random) / resampled_median(&baseline, &mut random)
    });
    Ok(bootstrap::summary(estimate, replicates, bootstrap::plain()))
}

/// The ratio of the means of two independent samples, numerator ÷ denominator, with Fieller's
/// interval.
///
/// For scaling: the mean throughput at N workers over that at one is the speed-up, and
/// [`Ratio::scaled`] by 1/N the efficiency. The degrees of freedom are Welch's for the difference
/// numerator − ratio · denominator. (Fieller, *JRSS B* 16, 1954.)
pub fn ratio_of_means(numerator: &[f64], denominator: &[f64]) -> Result<Ratio, DataError> {
    finite(numerator)?;
    finite(denominator)?;
    let (top, bottom) = (Mean::of(numerator), Mean::of(denominator));
    if bottom.value == 0.0 {
        return Err(DataError::NotPositive(0));
    }
    let estimate = top.value / bottom.value;
    let interval = match (top.variance, bottom.variance) {
        (Some(above), Some(below)) => fieller(&top, &bottom, above, below),
        _ => None,
    };
    Ok(Ratio { estimate, interval })
}

struct Mean {
    value: f64,
    /// Of the mean, not of the values.
    variance: Option<f64>,
    freedom: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let (mean, sd) = mean_and_sd(values);
        let n = values.len() as f64;
        Self {
            value: mean,
            variance: sd.map(|sd| sd * sd / n),
            freedom: n - 1.0,
        }
    }
}

/// The ratios θ for which top − θ·bottom does not differ from zero: those between the roots of a
/// parabola.
fn fieller(top: &Mean, bottom: &Mean, above: f64, below: f64) -> Option<Interval> {
    let estimate = top.value / bottom.value;
    let scaled = estimate * estimate * below;
    if above + scaled == 0.0 {
        return Some(Interval::new(estimate, estimate));
    }
    let freedom =
        (above + scaled).powi(2) / (above * above / top.freedom + scaled * scaled / bottom.freedom);
    let t2 = t_quantile(f64::midpoint(1.0, super::CONFIDENCE), freedom)?.powi(2);
    let square = bottom.value * bottom.value - t2 * below;
    let product = top.value * bottom.value;
    let root = (product * product - square * (top.value * top.value - t2 * above)).sqrt();
    // Not a parabola that opens upwards: the denominator does not differ from zero.
    (square > 0.0 && root.is_finite())
        .then(|| Interval::new((product - root) / square, (product + root) / square))
}
