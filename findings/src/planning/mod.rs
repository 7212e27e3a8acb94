//! How many samples a finding takes, from a pilot run: the whole rule simulated.
//!
//! A verdict needs more than a test: a correction over the page, a threshold, an interval wholly
//! beyond it and beyond the A/A control. A formula for the power of the test alone promises what the
//! rule does not keep. So the rule itself is run, on pages made of the pilot:
//!
//! - **Noise.** Whole blocks of the pilot are drawn with replacement, and with them the differences
//!   of all comparisons and of all A/A twins in that block: what blocks do to all of them stays. Each
//!   comparison's differences are centred and as wide as the pilot's (n − 1). A page that repeats
//!   seven values is judged otherwise than one of as many values as it has blocks, so some of every
//!   block is mixed into each that is drawn, with normal weights, and all of it is made narrower by as
//!   much: a smoothed bootstrap whose kernel has the pilot's own covariances (Silverman and Young,
//!   *Biometrika* 74, 1987).
//! - **What a small pilot does not know.** Its spread is itself an estimate of ν = blocks − 1 degrees
//!   of freedom: every simulated page is wider or narrower by √(ν/χ²(ν)), the predictive distribution
//!   of a spread (Box and Tiao, *Bayesian Inference in Statistical Analysis*, §2.3). Without it, half
//!   of all small pilots would promise too much.
//! - **Effect.** One comparison at a time has it, all others have none.
//! - **Correction.** The joint test is that of the page, with one shortcut: what the largest statistic
//!   of all other comparisons is under each pattern of signs comes from a few pages for all.
//!
//! Power is never computed from a verdict's own samples ("post hoc"): that is the p-value in other
//! words (Hoenig and Heisey, *The American Statistician* 55, 2001).

mod pilot;
mod power;
mod search;

use serde::Serialize;

use crate::cells::Measure;
use crate::comparison::LEAST_BLOCKS;
use crate::facts::Facts;
use pilot::Pilot;

/// The share of runs that are to find the effect: 80 %.
pub const POWER: f64 = 0.8;

/// What a plan is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Target {
    /// Planned samples per cell.
    pub samples: usize,
    /// The relative difference to find: 0.05 is 5 %.
    pub effect: f64,
}

/// What a planned run will find.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// What was asked.
    pub target: Target,
    /// Blocks of the pilot.
    pub blocks: usize,
    /// How many pages were simulated for each number of samples.
    pub pages: u64,
    /// Over how many comparisons verdicts are corrected.
    pub corrected_over: usize,
    /// The tables, in the order of the page.
    pub tables: Vec<PlannedTable>,
}

/// The comparisons of one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedTable {
    /// Its name, by workload, scenario and measure.
    pub name: String,
    /// What is compared.
    pub measure: Measure,
    /// Its comparisons.
    pub comparisons: Vec<PlannedComparison>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedComparison {
    /// The id of the cell that is judged.
    pub candidate: String,
    /// The share of runs with the planned samples that call it slower where it is, by the effect.
    pub power: f64,
    /// The smallest relative difference that the planned samples find in 80 % of runs; nothing if
    /// none that was tried is.
    pub finds: Option<f64>,
    /// Samples with which 80 % of runs find the effect; nothing if it is more than was tried.
    pub needs: Option<usize>,
}

/// The fewest samples of each cell with which anything can be shown.
pub const fn least_samples() -> usize {
    LEAST_BLOCKS
}

/// The most samples of each cell that are tried.
pub const fn most_samples() -> usize {
    search::MOST
}

/// Plans by a pilot; nothing if it has no two blocks with a comparison of times.
pub fn plan(facts: &Facts, target: Target) -> Option<Plan> {
    let pilot = Pilot::new(facts)?;
    let found = search::search(&pilot, target);
    let tables = facts
        .families
        .iter()
        .enumerate()
        .filter_map(|(at, family)| {
            let of_table = pilot
                .comparisons
                .iter()
                .zip(&found)
                .filter(|(compared, _)| compared.table == at && compared.is_planned);
            let comparisons: Vec<_> = of_table
                .map(|(compared, found)| PlannedComparison {
                    candidate: compared.candidate.clone(),
                    power: found.power,
                    finds: found.finds,
                    needs: found.needs,
                })
                .collect();
            (!comparisons.is_empty()).then(|| PlannedTable {
                name: family.name.clone(),
                measure: family.measure,
                comparisons,
            })
        });
    Some(Plan {
        target,
        blocks: pilot.blocks,
        pages: search::PAGES,
        corrected_over: pilot.comparisons.len(),
        tables: tables.collect(),
    })
}
