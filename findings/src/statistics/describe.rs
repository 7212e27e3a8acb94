//! One sample described.

use serde::Serialize;

use super::dip::{self, Dip};
use super::distribution::t_quantile;
use super::error::{DataError, finite, sorted};
use super::quantile::{NORMAL_CONSISTENCY, is_supported, median_absolute_deviation, of_sorted};
use super::trend::{Trend, mann_kendall, sen_slope};
use super::{CONFIDENCE, Interval, median};

/// A p-value below which a warning is given. Stricter than a finding's: a report has a warning's
/// chance in every cell.
pub(crate) const WARNING_LEVEL: f64 = 0.01;

/// In which order the values were measured.
#[derive(Debug, Clone, Copy)]
pub enum Order<'a> {
    /// As they stand.
    AsGiven,
    /// By these positions in the run, one for each value.
    By(&'a [u64]),
    /// It is not known: there is no test for drift.
    Unknown,
}

/// Values outside of Tukey's fences. They are counted, and never left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outliers {
    /// More than 1.5 but no more than 3 times the interquartile range beyond a quartile.
    pub mild: usize,
    /// More than 3 times that.
    pub extreme: usize,
}

/// What a reader should know before trusting a sample's summary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// There are extreme outliers: this many.
    ExtremeOutliers {
        /// How many.
        count: usize,
    },
    /// There is more than one mode: the median may lie where hardly a value does.
    Multimodal {
        /// The dip test's p-value.
        p: f64,
    },
    /// The values drift along the run.
    Drift {
        /// The trend test's p-value.
        p: f64,
        /// From the first to the last value along Sen's slope, relative to the median.
        change: f64,
    },
}

/// How values drift along the order they were measured in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drift {
    /// The test.
    pub trend: Trend,
    /// Sen's slope: the change from one value to the next, in the unit of the values.
    pub slope: f64,
}

/// One sample in numbers. All but counts and p-values are in the unit of the values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// How many values.
    pub n: usize,
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation, with n − 1. `None` for a single value.
    pub sd: Option<f64>,
    /// The smallest value.
    pub min: f64,
    /// The first quartile, of type 7.
    pub q1: f64,
    /// The median.
    pub median: f64,
    /// The third quartile, of type 7.
    pub q3: f64,
    /// The largest value.
    pub max: f64,
    /// The 90 % quantile; `None` below 100 values. At least 10 must lie beyond a quantile that is
    /// published.
    pub p90: Option<f64>,
    /// The 95 % quantile; `None` below 200 values.
    pub p95: Option<f64>,
    /// The 99 % quantile; `None` below 1,000 values.
    pub p99: Option<f64>,
    /// The median absolute deviation.
    pub mad: f64,
    /// The same times 1.4826: what estimates the standard deviation of normal values.
    pub mad_scaled: f64,
    /// The order-statistic interval of the median. `None` below six values.
    pub median_interval: Option<Interval>,
    /// Student's t interval of the mean. `None` for a single value.
    pub mean_interval: Option<Interval>,
    /// Values outside of Tukey's fences.
    pub outliers: Outliers,
    /// The test for several modes. `None` below four values.
    pub dip: Option<Dip>,
    /// The test for drift. `None` below three values or where the order is not known.
    pub drift: Option<Drift>,
}

impl Description {
    /// What to be warned of, at the 1 % level.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.outliers.extreme > 0 {
            warnings.push(Warning::ExtremeOutliers {
                count: self.outliers.extreme,
            });
        }
        if let Some(dip) = self.dip.filter(|dip| dip.p < WARNING_LEVEL) {
            warnings.push(Warning::Multimodal { p: dip.p });
        }
        if let Some(drift) = self.drift.filter(|drift| drift.trend.p < WARNING_LEVEL) {
            let change = drift.slope * (self.n - 1) as f64 / self.median;
            warnings.push(Warning::Drift {
                p: drift.trend.p,
                change,
            });
        }
        warnings
    }
}

/// Describes values. O(n log n).
pub fn describe(values: &[f64], order: Order<'_>) -> Result<Description, DataError> {
    let sorted = sorted(values)?;
    let n = sorted.len();
    let (mean, sd) = mean_and_sd(&sorted);
    let [q1, median, q3] = [0.25, 0.5, 0.75].map(|p| of_sorted(&sorted, p));
    let supported = |p| is_supported(n as u64, p).then(|| of_sorted(&sorted, p));
    let mad = median_absolute_deviation(&sorted)?;
    Ok(Description {
        n,
        mean,
        sd,
        min: sorted[0],
        q1,
        median,
        q3,
        max: sorted[n - 1],
        p90: supported(0.9),
        p95: supported(0.95),
        p99: supported(0.99),
        mad,
        mad_scaled: mad * NORMAL_CONSISTENCY,
        median_interval: median::rank(n).map(|k| Interval::new(sorted[k - 1], sorted[n - k])),
        mean_interval: sd.and_then(|sd| t_interval(mean, sd, n)),
        outliers: outliers(&sorted, q1, q3),
        dip: dip::dip(&sorted).ok(),
        drift: drift(values, order)?,
    })
}

/// The mean and the standard deviation, both taken from the first value so that equal values have
/// no spread at all.
pub(crate) fn mean_and_sd(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let Some(origin) = values.first() else {
        return (f64::NAN, None);
    };
    let mean = origin + values.iter().map(|value| value - origin).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (
        mean,
        (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
    )
}

/// Student's interval of a mean.
pub(crate) fn t_interval(mean: f64, sd: f64, n: usize) -> Option<Interval> {
    t_interval_at(CONFIDENCE, mean, sd, n)
}

/// The same at another confidence.
pub(crate) fn t_interval_at(confidence: f64, mean: f64, sd: f64, n: usize) -> Option<Interval> {
    let t = t_quantile(f64::midpoint(1.0, confidence), n as f64 - 1.0)?;
    Some(Interval::around(mean, t * sd / (n as f64).sqrt()))
}

fn outliers(sorted: &[f64], q1: f64, q3: f64) -> Outliers {
    let beyond = |fence: f64| {
        let reach = fence * (q3 - q1);
        sorted
            .iter()
            .filter(|value| **value < q1 - reach || **value > q3 + reach)
            .count()
    };
    let extreme = beyond(3.0);
    Outliers {
        mild: beyond(1.5) - extreme,
        extreme,
    }
}

fn drift(values: &[f64], order: Order<'_>) -> Result<Option<Drift>, DataError> {
    finite(values)?;
    let ordered = match order {
        Order::Unknown => return Ok(None),
        Order::AsGiven => values.to_vec(),
        Order::By(positions) if positions.len() != values.len() => {
            return Err(DataError::Mismatch(values.len(), positions.len()));
        }
        Order::By(positions) => {
            let mut pairs: Vec<_> = positions.iter().zip(values).collect();
            pairs.sort_by_key(|(position, _)| **position);
            pairs.into_iter().map(|(_, value)| *value).collect()
        }
    };
    let Ok(trend) = mann_kendall(&ordered) else {
        return Ok(None);
    };
    Ok(Some(Drift {
        trend,
        slope: sen_slope(&ordered)?,
    }))
}
