//! How long does a start take, and where does the time go?

use results::Workload;
use results::record::Scenario;
use serde::Serialize;

use crate::cells::{CellFacts, Measure};
use crate::facts::{Facts, one_per_system};

/// The starts of a workload in a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Starts {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// The ids of the cells whose totals are quoted, quickest first, and behind them those that
    /// failed each time.
    pub cells: Vec<String>,
    /// Of these, the ones that stand for the native program, WebAssembly and containers.
    pub representatives: Vec<String>,
    /// Of each system with totals the cell that stands for it.
    pub usual: Vec<String>,
    /// The ids of the cells whose starts were taken apart, quickest first.
    pub taken_apart: Vec<String>,
    /// Of each system the one that stands for it: the picture of all systems on one axis.
    pub usual_taken_apart: Vec<String>,
}

/// The starts of every workload in every scenario that is a start, in the order of the scenarios.
pub fn compute(facts: &Facts) -> Vec<Starts> {
    let scenarios = Scenario::ALL.into_iter().filter(|it| it.starts());
    scenarios
        .flat_map(|scenario| {
            let workloads = facts.workloads().into_iter();
            workloads.filter_map(move |workload| of_workload(facts, workload, scenario))
        })
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<Starts> {
    let cells = facts.listed_by(workload, scenario, Measure::TotalNs);
    let known = facts.comparable_by(workload, scenario, Measure::TotalNs);
    let taken_apart = facts.taken_apart(workload, scenario);
    let ids = |cells: &[&CellFacts]| cells.iter().map(|cell| cell.id.clone()).collect();
    (!cells.is_empty() || !taken_apart.is_empty()).then(|| Starts {
        workload: workload.clone(),
        scenario,
        cells: ids(&cells),
        representatives: ids(&facts.representatives(workload, scenario)),
        usual: ids(&one_per_system(&known)),
        taken_apart: ids(&taken_apart),
        usual_taken_apart: ids(&one_per_system(&taken_apart)),
    })
}
