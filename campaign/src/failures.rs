//! Cells that keep failing.

use std::collections::BTreeMap;

use results::{Cell, Outcome, Sample, Skip, SkipKind};

/// Samples of one cell that may fail in a row before the rest of them are skipped: what fails three
/// times over will fail again, and thirty time limits of thirty seconds are a quarter of an hour.
pub const FAILURES_IN_A_ROW: u32 = 3;

/// How often each cell has failed in a row.
#[derive(Debug, Default)]
pub(crate) struct Failures(BTreeMap<Cell, u32>);

impl Failures {
    /// What the samples of an interrupted run say: a resumed run gives up where an uninterrupted
    /// one would have.
    pub(crate) fn replay(recorded: &[Sample]) -> Self {
        let mut failures = Self::default();
        recorded.iter().for_each(|sample| failures.note(sample));
        failures
    }

    pub(crate) fn note(&mut self, sample: &Sample) {
        match sample.outcome {
            Outcome::Ok => _ = self.0.remove(&sample.cell),
            Outcome::Failed => *self.0.entry(sample.cell.clone()).or_default() += 1,
            Outcome::Skipped => {}
        }
    }

    pub(crate) fn gave_up(&self, cell: &Cell) -> Option<Skip> {
        let reason = || format!("given up: this cell failed {FAILURES_IN_A_ROW} times in a row");
        (*self.0.get(cell)? >= FAILURES_IN_A_ROW)
            .then(|| Skip::new(SkipKind::GaveUp, reason()).remedy("see its failed samples"))
    }
}
