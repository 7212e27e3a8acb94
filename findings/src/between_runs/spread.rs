//! By how much cells of one build move between two runs, beyond their own noise.
//!
//! A run draws its cells' costs anew: where code lies in memory, what the kernel does at the time, which
//! pages are shared. No number of samples within two runs tells by how much. But most of what two runs
//! measured is the same in both, so that *cells* tell it: all of a family are held against one control,
//! and what moves two of them against each other is theirs and not the control's.
//!
//! - **Spread.** Half of what the squares of changes of one cell against another come to, less what their
//!   own samples explain. Squares are taken by the first quartile of sizes (Qₙ: Rousseeuw and Croux, *JASA*
//!   88, 1993), which bears it that a part of the cells truly changed, and knows no centre.
//! - **What is known beforehand.** With few cells the spread is poorly known. It counts together with
//!   that of the authors' machine, as if that were of so many further cells ([`KNOWN`]; a moderated
//!   variance: Smyth, *Statistical Applications in Genetics and Molecular Biology* 3, 2004).
//! - **Allowance.** A ratio to the control moves by the cell's own and by the control's, which is drawn
//!   from the same spread and is the same for all: √2 times the spread, times Student's t at 5 % over all
//!   comparisons of the two runs (Bonferroni).

use serde::Serialize;

use super::RATIO_ALLOWANCE;
use crate::statistics::{mean_and_sd, quantile, t_quantile};

/// The spread of a cell's cost between runs on the authors' machine, in logarithms, and for how many
/// degrees of freedom it counts.
const KNOWN: (f64, f64) = (0.015, 5.0);

/// Makes the first quartile of the sizes of differences of normal values estimate these values' standard
/// deviation: 1 / (√2 Φ⁻¹(5/8)).
const QUARTILE_CONSISTENCY: f64 = 2.219_144;

/// What a value more tells of a spread that is estimated so, beside one that is by least squares.
const EFFICIENCY: f64 = 0.6;

/// With fewer cells of a family, one that changed is in most pairs.
const LEAST_CELLS: usize = 3;

/// The level at which a run's draw makes no change, over all comparisons.
const ALPHA: f64 = 0.05;

/// What two runs show of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The standard deviation of a cell's change that its samples do not explain, in logarithms.
    pub sd: f64,
    /// For how many degrees of freedom it counts, with what was known beforehand.
    pub freedom: f64,
    /// Of how many cells it is.
    pub cells: usize,
    /// The relative change of a ratio to the control that is none: at least [`RATIO_ALLOWANCE`].
    pub allowance: f64,
}

/// A cell's logarithms in the earlier and in the later run.
pub(super) type Sides = [Vec<f64>; 2];

/// How the logarithms of one cell ÷ another moved, and the variance that samples explain of it.
pub(super) struct Moved {
    pub(super) difference: f64,
    pub(super) variance: f64,
}

impl Moved {
    /// Of logarithms in the earlier and the later run; nothing of fewer than two in either.
    pub(super) fn measured([before, after]: &Sides) -> Option<Self> {
        let part = |values: &[f64]| {
            let (mean, sd) = mean_and_sd(values);
            Some((mean, sd?.powi(2) / values.len() as f64))
        };
        let (before, after) = (part(before)?, part(after)?);
        Some(Self {
            difference: after.0 - before.0,
            variance: after.1 + before.1,
        })
    }
}

impl Spread {
    /// Of families, each so many cells with how every two of them moved against each other, for so many
    /// comparisons with a control.
    pub(super) fn estimate(families: &[(usize, Vec<Moved>)], comparisons: usize) -> Self {
        let told = families.iter().filter(|(cells, _)| *cells >= LEAST_CELLS);
        let (mut cells, mut free, mut pairs) = (0, 0, Vec::new());
        for (of_family, moved) in told {
            cells += of_family;
            free += of_family - 1;
            pairs.extend(moved);
        }
        let own = between(&pairs).unwrap_or(0.0);
        let own_freedom = EFFICIENCY * if pairs.is_empty() { 0.0 } else { free as f64 };
        let (known, known_freedom) = KNOWN;
        let freedom = own_freedom + known_freedom;
        let variance = (own_freedom * own + known_freedom * known * known) / freedom;
        let tail = ALPHA / (2.0 * comparisons.max(1) as f64);
        let t = t_quantile(1.0 - tail, freedom).unwrap_or(f64::INFINITY);
        let allowance = (t * (2.0 * variance).sqrt()).exp_m1();
        Self {
            sd: variance.sqrt(),
            freedom,
            cells,
            allowance: allowance.max(RATIO_ALLOWANCE),
        }
    }

    /// Whether cells of these two runs moved by more than the fixed allowance covers.
    pub fn is_wide(&self) -> bool {
        self.allowance > RATIO_ALLOWANCE
    }
}

/// The variance between runs of one cell's cost.
fn between(pairs: &[&Moved]) -> Option<f64> {
    let sizes: Vec<f64> = pairs.iter().map(|it| it.difference.abs()).collect();
    let sd = QUARTILE_CONSISTENCY * quantile(&sizes, 0.25).ok()?;
    let explained: f64 = pairs.iter().map(|it| it.variance).sum();
    // Each pair has the variances of both of its cells.
    Some((sd * sd - explained / pairs.len() as f64 / 2.0).max(0.0))
}
