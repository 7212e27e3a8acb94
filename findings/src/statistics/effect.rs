//! How often one sample is larger than another.

use serde::Serialize;

use super::distribution::normal_quantile;
use super::ranks::counts_below;
use super::{CONFIDENCE, Interval};

/// Cliff's δ with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delta {
    /// P(candidate > baseline) − P(candidate < baseline), from −1 to 1: negative when the candidate
    /// tends to be faster.
    pub estimate: f64,
    /// Its interval. `None` with fewer than two values in a sample.
    pub interval: Option<Interval>,
}

/// Cliff's δ of two ascending samples: how much more often the candidate's value is the larger
/// than the smaller one, over all pairs.
///
/// The interval is the asymmetric one, from Cliff's consistent estimate of the variance: it stays
/// within ±1 and covers better than the symmetric one. Where the samples do not overlap at all the
/// estimated variance is zero; then the interval is the one that so many pairs without an exception
/// still allow. (Cliff, *Psychological Bulletin* 114, 1993; Feng and Cliff, *Journal of Modern
/// Applied Statistical Methods* 3, 2004.) Takes O(n log n).
pub(crate) fn of_sorted(candidate: &[f64], baseline: &[f64]) -> Delta {
    let (ours, tied) = dominance(candidate, baseline);
    let (theirs, _) = dominance(baseline, candidate);
    let (n, m) = (candidate.len() as f64, baseline.len() as f64);
    let delta = ours.iter().sum::<f64>() / n;
    let interval = (n > 1.0 && m > 1.0).then(|| {
        let squares =
            |of: &[f64], centre: f64| of.iter().map(|d| (d - centre).powi(2)).sum::<f64>();
        let within = n * m * (1.0 - delta * delta) - tied;
        let sum = m * m * squares(&ours, delta) + n * n * squares(&theirs, -delta) - within;
        // The unbiased estimate can fall below zero; Cliff's bound is what it cannot fall below.
        let least = (1.0 - delta * delta) / (n * m - 1.0);
        let variance = (sum / (n * m * (n - 1.0) * (m - 1.0))).max(least);
        asymmetric(delta, variance, n.min(m))
    });
    Delta {
        estimate: delta,
        interval,
    }
}

/// For each of the ascending `values`, by how much more of the `others` it exceeds than it falls
/// short of, as a share; and how many pairs are tied.
fn dominance(values: &[f64], others: &[f64]) -> (Vec<f64>, f64) {
    let m = others.len();
    let mut tied = 0;
    let share = |(smaller, not_larger): (usize, usize)| {
        tied += not_larger - smaller;
        (smaller as f64 - (m - not_larger) as f64) / m as f64
    };
    let shares = counts_below(values, others)
        .into_iter()
        .map(share)
        .collect();
    (shares, tied as f64)
}

fn asymmetric(delta: f64, variance: f64, smaller: f64) -> Interval {
    let z2 = normal_quantile(f64::midpoint(1.0, CONFIDENCE)).powi(2);
    let rest = 1.0 - delta * delta;
    if rest <= 0.0 {
        return Interval::new(delta, delta.signum() * (smaller - z2) / (smaller + z2));
    }
    let reach = (z2 * variance).sqrt() * (rest * rest + z2 * variance).sqrt();
    let scale = rest + z2 * variance;
    let end = |reach: f64| ((delta * rest + reach) / scale).clamp(-1.0, 1.0);
    Interval::new(end(-reach), end(reach))
}
