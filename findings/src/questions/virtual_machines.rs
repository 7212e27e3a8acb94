//! What was measured of virtual machines that no hardware runs? Shown, and compared with nothing.

use std::collections::BTreeMap;

use results::Workload;
use results::record::Scenario;
use results::values::Virtualisation;
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_as_used, is_unobserved, stands_apart};
use crate::facts::{Facts, compared_by};

/// The machines of one kind in a workload and a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Apart {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// What executes the guests.
    pub virtualisation: Virtualisation,
    /// Why these are not compared with others.
    pub why: &'static str,
    /// What they are listed by.
    pub measure: Measure,
    /// The ids of the cells, in the order of tables: their figures make no ranking.
    pub cells: Vec<String>,
}

impl Apart {
    /// What holds of all of them, as a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "`virtualisation={}`: {}. So none of these figures is compared with another system's, \
                ranked or counted into a verdict; what a monitor does itself (`spawn`, and `vmm` as far as \
                no firmware is in it) is the machine's own.",
            results::values::Named::name(self.virtualisation),
            self.why
        )
    }
}

/// Every workload and scenario that has such machines, by what executes their guests.
pub fn compute(facts: &Facts) -> Vec<Apart> {
    let mut groups: BTreeMap<(&Workload, Scenario, Virtualisation), Vec<&CellFacts>> =
        BTreeMap::new();
    for cell in &facts.cells {
        let Some(virtualisation) = stands_apart(&cell.cell) else {
            continue;
        };
        if cell.is_twin() || !is_unobserved(&cell.cell) || !is_as_used(&cell.cell) {
            continue;
        }
        let key = (&cell.cell.workload, cell.cell.scenario, virtualisation);
        groups.entry(key).or_default().push(cell);
    }
    let group = |((workload, scenario, virtualisation), mut cells): (_, Vec<&CellFacts>)| {
        cells.sort_by(|one, two| systems::by_use(&one.cell, &two.cell));
        let workload: &Workload = workload;
        Some(Apart {
            workload: workload.clone(),
            scenario,
            virtualisation,
            why: Virtualisation::incomparable(virtualisation)?,
            measure: *compared_by(scenario).first()?,
            cells: cells.iter().map(|cell| cell.id.clone()).collect(),
        })
    };
    groups.into_iter().filter_map(group).collect()
}
