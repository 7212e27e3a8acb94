//! Intervals by resampling, for statistics that have no formula of their own.

use serde::Serialize;

use super::distribution::{normal_cdf, t_quantile};
use super::quantile::of_sorted;
use super::{CONFIDENCE, Interval};

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
