//! Whether values drift along an order, and by how much.

use serde::Serialize;

use super::distribution::{normal_quantile, two_sided};
use super::error::{DataError, at_least, finite};
use super::quantile;
use super::ranks::{inversions, tie_sizes};
use super::{CONFIDENCE, Interval};

/// Up to so many values without a tie the distribution of S is counted out.
const EXACT_UP_TO: usize = 50;

/// How often the range of slopes is halved beyond that.
const STEPS: u32 = 40;

/// Up to so many points all slopes are written down; half a million of them.
const ALL_SLOPES_UP_TO: usize = 1_000;

/// What the Mann–Kendall test found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trend {
    /// Rising pairs less falling pairs.
    pub s: i64,
    /// Kendall's τ (his b, corrected for ties) between order and value: from −1 to 1.
    pub tau: f64,
    /// The two-sided p-value of "there is no trend".
    pub p: f64,
    /// Whether the p-value is exact.
    pub exact: bool,
}

/// The Mann–Kendall test for a trend in values that stand in their order.
///
/// Exact up to 50 values without a tie; otherwise from the normal distribution with the correction
/// for ties and for continuity, and no less than 2 / n!. S is counted by merge sort in O(n log n).
/// (Mann, *Econometrica* 13, 1945; Kendall and Gibbons, *Rank Correlation Methods*, 5th ed., ch. 4;
/// Knight, *JASA* 61, 1966.)
pub fn mann_kendall(values: &[f64]) -> Result<Trend, DataError> {
    at_least(3, values)?;
    let n = values.len() as f64;
    let mut sorted = values.to_vec();
    let falling = inversions(&mut sorted) as f64;
    let pairs = n * (n - 1.0) / 2.0;
    let (mut tied, mut correction) = (0.0, 0.0);
    for size in tie_sizes(&sorted) {
        tied += size * (size - 1.0) / 2.0;
        correction += size * (size - 1.0) * (2.0 * size + 5.0);
    }
    let s = pairs - tied - 2.0 * falling;
    let exact = tied == 0.0 && values.len() <= EXACT_UP_TO;
    let p = if exact {
        exact_p(values.len(), falling.min(pairs - falling))
    } else {
        let sd = ((n * (n - 1.0) * (2.0 * n + 5.0) - correction) / 18.0)
            .max(0.0)
            .sqrt();
        // Two of all n! orders are the extreme ones.
        let least = (1..=values.len())
            .map(|factor| 1.0 / factor as f64)
            .product::<f64>()
            * 2.0;
        if sd > 0.0 && s.abs() > 1.0 {
            two_sided((s.abs() - 1.0) / sd).max(least)
        } else {
            1.0
        }
    };
    let tau = if tied < pairs {
        s / (pairs * (pairs - tied)).sqrt()
    } else {
        0.0
    };
    #[expect(clippy::cast_possible_truncation, reason = "a count of pairs")]
    Ok(Trend {
        s: s as i64,
        tau,
        p,
        exact,
    })
}

/// Twice the probability that a random order of n values has no more than so many inversions.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of pairs"
)]
fn exact_p(n: usize, inversions: f64) -> f64 {
    // The i-th value is smaller than any number of those before it, from 0 to i, with equal
    // probability.
    let mut distribution = vec![1.0];
    for before in 1..n {
        let mut next = vec![0.0; distribution.len() + before];
        for (count, p) in distribution.iter().enumerate() {
            next[count..=count + before]
                .iter_mut()
                .for_each(|slot| *slot += p / (before + 1) as f64);
        }
        distribution = next;
    }
    let below: f64 = distribution.iter().take(inversions as usize + 1).sum();
    (2.0 * below).min(1.0)
}

/// A straight line through points that a few wild ones do not bend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Line {
    /// Change of y for each one of x.
    pub slope: f64,
    /// y at x = 0: the median of y less the slope times the median of x.
    pub intercept: f64,
    /// The interval of the slope.
    pub interval: Option<Interval>,
}

/// The Theil–Sen line: its slope is the median of the slopes between all pairs of points that
/// differ in x.
///
/// The interval is Sen's, from the variance of Kendall's S (Sen, *JASA* 63, 1968). Up to 1,000
/// points all slopes are sorted. Beyond, the wanted ones are found by halving, each step counting
/// by merge sort how many slopes are smaller: O(n log n), right to 10⁻¹² of the range of slopes,
/// and without memory for the pairs. Of an even number of slopes the lower middle one is taken
/// then.
pub fn theil_sen(points: &[(f64, f64)]) -> Result<Line, DataError> {
    let slopes = Slopes::new(points)?;
    let ranks = slopes.interval_ranks();
    let slope = slopes.median();
    let (xs, ys): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
    let intercept = quantile::median(&ys)? - slope * quantile::median(&xs)?;
    Ok(Line {
        slope,
        intercept,
        interval: ranks.map(|(low, high)| Interval::new(slopes.kth(low), slopes.kth(high))),
    })
}

/// Sen's slope of values that stand at 0, 1, 2 …, without its interval.
pub(crate) fn sen_slope(values: &[f64]) -> Result<f64, DataError> {
    let points: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| (index as f64, *value))
        .collect();
    Ok(Slopes::new(&points)?.median())
}

/// The slopes between all pairs of points with different x.
struct Slopes {
    /// By x, and by y among equal ones: then no pair of equal x is ever an inversion.
    points: Vec<(f64, f64)>,
    /// All slopes, ascending, if they are few.
    all: Option<Vec<f64>>,
    count: u64,
}

impl Slopes {
    fn new(points: &[(f64, f64)]) -> Result<Self, DataError> {
        let (xs, ys): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
        finite(&xs)?;
        at_least(2, &ys)?;
        let mut points = points.to_vec();
        points.sort_unstable_by(|one, two| one.0.total_cmp(&two.0).then(one.1.total_cmp(&two.1)));
        let n = points.len() as u64;
        #[expect(clippy::float_cmp, reason = "ties are values that are the same")]
        let tied = points
            .chunk_by(|one, two| one.0 == two.0)
            .map(|group| group.len() as u64);
        let count = n * (n - 1) / 2 - tied.map(|size| size * (size - 1) / 2).sum::<u64>();
        if count == 0 {
            return Err(DataError::Constant);
        }
        let all = (points.len() <= ALL_SLOPES_UP_TO).then(|| {
            let pairs = points.iter().enumerate().flat_map(|(index, one)| {
                points[index + 1..]
                    .iter()
                    .filter(|two| two.0 > one.0)
                    .map(|two| (two.1 - one.1) / (two.0 - one.0))
            });
            let mut all: Vec<_> = pairs.collect();
            all.sort_unstable_by(f64::total_cmp);
            all
        });
        Ok(Self { points, all, count })
    }

    fn median(&self) -> f64 {
        match &self.all {
            Some(all) => quantile::of_sorted(all, 0.5),
            None => self.kth(self.count.div_ceil(2)),
        }
    }

    /// The k-th smallest slope, from 1.
    fn kth(&self, rank: u64) -> f64 {
        if let Some(all) = &self.all {
            #[expect(clippy::cast_possible_truncation, reason = "at most half a million")]
            return all[(rank.clamp(1, self.count) - 1) as usize];
        }
        let smaller = |slope: f64| {
            // A pair that falls once the line of this slope is taken away has a smaller slope.
            inversions(
                &mut self
                    .points
                    .iter()
                    .map(|(x, y)| y - slope * x)
                    .collect::<Vec<_>>(),
            )
        };
        let (mut low, mut high) =
            self.bracket(|low, high| smaller(low) < rank && rank <= smaller(high));
        for _ in 0..STEPS {
            let middle = f64::midpoint(low, high);
            if smaller(middle) >= rank {
                high = middle;
            } else {
                low = middle;
            }
        }
        f64::midpoint(low, high)
    }

    /// Slopes to search between: those that lead from bottom to top in half of the range of x,
    /// unless the wanted one is steeper. None is steeper than from bottom to top between two
    /// neighbours.
    fn bracket(&self, encloses: impl Fn(f64, f64) -> bool) -> (f64, f64) {
        let ys = self.points.iter().map(|(_, y)| *y);
        let rise = ys.clone().fold(f64::NEG_INFINITY, f64::max) - ys.fold(f64::INFINITY, f64::min);
        let steps = self
            .points
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .filter(|step| *step > 0.0);
        let usual = 2.0 * rise / (self.points[self.points.len() - 1].0 - self.points[0].0);
        if encloses(-usual, usual) {
            return (-usual, usual);
        }
        let steepest = rise / steps.fold(f64::INFINITY, f64::min);
        (-steepest, steepest)
    }

    /// The ranks of the interval's ends among the slopes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks among the slopes"
    )]
    fn interval_ranks(&self) -> Option<(u64, u64)> {
        let ties = |mut values: Vec<f64>| {
            values.sort_unstable_by(f64::total_cmp);
            tie_sizes(&values)
                .map(|size| size * (size - 1.0) * (2.0 * size + 5.0))
                .sum::<f64>()
        };
        let (xs, ys): (Vec<_>, Vec<_>) = self.points.iter().copied().unzip();
        let n = xs.len() as f64;
        let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties(xs) - ties(ys)) / 18.0;
        let reach = normal_quantile(f64::midpoint(1.0, CONFIDENCE)) * variance.max(0.0).sqrt();
        let low = ((self.count as f64 - reach) / 2.0).round_ties_even();
        let high = f64::midpoint(self.count as f64, reach).round_ties_even();
        // Fewer slopes than the interval would leave out at its ends: there is none at this
        // confidence.
        (low >= 1.0 && high < self.count as f64).then_some((low as u64, high as u64 + 1))
    }
}
