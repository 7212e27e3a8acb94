//! The A/A controls: each system's second name against its first.

use results::record::Scenario;

use super::baseline::compared_by;
use crate::cells::{CellFacts, original};
use crate::comparison::{Pair, Table};

/// One table for each scenario and measure that there are twins of.
pub(super) fn tables(cells: &[CellFacts]) -> Vec<(Scenario, Table<'_>)> {
    let mut tables = Vec::new();
    for scenario in Scenario::ALL {
        let twins: Vec<(&CellFacts, &CellFacts)> = cells
            .iter()
            .filter(|cell| cell.is_twin() && cell.cell.scenario == scenario)
            .filter_map(|twin| {
                let original = original(&twin.cell);
                Some((twin, cells.iter().find(|cell| cell.cell == original)?))
            })
            .filter(|(twin, first)| !twin.is_generators_latency() && !first.is_generators_latency())
            .collect();
        for &measure in compared_by(scenario) {
            let pairs: Vec<_> = twins
                .iter()
                .filter(|(twin, first)| {
                    !twin.values(measure).is_empty() && !first.values(measure).is_empty()
                })
                .map(|(twin, first)| Pair::new(twin, first))
                .collect();
            let table = Table {
                name: format!("A/A {} {}", scenario.name(), measure.name()),
                measure,
                pairs,
                floor: None,
            };
            // A table without a pair is no family.
            tables.extend((!table.pairs.is_empty()).then_some((scenario, table)));
        }
    }
    tables
}
