//! A/A floors: by how much a system differs from itself.

use std::collections::BTreeMap;

use results::Workload;
use results::record::Scenario;
use serde::Serialize;

use crate::cells::{CellFacts, Measure, original};
use crate::comparison::{self, Sample};
use crate::statistics::relative_difference;

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
    /// Requests that arrive at a part of the capacity.
    Paced,
    /// Many instances under load.
    Scaling,
    /// Many instances that wait.
    Density,
}

impl From<Scenario> for Kind {
    fn from(scenario: Scenario) -> Self {
        match scenario {
            Scenario::DiskCold | Scenario::CodeCold | Scenario::ImageCold | Scenario::WarmDisk => {
                Self::Start
            }
            Scenario::Warm => Self::Warm,
            Scenario::Throughput => Self::Throughput,
            Scenario::Paced => Self::Paced,
            Scenario::Scaling => Self::Scaling,
            Scenario::Density => Self::Density,
        }
    }
}

/// The largest relative difference that a system showed to itself, by measure.
type ByMeasure = BTreeMap<Measure, f64>;

/// What the A/A control showed. Every pair of twins is one draw from what the method itself makes of
/// no difference.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Floors {
    /// Over all twins of a kind of scenario.
    pub all: BTreeMap<Kind, ByMeasure>,
    /// Over the twins of one workload, which take about as long as what they are held against.
    pub by_workload: BTreeMap<Kind, BTreeMap<Workload, ByMeasure>>,
}

impl Floors {
    /// The floors of a run.
    pub(super) fn compute(cells: &[CellFacts]) -> Self {
        let mut floors = Self::default();
        for twin in cells.iter().filter(|cell| cell.is_twin()) {
            let original = original(&twin.cell);
            let Some(first) = cells.iter().find(|cell| cell.cell == original) else {
                continue;
            };
            if twin.is_generators_latency() || first.is_generators_latency() {
                continue;
            }
            let kind = Kind::from(twin.cell.scenario);
            for &measure in Measure::ALL {
                let costs = [first, twin].map(|cell| Sample::costs(cell, measure));
                let Some(ratio) = comparison::ratio(&costs[1], &costs[0]) else {
                    continue;
                };
                let difference = relative_difference(ratio.estimate);
                let by_workload = floors.by_workload.entry(kind).or_default();
                let own = by_workload.entry(twin.cell.workload.clone()).or_default();
                for known in [floors.all.entry(kind).or_default(), own] {
                    let floor = known.entry(measure).or_default();
                    *floor = floor.max(difference);
                }
            }
        }
        floors
    }

    /// The floor of a scenario and a measure, over all workloads; nothing without an A/A control.
    pub(super) fn of_kind(&self, scenario: Scenario, measure: Measure) -> Option<f64> {
        self.all.get(&scenario.into())?.get(&measure).copied()
    }

    /// The floor that a comparison of a workload is held against: that of the workload's own twins,
    /// and where it has none, that of all.
    pub(super) fn of_workload(
        &self,
        workload: &str,
        scenario: Scenario,
        measure: Measure,
    ) -> Option<f64> {
        let by_workload = self.by_workload.get(&scenario.into());
        let own = by_workload.and_then(|it| it.get(&Workload::from(workload)));
        own.and_then(|it| it.get(&measure).copied())
            .or_else(|| self.of_kind(scenario, measure))
    }
}
