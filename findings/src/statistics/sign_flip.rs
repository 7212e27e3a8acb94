//! Differences within blocks, tested jointly over a family: no grain, and no price for comparisons
//! that go the same way.
//!
//! Under the hypothesis that nothing differs, the difference of a block is as likely to have one
//! sign as the other. Turning the signs of **whole blocks**, in every comparison at once, gives the
//! joint distribution of all statistics with whatever correlation comparisons have: they share a
//! baseline and a moment. A comparison is held against the distribution of the *largest* statistic
//! of those that are not yet rejected (step-down max-T: Westfall and Young, *Resampling-Based
//! Multiple Testing*, 1993, §2.6; Good, *Permutation, Parametric, and Bootstrap Tests of
//! Hypotheses*, 3rd ed., ch. 3). The least adjusted p-value is 2 / 2ⁿ for n blocks, **however many
//! comparisons there are**; Holm's would be that times their number.

use super::random::Random;

/// Up to so many blocks every pattern of signs is gone through.
const EXACT_UP_TO: usize = 13;

/// Patterns that are drawn where there are more.
const DRAWN: usize = 9_999;

/// What patterns are drawn from: the same differences give the same p-values.
const SEED: u64 = 0x5167_4f11;

/// Statistics that differ by less, relatively, are the same: sums of the same numbers in another
/// order.
const SAME: f64 = 1e-9;

/// How far from zero a difference counts in full, in medians of the differences' sizes: a stalled
/// sample has its direction and no more weight than this.
const REACH: f64 = 3.0;

/// How many further degrees of freedom the spread that is usual in a table counts for.
const USUAL_FREEDOM: f64 = 10.0;

/// The differences of one comparison. At most one a block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Differences {
    /// Each with the block that it is of.
    pub values: Vec<(u32, f64)>,
    /// The variance of a difference that is usual in the comparison's table; `None` for Student's own
    /// statistic.
    ///
    /// The standard error is then that of both together (a moderated t: Smyth, *Statistical
    /// Applications in Genetics and Molecular Biology* 3, 2004): with seven blocks, the largest of a
    /// hundred statistics is otherwise that of the comparison whose spread happens to be small. The
    /// order of one comparison's own patterns, and with it its own p-value, is the same for any
    /// variance.
    pub usual_variance: Option<f64>,
}

impl Differences {
    /// With a number added to each.
    #[must_use]
    pub(crate) fn shifted(&self, by: f64) -> Self {
        let shifted = self
            .values
            .iter()
            .map(|(block, value)| (*block, value + by));
        Self {
            values: shifted.collect(),
            ..*self
        }
    }
}

/// One comparison's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// The statistic: the mean of the differences over its standard error.
    pub t: f64,
    /// The two-sided p-value of this comparison alone.
    pub p: f64,
    /// The same, adjusted over the family.
    pub adjusted_p: f64,
}

/// The joint test of comparisons.
///
/// A comparison without a difference has t = 0 and p = 1.
pub fn sign_flips(family: &[Differences]) -> Vec<SignFlip> {
    let values = family.iter().flat_map(|it| &it.values);
    let patterns = Patterns::new(values.map(|(block, _)| *block).collect(), DRAWN);
    let tables: Vec<Vec<f64>> = family
        .iter()
        .map(|differences| patterns.statistics(differences))
        .collect();
    // The first pattern is the one that was measured.
    let mut order: Vec<usize> = (0..family.len()).collect();
    order.sort_by(|one, two| tables[*two][0].total_cmp(&tables[*one][0]));
    let mut tests: Vec<SignFlip> = family
        .iter()
        .zip(&tables)
        .map(|(differences, table)| SignFlip {
            t: table[0].sqrt().copysign(sum(&differences.values)),
            p: patterns.share(table, table[0]),
            adjusted_p: 1.0,
        })
        .collect();
    // From the least upwards: the largest of those that stand below.
    let mut largest = vec![0.0_f64; patterns.len()];
    for &at in order.iter().rev() {
        for (largest, own) in largest.iter_mut().zip(&tables[at]) {
            *largest = largest.max(*own);
        }
        tests[at].adjusted_p = patterns.share(&largest, tables[at][0]);
    }
    // None is rejected before those above it are.
    let mut least: f64 = 0.0;
    for at in order {
        least = least.max(tests[at].adjusted_p);
        tests[at].adjusted_p = least;
    }
    tests
}

/// The differences with each as far from zero as three medians of their sizes at most.
///
/// Sizes are the same whichever signs they have, so the test stays exact; a mean of these has the
/// power that a stall would take from it. (Huber, *Robust Statistics*, 1981, on bounded influence.)
pub fn bounded(differences: &[(u32, f64)]) -> Vec<(u32, f64)> {
    let mut sizes: Vec<f64> = differences.iter().map(|(_, it)| it.abs()).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let reach = match sizes.as_slice() {
        [] => return Vec::new(),
        sizes => REACH * super::quantile::of_sorted(sizes, 0.5),
    };
    let bound = |difference: f64| {
        if reach > 0.0 {
            difference.clamp(-reach, reach)
        } else {
            difference
        }
    };
    differences
        .iter()
        .map(|(block, difference)| (*block, bound(*difference)))
        .collect()
}

fn sum(differences: &[(u32, f64)]) -> f64 {
    differences.iter().map(|(_, difference)| difference).sum()
}

/// Patterns of signs of a run's blocks, the one without a turned sign first.
pub(crate) struct Patterns {
    /// The blocks, ascending.
    blocks: Vec<u32>,
    /// Of each pattern the sign of each block, 1 or −1.
    signs: Vec<Vec<f64>>,
    /// Whether they are all that there are, up to turning every sign.
    exact: bool,
}

impl Patterns {
    /// All patterns of these blocks, or so many drawn ones where there are more than are gone
    /// through.
    pub(crate) fn new(mut blocks: Vec<u32>, drawn: usize) -> Self {
        blocks.sort_unstable();
        blocks.dedup();
        let n = blocks.len();
        let exact = n <= EXACT_UP_TO;
        let signs = if exact {
            // With every sign turned the sizes are the same: half of the patterns are enough.
            let half = 1_usize << n.saturating_sub(1);
            let sign = |pattern: usize, at: usize| {
                if at > 0 && pattern >> (at - 1) & 1 == 1 {
                    -1.0
                } else {
                    1.0
                }
            };
            (0..half)
                .map(|pattern| (0..n).map(|at| sign(pattern, at)).collect())
                .collect()
        } else {
            let mut random = Random::new(SEED);
            let mut draw = || (0..n).map(|_| random.sign()).collect();
            let mut signs = vec![vec![1.0; n]];
            signs.extend((0..drawn).map(|_| draw()));
            signs
        };
        Self {
            blocks,
            signs,
            exact,
        }
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.signs.len()
    }

    /// t² of the differences for each pattern.
    pub(crate) fn statistics(&self, differences: &Differences) -> Vec<f64> {
        let values = differences.values.iter();
        let placed: Vec<(usize, f64)> = values
            .filter_map(|(block, it)| Some((self.blocks.binary_search(block).ok()?, *it)))
            .collect();
        let n = placed.len() as f64;
        let squares: f64 = placed.iter().map(|(_, it)| it * it).sum();
        let freedom = n - 1.0;
        let (usual, usual_freedom) = differences
            .usual_variance
            .map_or((0.0, 0.0), |variance| (variance, USUAL_FREEDOM));
        let statistic = |signs: &Vec<f64>| {
            let sum: f64 = placed.iter().map(|(at, it)| signs[*at] * it).sum();
            // Turning signs leaves the squares alone. What rounding leaves of nothing is nothing.
            let about_mean = squares - sum * sum / n;
            let about_mean = if about_mean > squares * 1e-14 {
                about_mean
            } else {
                0.0
            };
            let variance = (about_mean + usual_freedom * usual) / (freedom + usual_freedom);
            let statistic = sum * sum / n / variance;
            // Neither a difference nor a spread, or nothing at all.
            if statistic.is_nan() || n < 2.0 {
                0.0
            } else {
                statistic
            }
        };
        self.signs.iter().map(statistic).collect()
    }

    /// The share of patterns whose statistic is as large as what was measured.
    pub(crate) fn share(&self, table: &[f64], measured: f64) -> f64 {
        let least = measured * (1.0 - SAME);
        let reached = table.iter().filter(|it| **it >= least).count();
        // A drawn sample of patterns has the measured one in it, so that no p-value is zero.
        debug_assert!(
            self.exact || reached > 0,
            "the first pattern reaches itself"
        );
        reached as f64 / table.len() as f64
    }
}
