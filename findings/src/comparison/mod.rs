//! Every comparison that a person can ask for: its design, its estimate, its interval, its verdict,
//! and the words for them. Sentences, tables, headings and pictures take them from here.
//!
//! **Design.** Samples of one run are taken in shuffled blocks, each with one sample of every cell.
//! What was measured in blocks is compared within blocks: values of the same block are pairs, tested
//! by Wilcoxon's signed ranks. A family of comparisons is blocked if the blocks of its members match
//! (at least three quarters of the smaller sample are in blocks that have both) and if there are
//! enough of them for the test to reject anything at the strictest of Holm's levels; otherwise, and
//! between two runs, samples are independent and are tested by Mann and Whitney's ranks. Neither
//! depends on what was measured.
//!
//! **Estimate.** The ratio candidate ÷ baseline and the shift candidate − baseline are Hodges and
//! Lehmann's, with the intervals that go with the test. No other estimate of a ratio is stated
//! anywhere.
//!
//! **Verdict.** [`crate::statistics`] decides: Holm over the family, a threshold below which nobody
//! would act, and the A/A floor.

mod judge;
mod sample;
mod words;

use serde::Serialize;

use crate::cells::{CellFacts, Measure};
use crate::statistics::{Interval, Shift, Verdict};

pub use judge::{judge, judge_from, ratio};
pub use sample::Sample;
pub use words::signed;

/// How two samples belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Pairs of values of the same block.
    Blocked,
    /// Two samples that have nothing to do with each other.
    Independent,
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// The estimate.
    pub estimate: f64,
    /// Its 95 % interval; nothing if there are too few samples for one.
    pub interval: Option<Interval>,
}

impl Effect {
    /// The same in another unit.
    #[must_use]
    pub fn scaled(&self, by: f64) -> Self {
        Self {
            estimate: self.estimate * by,
            interval: self.interval.map(|interval| interval.map(|end| end * by)),
        }
    }
}

impl From<Shift> for Effect {
    fn from(shift: Shift) -> Self {
        Self {
            estimate: shift.estimate,
            interval: shift.interval,
        }
    }
}

/// One comparison: a candidate judged against a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The id of the cell that is judged.
    pub candidate: String,
    /// The id of the cell that it is judged against.
    pub baseline: String,
    /// What is compared. Of a rate, its reciprocal: nanoseconds a request.
    pub measure: Measure,
    /// How the two samples belong together.
    pub design: Design,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Pairs, or values of the smaller sample.
    pub n: usize,
    /// Candidate ÷ baseline.
    pub ratio: Option<Effect>,
    /// Candidate − baseline, in the measure's unit; of a rate, in nanoseconds a request.
    pub shift: Option<Effect>,
    /// The p-value of "there is no difference".
    pub p: Option<f64>,
    /// The same, adjusted over the family.
    pub adjusted_p: Option<f64>,
    /// The p-value of "the difference is not beyond the threshold", adjusted over the family.
    pub adjusted_threshold_p: Option<f64>,
}

/// The comparisons of one table, corrected together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// Its name, by workload, scenario and what is measured.
    pub name: String,
    /// What is compared.
    pub measure: Measure,
    /// How samples belong together.
    pub design: Design,
    /// What counts as a difference in it.
    pub policy: PolicyFacts,
    /// The comparisons.
    pub members: Vec<Comparison>,
}

/// A policy as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PolicyFacts {
    /// The chance of a wrong difference in the family.
    pub alpha: f64,
    /// The relative difference below which nobody would act.
    pub threshold: f64,
    /// What the A/A control showed; `null` where there was none.
    pub floor: Option<f64>,
}

/// Two cells to compare.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// What is judged.
    pub candidate: &'a CellFacts,
    /// What it is judged against.
    pub baseline: &'a CellFacts,
    /// Why they must not be compared, if so.
    pub obstacle: Option<&'static str>,
}

impl<'a> Pair<'a> {
    /// Two cells that may be compared.
    pub fn new(candidate: &'a CellFacts, baseline: &'a CellFacts) -> Self {
        Self {
            candidate,
            baseline,
            obstacle: None,
        }
    }
}

/// Whether two samples were taken in the blocks of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Both are of one run.
    OneRun,
    /// Each is of a run of its own.
    TwoRuns,
}

impl Family {
    /// The verdict on a cell.
    pub fn of_candidate(&self, id: &str) -> Option<&Comparison> {
        self.members.iter().find(|member| member.candidate == id)
    }

    /// The verdict on a cell against another.
    pub fn between(&self, candidate: &str, baseline: &str) -> Option<&Comparison> {
        self.members
            .iter()
            .find(|member| member.candidate == candidate && member.baseline == baseline)
    }
}

impl Comparison {
    /// Whether it is a difference.
    pub fn is_difference(&self) -> bool {
        matches!(self.verdict, Verdict::Faster | Verdict::Slower)
    }
}
