//! By how much does a system differ from itself?

use results::record::Scenario;
use serde::Serialize;

use crate::cells::{CellFacts, Measure, original};
use crate::comparison::{self, Family, Pair, Table};
use crate::facts::{Facts, compared_by};

/// The A/A controls of a scenario and a measure: each system's second name against its first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The scenario.
    pub scenario: Scenario,
    /// The measure.
    pub measure: Measure,
    /// The floor that follows: no smaller difference is called one.
    pub floor: Option<f64>,
    /// The comparisons, without a floor. One that is a difference says that the machine drifted or
    /// that the order was not random.
    pub family: Family,
}

/// The controls of every scenario that has some, corrected together: one of them that differs makes
/// the whole run doubtful.
pub fn compute(facts: &Facts) -> Vec<Control> {
    let mut found: Vec<(Scenario, Table<'_>)> = Vec::new();
    for scenario in Scenario::ALL {
        let twins: Vec<(&CellFacts, &CellFacts)> = facts
            .cells
            .iter()
            .filter(|cell| cell.is_twin() && cell.cell.scenario == scenario)
            .filter_map(|twin| Some((twin, facts.find(&original(&twin.cell))?)))
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
            found.extend((!table.pairs.is_empty()).then_some((scenario, table)));
        }
    }
    let (scenarios, tables): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let families = comparison::judge_jointly(tables).into_iter();
    scenarios
        .into_iter()
        .zip(families)
        .map(|(scenario, family)| Control {
            scenario,
            measure: family.measure,
            floor: facts.floor(scenario, family.measure),
            family,
        })
        .collect()
}
