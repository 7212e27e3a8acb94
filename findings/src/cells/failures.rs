//! How often a cell failed: what stands beside every figure of it.
//!
//! The figures of a cell are made of the samples that ended well. Where many did not, these are
//! survivors, and what they took says nothing of what a start of the system takes: six starts that
//! were quick enough to answer before something broke are not the typical ones.

use super::CellFacts;

/// A cell of whose attempts more than this part failed is not compared, not ranked and in no
/// heading as a plain figure. A tenth is what a median can lose without moving far: with all that
/// failed on one side of it, it is the 45th or the 55th percentile.
const OFTEN: f64 = 0.1;

/// One failure is an accident, also of a cell with few samples.
const LEAST: usize = 2;

/// Why cells are not compared of which one fails often.
pub const FAILS_OFTEN: &str = "one of the two fails often";

impl CellFacts {
    /// How many samples were tried: those that ended well, those that failed, and those that were
    /// given up because the ones before them had failed.
    pub fn attempted(&self) -> usize {
        self.orders.len() + self.failures()
    }

    /// How many of these did not end well.
    pub fn failures(&self) -> usize {
        self.failed.len() + self.gave_up.len()
    }

    /// The part of the attempts that did not end well; nothing if there were none.
    pub fn failure_rate(&self) -> Option<f64> {
        let attempted = self.attempted();
        (attempted > 0).then(|| self.failures() as f64 / attempted as f64)
    }

    /// Whether it fails so often that its figures are those of survivors.
    pub fn fails_often(&self) -> bool {
        self.failures() >= LEAST && self.failure_rate().is_some_and(|rate| rate > OFTEN)
    }

    /// How many samples count, and of how many if not all do: `30`, `24 of 30`.
    pub fn counted(&self) -> String {
        match (self.orders.len(), self.attempted()) {
            (good, all) if good == all => good.to_string(),
            (good, all) => format!("{good} of {all}"),
        }
    }

    /// The same as a clause, where not all answered: `24 of 30 answered`.
    pub fn answered(&self) -> Option<String> {
        (self.failures() > 0).then(|| format!("{} answered", self.counted()))
    }
}
