//! How long does a request to a running instance take, and how many does it answer?

use results::record::Scenario;
use results::{Param, Workload};
use serde::Serialize;

use crate::cells::{CellFacts, Measure};
use crate::facts::{Facts, compared_by, one_per_system};

/// The requests of a workload in a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requests {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// What is compared.
    pub measure: Measure,
    /// The ids of the cells, best first.
    pub cells: Vec<String>,
    /// The first of each system.
    pub best: Vec<String>,
    /// The ids of those whose memory is known, least first.
    pub by_memory: Vec<String>,
    /// Whether every request went out after the answer to the one before it.
    pub closed_loop: bool,
}

/// Requests of every workload.
pub fn compute(facts: &Facts) -> Vec<Requests> {
    [Scenario::Warm, Scenario::Throughput]
        .into_iter()
        .flat_map(|scenario| {
            let workloads = facts.workloads().into_iter();
            workloads.filter_map(move |workload| of_workload(facts, workload, scenario))
        })
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<Requests> {
    let measure = *compared_by(scenario).first()?;
    let mut cells = facts.comparable_by(workload, scenario, measure);
    if measure.is_rate() {
        cells.reverse();
    }
    let is_closed = |cell: &&CellFacts| {
        let pace = cell.cell.params.get(Param::Pace);
        pace.is_none_or(|pace| pace == "closed")
    };
    let ids = |cells: &[&CellFacts]| cells.iter().map(|cell| cell.id.clone()).collect();
    let by_memory = facts.comparable_by(workload, scenario, Measure::PssBytes);
    (!cells.is_empty()).then(|| Requests {
        workload: workload.clone(),
        scenario,
        measure,
        best: ids(&one_per_system(&cells)),
        by_memory: ids(&by_memory),
        closed_loop: cells.iter().all(is_closed),
        cells: ids(&cells),
    })
}
