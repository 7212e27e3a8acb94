//! Values that come in pairs: the same block of the run with something on and off.

use serde::Serialize;

use super::Interval;
use super::distribution::two_sided;
use super::error::{DataError, finite, logarithms, sorted};
use super::ranks::{mean_ranks, tie_sizes};
use super::select::{kth_average, middle};
use super::shift::{Shift, approximate_rank, exact_rank};

/// Up to so many differences, none of them zero or tied, the distribution of the rank sum is
/// counted out.
const EXACT_UP_TO: usize = 50;

/// What the Wilcoxon signed-rank test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignedRank {
    /// The sum of the ranks of the positive differences.
    pub w: f64,
    /// The two-sided p-value of "the differences are symmetric about zero".
    pub p: f64,
    /// Whether the p-value is exact.
    pub exact: bool,
    /// How many differences are zero. They are left out of the test.
    pub zeros: usize,
}

/// Two treatments compared pair by pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// The test of the differences.
    pub test: SignedRank,
    /// Candidate − baseline within a pair, in the unit of the values.
    pub shift: Shift,
    /// Candidate ÷ baseline within a pair. `None` unless all values are above zero.
    pub ratio: Option<Shift>,
}

/// The Wilcoxon signed-rank test of differences, two-sided.
///
/// Exact up to 50 differences if none is zero and no two are of the same size. Otherwise zeros are
/// left out (Wilcoxon), and the p-value is from the normal distribution, corrected for ties and
/// continuity, but no less than 2 / 2ⁿ. (Hollander, Wolfe and Chicken, *Nonparametric Statistical
/// Methods*, 3rd ed., §3.1.)
pub fn signed_rank(differences: &[f64]) -> Result<SignedRank, DataError> {
    finite(differences)?;
    let nonzero: Vec<_> = differences
        .iter()
        .copied()
        .filter(|difference| *difference != 0.0)
        .collect();
    let zeros = differences.len() - nonzero.len();
    let sizes: Vec<_> = nonzero.iter().map(|difference| difference.abs()).collect();
    let ranks = mean_ranks(&sizes);
    let w: f64 = nonzero
        .iter()
        .zip(&ranks)
        .filter(|(difference, _)| **difference > 0.0)
        .map(|(_, rank)| rank)
        .sum();
    let spread = Spread::new(sizes, zeros);
    // Two of all 2ⁿ patterns of signs are the extreme ones.
    let least = 2.0 * 0.5_f64.powf(nonzero.len() as f64);
    let p = if spread.exact {
        exact_p(w, nonzero.len())
    } else {
        spread.approximate_p(w).max(least).min(1.0)
    };
    Ok(SignedRank {
        w,
        p,
        exact: spread.exact,
        zeros,
    })
}

/// Compares (candidate, baseline) pairs: the test, the Hodges–Lehmann shift, and the ratio of those
/// logarithms.
///
/// The shift is the median of the averages of all two differences (and of each with itself); its
/// interval holds what the signed-rank test would not reject (Hollander, Wolfe and Chicken,
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
        (Ok(one), Ok(two)) => Some(centre(&differences(&one, &two))?.exponential()),
        _ => None,
    };
    Ok(Paired {
        test: signed_rank(&plain)?,
        shift: centre(&plain)?,
        ratio,
    })
}

/// The pseudomedian of differences, with its interval.
fn centre(differences: &[f64]) -> Result<Shift, DataError> {
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

    fn approximate_p(&self, w: f64) -> f64 {
        let distance = (w - self.mean).abs() - 0.5;
        if self.variance > 0.0 && distance > 0.0 {
            two_sided(distance / self.variance.sqrt())
        } else {
            1.0
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "without ties the sum is a whole number"
)]
fn exact_p(w: f64, n: usize) -> f64 {
    let tail = w.min((n * (n + 1) / 2) as f64 - w) as usize;
    let below: f64 = distribution(n).iter().take(tail + 1).sum();
    (2.0 * below).min(1.0)
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
