//! How much does it matter what is cold? Each system's start in every kind of it, against the native
//! program's.

use std::collections::BTreeMap;

use results::record::Scenario;
use results::{System, Workload};
use serde::Serialize;
use systems::BASELINE;

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Family, Pair};
use crate::facts::{Facts, one_per_system};

/// One system's starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The system.
    pub system: System,
    /// The id of the cell that stands for it in each kind of cold, in the order of
    /// [`Scenario::STARTS`]; nothing where it has none.
    pub cells: [Option<String>; Scenario::STARTS.len()],
}

/// The starts of a workload in every kind of cold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindsOfCold {
    /// The workload.
    pub workload: Workload,
    /// The systems, in the order of tables.
    pub rows: Vec<Row>,
    /// The native program's cell that each kind is compared with, if there is one.
    pub baselines: [Option<String>; Scenario::STARTS.len()],
    /// The verdicts against these.
    pub family: Option<Family>,
}

impl KindsOfCold {
    /// The verdict on a row's cell of a kind, against the native program.
    pub fn verdict(&self, row: &Row, kind: usize) -> Option<&comparison::Comparison> {
        let (cell, baseline) = (row.cells[kind].as_ref()?, self.baselines[kind].as_ref()?);
        self.family.as_ref()?.between(cell, baseline)
    }
}

/// The workloads that were started in more than one kind of cold.
pub fn compute(facts: &Facts) -> Vec<KindsOfCold> {
    let workloads = facts.workloads().into_iter();
    workloads
        .filter_map(|workload| of_workload(facts, workload))
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload) -> Option<KindsOfCold> {
    let usual = Scenario::STARTS
        .map(|scenario| one_per_system(&facts.comparable_by(workload, scenario, Measure::TotalNs)));
    if usual.iter().filter(|cells| !cells.is_empty()).count() < 2 {
        return None;
    }
    let mut rows: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for cell in usual.iter().flatten() {
        let rows = rows.entry(systems::rank(&cell.cell.system)).or_default();
        if !rows.iter().any(|row| row.system == cell.cell.system) {
            rows.push(Row {
                system: cell.cell.system.clone(),
                cells: usual
                    .each_ref()
                    .map(|cells| of(cells, cell.system()).map(id)),
            });
        }
    }
    let native = Scenario::STARTS.map(|scenario| {
        let cells = baseline_kind(scenario).and_then(|kind| usual.get(kind));
        cells.and_then(|cells| of(cells, BASELINE))
    });
    let mut pairs = Vec::new();
    for (cells, native) in usual.iter().zip(native) {
        let Some(native) = native else { continue };
        let others = cells.iter().filter(|cell| cell.id != native.id);
        pairs.extend(others.map(|cell| Pair::new(cell, native)));
    }
    Some(KindsOfCold {
        workload: workload.clone(),
        rows: rows.into_values().flatten().collect(),
        baselines: native.map(|native| native.map(id)),
        family: comparison::judge(
            format!("{workload}, every kind of cold"),
            Measure::TotalNs,
            &pairs,
            facts.floor_of(workload, Scenario::DiskCold, Measure::TotalNs),
        ),
    })
}

fn id(cell: &CellFacts) -> String {
    cell.id.clone()
}

fn of<'a>(cells: &[&'a CellFacts], system: &str) -> Option<&'a CellFacts> {
    cells.iter().copied().find(|cell| cell.system() == system)
}

/// The kind of cold of the native program that a kind is compared with, by its place. It has nothing
/// to compile, so that its start in memory is the one that others' are compared with which compile;
/// and nothing to pull.
fn baseline_kind(scenario: Scenario) -> Option<usize> {
    let kind = match scenario {
        Scenario::ImageCold => return None,
        Scenario::CodeCold => Scenario::WarmDisk,
        kind => kind,
    };
    Scenario::STARTS.iter().position(|it| *it == kind)
}
