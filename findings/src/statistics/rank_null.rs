//! The distribution of the Mann–Whitney statistic, which intervals of a shift are read off.

use super::ranks::tie_sizes;

/// Up to so many values in either sample the distribution of U is counted out, unless there are
/// ties.
///
/// Beyond, the normal approximation with continuity correction is right to three digits at 5 %.
const EXACT_UP_TO: usize = 50;

/// The distribution of U where neither sample tends to be larger.
pub(crate) struct Null {
    /// P(U = u) for u = 0, 1, 2 …, if it is known exactly.
    pub(crate) exact: Option<Vec<f64>>,
    /// The expected U.
    pub(crate) mean: f64,
    /// The standard deviation of U, corrected for ties. Zero when all values are the same.
    pub(crate) sd: f64,
}

impl Null {
    /// For two ascending samples. (Mann and Whitney, *Annals of Mathematical Statistics* 18, 1947;
    /// the normal approximation as in Hollander, Wolfe and Chicken, *Nonparametric Statistical
    /// Methods*, 3rd ed., §4.1.)
    pub(crate) fn new(candidate: &[f64], baseline: &[f64]) -> Self {
        let mut all = [candidate, baseline].concat();
        all.sort_unstable_by(f64::total_cmp);
        let (n, m, total) = (candidate.len(), baseline.len(), all.len() as f64);
        let pairs = n as f64 * m as f64;
        let ties: f64 = tie_sizes(&all).map(|size| size.powi(3) - size).sum();
        let variance = pairs / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
        let exact = (ties == 0.0 && n.max(m) <= EXACT_UP_TO).then(|| distribution(n, m));
        Self {
            exact,
            mean: pairs / 2.0,
            sd: variance.max(0.0).sqrt(),
        }
    }
}

/// P(U = u) for u = 0..=n·m, for samples of n and m values without ties.
///
/// The numbers of orders are the coefficients of the Gaussian binomial coefficient, the product of
/// (1 − q^(m+i)) over (1 − q^i) for i = 1..=n (Harding, *Applied Statistics* 33, 1984). In whole
/// numbers, so that the differences cancel nothing: there are no more than C(100, 50) ≈ 10²⁹
/// orders.
fn distribution(n: usize, m: usize) -> Vec<f64> {
    let mut orders = vec![0_i128; n * m + 1];
    orders[0] = 1;
    for i in 1..=n {
        for u in (m + i..orders.len()).rev() {
            orders[u] -= orders[u - m - i];
        }
        for u in i..orders.len() {
            orders[u] += orders[u - i];
        }
    }
    let all = orders.iter().sum::<i128>() as f64;
    orders.into_iter().map(|count| count as f64 / all).collect()
}
