//! Intervals by resampling, for statistics that have no formula of their own.

use serde::Serialize;

use super::distribution::{normal_cdf, normal_quantile, t_quantile};
use super::error::{DataError, finite};
use super::quantile::of_sorted;
use super::random::Random;
use super::{CONFIDENCE, Interval};

/// Beyond so many values the jackknife leaves out groups instead of single values, so that it stays
/// linear.
const JACKKNIFE_GROUPS: usize = 500;

/// How often to resample, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// How many resamples: the ends of an interval take a thousand at least.
    pub resamples: u32,
    /// The seed. The same seed gives the same interval to the last bit.
    pub seed: u64,
}

impl Default for Resampling {
    /// 2,000 times, from seed 1.
    fn default() -> Self {
        Self {
            resamples: 2_000,
            seed: 1,
        }
    }
}

/// Which interval is read from the resamples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Between their quantiles. Too short for small samples: 20 values cover 93 % where they should
    /// 95 %.
    Percentile,
    /// The same, widened by as much as Student's t is wider than the normal distribution. The best
    /// choice for means and the like of few values. (Hesterberg, *The American Statistician* 69,
    /// 2015, §5.)
    Expanded,
    /// Bias-corrected and accelerated: for smooth statistics of skewed values, not for quantiles.
    /// (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, §14.3.)
    Bca,
}

/// An estimate with what its resamples say of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrapped {
    /// The statistic of the sample itself.
    pub estimate: f64,
    /// The standard deviation of the statistic over the resamples.
    pub standard_error: Option<f64>,
    /// Its interval. `None` with fewer than two values, or where the statistic of a resample often
    /// does not exist.
    pub interval: Option<Interval>,
}

/// The plain bootstrap of a statistic of independent values, such as one per process.
///
/// The statistic is given resamples in no order. Where it has no value it returns NaN.
pub fn bootstrap(
    values: &[f64],
    kind: Kind,
    resampling: Resampling,
    statistic: impl Fn(&[f64]) -> f64,
) -> Result<Bootstrapped, DataError> {
    finite(values)?;
    let estimate = statistic(values);
    if values.len() < 2 {
        return Ok(Bootstrapped {
            estimate,
            standard_error: None,
            interval: None,
        });
    }
    let mut random = Random::new(resampling.seed);
    let mut resample = values.to_vec();
    let replicates = replicates(resampling, || {
        resample
            .iter_mut()
            .for_each(|slot| *slot = values[random.below(values.len())]);
        statistic(&resample)
    });
    Ok(match kind {
        Kind::Percentile => summary(estimate, replicates, TAILS),
        Kind::Expanded => summary(estimate, replicates, expanded(values.len())),
        Kind::Bca => {
            let left_out = leaving_out(values, &statistic);
            let tails = replicates
                .as_ref()
                .map_or(TAILS, |r| accelerated(estimate, r, &left_out));
            summary(estimate, replicates, tails)
        }
    })
}

/// What lies outside of an interval at either end.
const TAILS: (f64, f64) = ((1.0 - CONFIDENCE) / 2.0, f64::midpoint(1.0, CONFIDENCE));

/// The tails of a percentile interval: as they are.
pub(crate) const fn plain() -> (f64, f64) {
    TAILS
}

/// The tails of an expanded percentile interval of n values.
pub(crate) fn expanded(n: usize) -> (f64, f64) {
    let freedom = n as f64 - 1.0;
    let Some(t) = t_quantile(TAILS.1, freedom) else {
        return TAILS;
    };
    let outside = normal_cdf(-t * (n as f64 / freedom).sqrt());
    (outside, 1.0 - outside)
}

/// The statistic of so many resamples, ascending. `None` if it does not exist in one of ten.
pub(crate) fn replicates(
    resampling: Resampling,
    mut draw: impl FnMut() -> f64,
) -> Option<Vec<f64>> {
    let drawn = resampling.resamples.max(1);
    let mut replicates: Vec<_> = (0..drawn)
        .map(|_| draw())
        .filter(|replicate| replicate.is_finite())
        .collect();
    replicates.sort_unstable_by(f64::total_cmp);
    (replicates.len() as f64 > 0.9 * f64::from(drawn)).then_some(replicates)
}

/// An interval between two quantiles of the replicates.
pub(crate) fn summary(
    estimate: f64,
    replicates: Option<Vec<f64>>,
    tails: (f64, f64),
) -> Bootstrapped {
    let Some(replicates) = replicates.filter(|_| estimate.is_finite()) else {
        return Bootstrapped {
            estimate,
            standard_error: None,
            interval: None,
        };
    };
    let interval = Interval::new(
        of_sorted(&replicates, tails.0),
        of_sorted(&replicates, tails.1),
    );
    let (_, standard_error) = super::describe::mean_and_sd(&replicates);
    Bootstrapped {
        estimate,
        standard_error,
        interval: Some(interval),
    }
}

/// The tails of the interval that is corrected for bias and for a spread that changes with the
/// value.
///
/// `left_out` is the statistic with one value, or one group of them, left out at a time.
fn accelerated(estimate: f64, replicates: &[f64], left_out: &[f64]) -> (f64, f64) {
    let acceleration = acceleration(left_out);
    let below = replicates.partition_point(|replicate| *replicate < estimate);
    let not_above = replicates.partition_point(|replicate| *replicate <= estimate);
    let n = replicates.len() as f64;
    // Halfway through those that equal the estimate, and never at the very ends.
    let share = (f64::midpoint(below as f64, not_above as f64) / n).clamp(0.5 / n, 1.0 - 0.5 / n);
    let bias = normal_quantile(share);
    let tail = |p: f64| {
        let z = bias + normal_quantile(p);
        let moved = normal_cdf(bias + z / (1.0 - acceleration * z));
        if moved.is_nan() { p } else { moved }
    };
    (tail(TAILS.0), tail(TAILS.1))
}

/// The statistic with one value, or one group of them, left out at a time.
fn leaving_out(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let groups = values.len().min(JACKKNIFE_GROUPS);
    let without = |group| {
        let rest = values
            .iter()
            .enumerate()
            .filter(|(index, _)| index % groups != group);
        statistic(&rest.map(|(_, value)| *value).collect::<Vec<_>>())
    };
    (0..groups).map(without).collect()
}

/// A sixth of the skewness of the statistic.
fn acceleration(left_out: &[f64]) -> f64 {
    let (mean, _) = super::describe::mean_and_sd(left_out);
    let power = |exponent| {
        left_out
            .iter()
            .map(|value| (mean - value).powi(exponent))
            .sum::<f64>()
    };
    let acceleration = power(3) / (6.0 * power(2).powf(1.5));
    if acceleration.is_finite() {
        acceleration
    } else {
        0.0
    }
}
