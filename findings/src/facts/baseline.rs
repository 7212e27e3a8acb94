//! Every cell against the native program under the same conditions.

use std::collections::BTreeMap;

use results::record::Scenario;
use results::{Cell, Param, Workload};
use systems::BASELINE;

use super::floors::Floors;
use crate::cells::{CellFacts, Measure, is_plain, is_unobserved};
use crate::comparison::{Pair, Table};

/// What a scenario is compared by, the first first.
pub const fn compared_by(scenario: Scenario) -> &'static [Measure] {
    match scenario {
        Scenario::DiskCold | Scenario::CodeCold | Scenario::ImageCold | Scenario::WarmDisk => {
            &[Measure::TotalNs, Measure::PssBytes]
        }
        Scenario::Warm | Scenario::Paced => &[Measure::P50Ns],
        Scenario::Throughput => &[Measure::PerSecond, Measure::PssBytes],
        Scenario::Scaling => &[Measure::PerSecond],
        Scenario::Density => &[Measure::PrivateBytes, Measure::TotalNs],
    }
}

/// The name of a family.
pub(super) fn name(workload: &str, scenario: Scenario, measure: Measure) -> String {
    format!("{workload} {} {}", scenario.name(), measure.name())
}

/// One table for each workload, scenario and measure that has a pair.
pub(super) fn tables<'a>(cells: &'a [CellFacts], floors: &Floors) -> Vec<Table<'a>> {
    let mut groups: BTreeMap<(&Workload, Scenario), Vec<&CellFacts>> = BTreeMap::new();
    for cell in cells
        .iter()
        .filter(|cell| is_unobserved(&cell.cell) && is_plain(&cell.cell))
    {
        groups
            .entry((&cell.cell.workload, cell.cell.scenario))
            .or_default()
            .push(cell);
    }
    let mut tables = Vec::new();
    for ((workload, scenario), group) in groups {
        for &measure in compared_by(scenario) {
            let has = |cell: &&CellFacts| {
                !cell.values(measure).is_empty() && !cell.is_generators_latency()
            };
            let with: Vec<&CellFacts> = group.iter().copied().filter(has).collect();
            let pairs: Vec<_> = with
                .iter()
                .filter(|cell| !cell.is_twin())
                .filter_map(|cell| Some(Pair::new(cell, base_of(&with, cell)?)))
                .filter(|pair| pair.candidate.id != pair.baseline.id)
                .collect();
            tables.push(Table {
                name: name(workload, scenario, measure),
                measure,
                pairs,
                floor: floors.of_workload(workload, scenario, measure),
            });
        }
    }
    tables.retain(|table| !table.pairs.is_empty());
    tables
}

/// The native cell under the same conditions.
fn base_of<'a>(group: &[&'a CellFacts], cell: &CellFacts) -> Option<&'a CellFacts> {
    group
        .iter()
        .copied()
        .find(|other| other.cell.system == BASELINE && are_alike(&cell.cell, &other.cell))
}

/// Whether two cells are of one workload and scenario under the same conditions, so that their
/// systems are all that differs.
pub(crate) fn are_alike(one: &Cell, two: &Cell) -> bool {
    let is_same = |key: &Param| one.params.get(key) == two.params.get(key);
    one.workload == two.workload
        && one.scenario == two.scenario
        && Param::CONDITIONS.iter().all(is_same)
}
