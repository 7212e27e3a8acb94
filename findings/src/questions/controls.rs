//! By how much does a system differ from itself?

use results::record::Scenario;
use serde::Serialize;

use crate::cells::Measure;
use crate::comparison::Family;
use crate::facts::Facts;

/// The A/A controls of a scenario and a measure: each system's second name against its first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The scenario.
    pub scenario: Scenario,
    /// The measure.
    pub measure: Measure,
    /// The floor that follows.
    pub floor: Option<f64>,
    /// The comparisons, without a floor. One that is a difference says that the machine drifted or
    /// that the order was not random.
    pub family: Family,
}

/// The controls of every scenario that has some: one of them that differs makes the whole run
/// doubtful.
pub fn compute(facts: &Facts) -> Vec<Control> {
    let controls = facts.controls.iter();
    controls
        .map(|(scenario, family)| Control {
            scenario: *scenario,
            measure: family.measure,
            floor: facts.floor(*scenario, family.measure),
            family: family.clone(),
        })
        .collect()
}
