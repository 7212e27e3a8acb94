//! What does a sample take beyond the start that it is of?

use serde::Serialize;

use crate::cells::{CellFacts, HarnessTime};
use crate::facts::Facts;
use crate::statistics;
use crate::units::nanoseconds;

/// The harness's own time around starts of programs that are launched: around those of systems with an
/// engine of their own it is mostly the engine's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Harness {
    /// How many cells' samples say it.
    pub cells: usize,
    /// At the median of the cells.
    pub median: HarnessTime,
}

/// The harness's own time; nothing where no record says it.
pub fn compute(facts: &Facts) -> Option<Harness> {
    let launched = |cell: &&CellFacts| !facts.has_engine(&cell.cell.system);
    let cells = facts.cells.iter().filter(launched);
    let times: Vec<HarnessTime> = cells.filter_map(|cell| cell.harness).collect();
    let at_median = |of: fn(&HarnessTime) -> f64| {
        let values: Vec<f64> = times.iter().map(of).collect();
        statistics::median(&values).ok()
    };
    Some(Harness {
        cells: times.len(),
        median: HarnessTime {
            around_ns: at_median(|time| time.around_ns)?,
            quiet_ns: at_median(|time| time.quiet_ns)?,
        },
    })
}

impl Harness {
    /// What is to be said of it.
    pub fn sentence(&self) -> String {
        let HarnessTime {
            around_ns,
            quiet_ns,
        } = self.median;
        format!(
            "The harness took {} a sample beyond the start itself, {} of it to wait until nothing else \
                ran (medians of starts of launched programs, over {} cells).",
            nanoseconds(around_ns),
            nanoseconds(quiet_ns),
            self.cells
        )
    }
}
