//! Values that come in pairs: the same block of the run with something on and off.

use serde::Serialize;

use super::Interval;
use super::error::{DataError, finite, logarithms, sorted};
use super::ranks::tie_sizes;
use super::select::{kth_average, middle};
use super::shift::{Shift, approximate_rank, exact_rank};

/// Up to so many differences, none of them zero or tied, the distribution of the rank sum is
/// counted out.
const EXACT_UP_TO: usize = 50;

/// Two treatments compared pair by pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Candidate − baseline within a pair, in the unit of the values.
    pub shift: Shift,
    /// Candidate ÷ baseline within a pair. `None` unless all values are above zero.
    pub ratio: Option<Shift>,
}

/// Compares (candidate, baseline) pairs: the Hodges–Lehmann shift, and the ratio of those logarithms.
///
/// The shift is the median of the averages of all two differences (and of each with itself); its
/// interval holds what the Wilcoxon signed-rank test would not reject (Hollander, Wolfe and Chicken,
/// §3.2–3.3). It assumes that the differences are symmetric about their centre, which those between
/// interleaved blocks are if a treatment only moves the values.
pub fn paired(pairs: &[(f64, f64)]) -> Result<Paired, DataError> {
    let (candidate, baseline): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    finite(&candidate)?;
    finite(&baseline)?;
    let differences = |one: &[f64], two: &[f64]| {
        one.iter()
            .zip(two)
            .map(|(one, two)| one - two)
            .collect::<Vec<_>>()
    };
    let plain = differences(&candidate, &baseline);
    let ratio = match (logarithms(&candidate), logarithms(&baseline)) {
        (Ok(one), Ok(two)) => Some(pseudomedian(&differences(&one, &two))?.exponential()),
        _ => None,
    };
    Ok(Paired {
        shift: pseudomedian(&plain)?,
        ratio,
    })
}

/// The pseudomedian of differences, with its interval.
pub(crate) fn pseudomedian(differences: &[f64]) -> Result<Shift, DataError> {
    let sorted = sorted(differences)?;
    let n = sorted.len() as u64;
    let averages = n * (n + 1) / 2;
    let zeros = sorted
        .iter()
        .filter(|difference| **difference == 0.0)
        .count();
    let spread = Spread::new(
        sorted.iter().map(|difference| difference.abs()).collect(),
        zeros,
    );
    let rank = if spread.exact {
        exact_rank(&distribution(sorted.len()))
    } else {
        approximate_rank(spread.mean, spread.variance.sqrt())
    };
    let kth = |rank| kth_average(&sorted, rank);
    let interval = rank.map(|rank| Interval::new(kth(rank), kth(averages + 1 - rank)));
    Ok(Shift {
        estimate: middle(averages, kth),
        interval,
        exact: spread.exact,
    })
}

/// What the distribution of the rank sum depends on.
struct Spread {
    mean: f64,
    variance: f64,
    exact: bool,
}

impl Spread {
    fn new(mut sizes: Vec<f64>, zeros: usize) -> Self {
        sizes.sort_unstable_by(f64::total_cmp);
        let n = sizes.len() as f64;
        let ties: f64 = tie_sizes(&sizes).map(|size| size.powi(3) - size).sum();
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
        let exact = zeros == 0 && ties == 0.0 && sizes.len() <= EXACT_UP_TO;
        Self {
            mean: n * (n + 1.0) / 4.0,
            variance: variance.max(0.0),
            exact,
        }
    }
}

/// P(W = w) for w = 0..=n(n + 1)/2: each rank is in the sum with probability one half.
fn distribution(n: usize) -> Vec<f64> {
    let mut distribution = vec![1.0];
    for rank in 1..=n {
        let mut next = vec![0.0; distribution.len() + rank];
        for (w, p) in distribution.iter().enumerate() {
            next[w] += p / 2.0;
            next[w + rank] += p / 2.0;
        }
        distribution = next;
    }
    distribution
}

/// Which of the averages of all two of `n` differences the interval of their pseudomedian begins
/// with, if none of them is zero or tied. `None` below six.
pub(crate) fn interval_rank(n: usize) -> Option<u64> {
    if n <= EXACT_UP_TO {
        return exact_rank(&distribution(n));
    }
    let n = n as f64;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0;
    approximate_rank(n * (n + 1.0) / 4.0, variance.sqrt())
}
