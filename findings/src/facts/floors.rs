//! A/A floors: by how much a system differs from itself.

use std::collections::{BTreeMap, BTreeSet};

use results::record::Scenario;
use serde::Serialize;

use crate::cells::{CellFacts, Measure, original};
use crate::comparison::Sample;
use crate::statistics::aa_floor;

/// Scenarios that share a floor: a start is a start, however much was prepared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Starts.
    Start,
    /// Requests, one at a time.
    Warm,
    /// Requests, several at a time.
    Throughput,
    /// Many instances under load.
    Scaling,
    /// Many instances that wait.
    Density,
}

impl From<Scenario> for Kind {
    fn from(scenario: Scenario) -> Self {
        match scenario {
            Scenario::Cold | Scenario::RuntimeCold => Self::Start,
            Scenario::Warm => Self::Warm,
            Scenario::Throughput => Self::Throughput,
            Scenario::Scaling => Self::Scaling,
            Scenario::Density => Self::Density,
        }
    }
}

/// The largest difference between the same system under two names.
pub type Floors = BTreeMap<Kind, BTreeMap<Measure, f64>>;

/// The floor of a scenario and a measure; nothing without an A/A control.
pub(super) fn floor(floors: &Floors, scenario: Scenario, measure: Measure) -> Option<f64> {
    floors.get(&scenario.into())?.get(&measure).copied()
}

/// The floors of a run.
pub(super) fn compute(cells: &[CellFacts]) -> Floors {
    let kinds: BTreeSet<Kind> = cells.iter().map(|it| it.cell.scenario.into()).collect();
    let of_kind = |kind| {
        let floors = of_kind(cells, kind);
        (!floors.is_empty()).then_some((kind, floors))
    };
    kinds.into_iter().filter_map(of_kind).collect()
}

fn of_kind(cells: &[CellFacts], kind: Kind) -> BTreeMap<Measure, f64> {
    let twins = cells
        .iter()
        .filter(|cell| cell.is_twin() && Kind::from(cell.cell.scenario) == kind);
    let pairs: Vec<_> = twins
        .filter_map(|twin| {
            let original = original(&twin.cell);
            Some((cells.iter().find(|cell| cell.cell == original)?, twin))
        })
        .collect();
    let floor = |measure: Measure| {
        let costs: Vec<_> = pairs
            .iter()
            .map(|(one, two)| (Sample::costs(one, measure), Sample::costs(two, measure)))
            .collect();
        let costs: Vec<_> = costs
            .iter()
            .map(|(one, two)| (one.values(), two.values()))
            .collect();
        Some((measure, aa_floor(&costs)?))
    };
    Measure::ALL.iter().copied().filter_map(floor).collect()
}
