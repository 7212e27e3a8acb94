//! By how much one sample is shifted against another, and by what factor.

use serde::Serialize;

use super::distribution::normal_quantile;
use super::rank_null::Null;
use super::select::{kth_difference, middle};
use super::{CONFIDENCE, Interval};

/// An estimate with its interval: of a shift in the unit of the values, or of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// The estimate.
    pub estimate: f64,
    /// The interval that goes with the rank test. `None` when the samples are too small to carry
    /// one.
    pub interval: Option<Interval>,
    /// Whether the interval's ranks are from the exact distribution.
    pub exact: bool,
}

impl Shift {
    /// A shift of logarithms as the ratio that it is.
    pub(crate) fn exponential(self) -> Self {
        let interval = self.interval.map(|interval| interval.map(f64::exp));
        Self {
            estimate: self.estimate.exp(),
            interval,
            ..self
        }
    }
}

/// The Hodges–Lehmann estimate of the shift candidate − baseline of two ascending samples: the
/// median of all differences between the two.
///
/// Its interval holds the shifts that the Mann–Whitney test would not reject: from the k-th
/// smallest to the k-th largest difference, with k from the exact distribution of U up to 50 values
/// each without ties, and from its normal approximation otherwise. (Hodges and Lehmann, *Annals of
/// Mathematical Statistics* 34, 1963; Hollander, Wolfe and Chicken, 3rd ed., §4.2–4.3.) Takes O(n
/// log n) and no memory for the differences.
pub(crate) fn of_sorted(candidate: &[f64], baseline: &[f64], null: &Null) -> Shift {
    let pairs = candidate.len() as u64 * baseline.len() as u64;
    let rank = match &null.exact {
        Some(exact) => exact_rank(exact),
        None => approximate_rank(null.mean, null.sd),
    };
    let kth = |rank| kth_difference(candidate, baseline, rank);
    let interval = rank.map(|rank| Interval::new(kth(rank), kth(pairs + 1 - rank)));
    Shift {
        estimate: middle(pairs, kth),
        interval,
        exact: null.exact.is_some(),
    }
}

/// The largest k from 1 with P(statistic ≤ k − 1) no more than the tail left outside the interval.
pub(crate) fn exact_rank(distribution: &[f64]) -> Option<u64> {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let mut below = 0.0;
    let within = distribution.iter().take_while(|p| {
        below += **p;
        below <= tail
    });
    Some(within.count() as u64).filter(|rank| *rank > 0)
}

/// The same from the normal approximation: with continuity correction, k − ½ is the border.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least one, at most all pairs"
)]
pub(crate) fn approximate_rank(mean: f64, sd: f64) -> Option<u64> {
    let rank = (mean + 0.5 - normal_quantile(f64::midpoint(1.0, CONFIDENCE)) * sd).floor();
    // With no spread at all, every difference is the same and the middle one stands for all.
    (rank >= 1.0).then_some((rank as u64).min((2.0 * mean) as u64))
}
