//! The rank test for two independent samples.

use serde::Serialize;

use super::distribution::two_sided;
use super::error::{DataError, sorted};
use super::ranks::{counts_below, tie_sizes};

/// Up to so many values in either sample the distribution of U is counted out, unless there are ties.
///
/// Beyond, the normal approximation with continuity correction is right to three digits at 5 %.
pub(crate) const EXACT_UP_TO: usize = 50;

/// What the Mann–Whitney test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MannWhitney {
    /// In how many of all pairs the candidate's value is the larger; equal ones count one half.
    pub u: f64,
    /// The two-sided p-value of "neither tends to be larger".
    pub p: f64,
    /// Whether the p-value is exact, and not from the normal approximation.
    pub exact: bool,
}

/// The Mann–Whitney U test, two-sided.
///
/// Exact for samples of up to 50 values each without a tie, by the recurrence of Mann and Whitney (*Annals of
/// Mathematical Statistics* 18, 1947). Otherwise from the normal distribution, its variance corrected for ties and the
/// statistic for continuity (Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed., §4.1). Takes
/// O(n log n).
pub fn mann_whitney(candidate: &[f64], baseline: &[f64]) -> Result<MannWhitney, DataError> {
    Ok(of_sorted(&sorted(candidate)?, &sorted(baseline)?))
}

/// The test of two ascending samples.
pub(crate) fn of_sorted(candidate: &[f64], baseline: &[f64]) -> MannWhitney {
    let u = counts_below(candidate, baseline)
        .into_iter()
        .map(|(smaller, not_larger)| (smaller + not_larger) as f64 / 2.0)
        .sum::<f64>();
    let spread = Spread::of(candidate, baseline);
    let p = if spread.is_exact() { exact_p(u, candidate.len(), baseline.len()) } else { spread.approximate_p(u) };
    MannWhitney { u, p, exact: spread.is_exact() }
}

/// What the distribution of U under the null hypothesis depends on.
pub(crate) struct Spread {
    sizes: (usize, usize),
    has_ties: bool,
    /// The expected U.
    pub(crate) mean: f64,
    /// The standard deviation of U, corrected for ties. Zero when all values are the same.
    pub(crate) sd: f64,
}

impl Spread {
    pub(crate) fn of(candidate: &[f64], baseline: &[f64]) -> Self {
        let mut all = [candidate, baseline].concat();
        all.sort_unstable_by(f64::total_cmp);
        let pairs = candidate.len() as f64 * baseline.len() as f64;
        let total = all.len() as f64;
        let ties: f64 = tie_sizes(&all).map(|size| size.powi(3) - size).sum();
        let variance = pairs / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
        Self {
            sizes: (candidate.len(), baseline.len()),
            has_ties: ties > 0.0,
            mean: pairs / 2.0,
            sd: variance.max(0.0).sqrt(),
        }
    }

    pub(crate) fn is_exact(&self) -> bool {
        !self.has_ties && self.sizes.0.max(self.sizes.1) <= EXACT_UP_TO
    }

    fn approximate_p(&self, u: f64) -> f64 {
        let distance = (u - self.mean).abs() - 0.5;
        if self.sd > 0.0 && distance > 0.0 { two_sided(distance / self.sd) } else { 1.0 }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "without ties U is a count")]
fn exact_p(u: f64, n: usize, m: usize) -> f64 {
    // Of the symmetric distribution, the tail that U is in.
    let tail = u.min((n * m) as f64 - u) as usize;
    let below: f64 = distribution(n, m).iter().take(tail + 1).sum();
    (2.0 * below).min(1.0)
}

/// P(U = u) for u = 0..=n·m, for samples of n and m values without ties.
///
/// The largest of all values is one of the first sample with probability n/(n + m), and then beats all m others; else it
/// beats nobody. Only sums of positive numbers, so that nothing cancels.
pub(crate) fn distribution(n: usize, m: usize) -> Vec<f64> {
    // row[j] is the distribution for i and j values; for i = 0 or j = 0 U is surely 0.
    let mut row = vec![vec![1.0]; m + 1];
    for i in 1..=n {
        for j in 1..=m {
            let mut next = vec![0.0; i * j + 1];
            let from_first = i as f64 / (i + j) as f64;
            for (u, p) in row[j].iter().enumerate() {
                next[u + j] += from_first * p;
            }
            for (u, p) in row[j - 1].iter().enumerate() {
                next[u] += (1.0 - from_first) * p;
            }
            row[j] = next;
        }
    }
    row.pop().unwrap_or_default()
}
