//! Every comparison that a person can ask for: its design, its estimate, its interval, its verdict,
//! and the words for them. Sentences, tables, headings and pictures take them from here.
//!
//! **Design.** Samples of one run are taken in shuffled blocks, each with one sample of every cell.
//! What was measured in blocks is compared within blocks: values of the same block are pairs. A table
//! is blocked if the blocks of its members match (at least three quarters of the smaller sample are
//! in blocks that have both), however few they are; otherwise samples are independent. This does not
//! depend on what was measured.
//!
//! **Test.** Of the logarithms of ratios. Within blocks: Student's statistic of bounded differences
//! under all patterns of signs of whole blocks, step-down max-T over the family
//! ([`crate::statistics::sign_flips`]). Independent samples: Welch's test, corrected after Holm.
//!
//! **Estimate.** The ratio candidate ÷ baseline and the shift candidate − baseline are Hodges and
//! Lehmann's, with the intervals of the rank test of the design; of starts they reach further by what
//! either side may have been seen late ([`crate::cells::Lateness`]). No other estimate of a ratio is
//! stated anywhere.
//!
//! **Verdict.** [`Policy`](crate::statistics::Policy) decides: a threshold below which nobody would act, a margin of equivalence that
//! is fixed beforehand, and the A/A control.

mod bound;
mod judge;
mod sample;
mod words;

use serde::Serialize;

use crate::cells::{CellFacts, FAILS_OFTEN, Measure};
use crate::statistics::{Interval, Shift, Verdict};

pub use bound::Bound;
pub(crate) use judge::usual_variance;
pub use judge::{
    FURTHER_LEVEL, LEAST_BLOCKS, PAGE_LEVEL, Table, judge, judge_jointly, judge_samples, ratio,
};
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
    /// Whether that is only a bound of the ratio, since the load generator held one of them up.
    pub bound: Option<Bound>,
    /// Candidate − baseline, in the measure's unit; of a rate, in nanoseconds a request.
    pub shift: Option<Effect>,
    /// The p-value of "there is no difference".
    pub p: Option<f64>,
    /// The same, adjusted over the family.
    pub adjusted_p: Option<f64>,
    /// The p-value of "the difference is not beyond the threshold", adjusted over the family.
    pub adjusted_threshold_p: Option<f64>,
}

/// The comparisons of one table.
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
    /// Over how many comparisons, of this table and others, its p-values are adjusted.
    pub corrected_over: usize,
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
    /// The largest relative difference that still counts as none.
    pub margin: f64,
    /// The largest relative difference that the A/A control showed; `null` where there was none.
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
    /// Two cells that may be compared, unless one of them fails often: what is left of it are
    /// survivors.
    pub fn new(candidate: &'a CellFacts, baseline: &'a CellFacts) -> Self {
        Self {
            candidate,
            baseline,
            obstacle: (candidate.fails_often() || baseline.fails_often()).then_some(FAILS_OFTEN),
        }
    }
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
