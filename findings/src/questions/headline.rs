//! What is the answer in a sentence for each scenario, and in a row for each workload?

use results::Workload;
use results::record::Scenario;
use serde::Serialize;
use systems::{BASELINE, Kind, describe};

use crate::cells::{CellFacts, Measure};
use crate::comparison::Comparison;
use crate::facts::{Facts, compared_by};

/// A cell that stands for its kind of system, and the verdict on it against the native program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The cell's id.
    pub cell: String,
    /// Its median.
    pub median: f64,
    /// The verdict against the native program of the same entry.
    pub verdict: Option<Comparison>,
}

/// The answer of a workload and a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headline {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// What is compared.
    pub measure: Measure,
    /// How many cells were compared.
    pub compared: usize,
    /// The native program.
    pub native: Option<Entry>,
    /// WebAssembly at its best, without a container.
    pub wasm: Option<Entry>,
    /// A container at its best.
    pub container: Option<Entry>,
    /// The best and the worst of all.
    pub extremes: Option<(Entry, Entry)>,
}

/// Scenarios that have a headline.
const SCENARIOS: [Scenario; 4] = [
    Scenario::Cold,
    Scenario::RuntimeCold,
    Scenario::Warm,
    Scenario::Throughput,
];

/// The headlines of every workload, the first workload's first.
pub fn compute(facts: &Facts) -> Vec<Headline> {
    facts
        .workloads()
        .into_iter()
        .flat_map(|workload| {
            SCENARIOS
                .into_iter()
                .filter_map(|scenario| headline(facts, workload, scenario))
        })
        .collect()
}

fn headline(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<Headline> {
    let measure = *compared_by(scenario).first()?;
    let mut cells = facts.comparable_by(workload, scenario, measure);
    if measure.is_rate() {
        cells.reverse();
    }
    let native = cells.iter().copied().find(|it| it.system() == BASELINE);
    let family = facts.family(workload, scenario, measure);
    let verdict = |cell: &CellFacts| family?.between(&cell.id, &native?.id);
    let entry = |cell: &CellFacts| {
        Some(Entry {
            cell: cell.id.clone(),
            median: cell.median(measure)?,
            verdict: verdict(cell).cloned(),
        })
    };
    // Where there is a native program: those that were judged by the very cell that the sentence
    // begins with, and not by one under other conditions.
    let best = |kind: Kind| {
        let fits = |cell: &&&CellFacts| {
            let is_judged = native.is_none() || verdict(cell).is_some();
            describe(&cell.cell.system).kind == kind && is_judged
        };
        cells.iter().find(fits).and_then(|cell| entry(cell))
    };
    Some(Headline {
        workload: workload.clone(),
        scenario,
        measure,
        compared: cells.len(),
        native: native.and_then(entry),
        wasm: best(Kind::Wasm),
        container: best(Kind::Container),
        extremes: Some((entry(cells.first()?)?, entry(cells.last()?)?)),
    })
}
