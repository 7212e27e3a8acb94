//! How much memory does one more instance take?
//!
//! The slope of the straight line through all samples is what one more instance takes, the
//! intercept what is there for any number of them. A line that does not predict the totals it was
//! fitted to is no description of them, and is marked.

use std::collections::BTreeMap;

use results::record::Scenario;
use results::{Cell, Param};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved, without};
use crate::facts::Facts;
use crate::statistics::{Estimate, Fit, linear_fit};

/// How far a total may be from what its line predicts, as a part of it, for the line to describe
/// it.
const DESCRIBED: f64 = 0.1;

/// Memory of which a line is fitted, the first that all cells have first.
const MEMORY: [Measure; 7] = [
    Measure::FleetBytes,
    Measure::PssBytes,
    Measure::PrivateBytes,
    Measure::ShimPssBytes,
    Measure::EnginePssBytes,
    Measure::PageTablesBytes,
    Measure::MachineBytes,
];

/// Cells that differ in the number of instances only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Density {
    /// What they have in common.
    pub cell: Cell,
    /// Each number of instances, the fewest first.
    pub steps: Vec<DensityStep>,
    /// Which memory the answer is about.
    pub memory_measure: Option<Measure>,
    /// That memory over instances. Its slope is what one more takes.
    pub memory: Option<Fit>,
    /// The largest distance of a total from that line.
    pub worst: Option<Distance>,
    /// Every kind of memory over instances, in bytes.
    pub fits: BTreeMap<Measure, Fit>,
}

/// One number of instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DensityStep {
    /// How many.
    pub instances: u64,
    /// The cell's id.
    pub cell: String,
    /// Right answers per second and MiB of all that they take: instances, shims and engine. Nothing
    /// where one of these is unknown.
    pub per_second_and_mib: Option<Estimate>,
}

/// How far a total is from its line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// As a part of the total.
    pub share: f64,
    /// At how many instances.
    pub instances: u64,
}

impl Density {
    /// Whether the line describes the totals.
    pub fn is_line(&self) -> bool {
        self.worst.is_none_or(|worst| worst.share <= DESCRIBED)
    }
}

/// Every system that was measured with numbers of idle instances.
pub fn compute(facts: &Facts) -> Vec<Density> {
    let mut groups: BTreeMap<Cell, Vec<(u64, &CellFacts)>> = BTreeMap::new();
    let fits = |cell: &&CellFacts| {
        let cell_is = cell.cell.scenario == Scenario::Density && !cell.is_twin();
        cell_is && is_unobserved(&cell.cell) && !cell.orders.is_empty()
    };
    for cell in facts.cells.iter().filter(fits) {
        let instances = cell.cell.params.get(Param::Instances);
        if let Some(n) = instances.and_then(|it| it.parse().ok()).filter(|n| *n > 0) {
            let common = without(&cell.cell, &[Param::Instances, Param::Connections]);
            groups.entry(common).or_default().push((n, cell));
        }
    }
    groups.into_iter().map(curve).collect()
}

fn curve((cell, mut members): (Cell, Vec<(u64, &CellFacts)>)) -> Density {
    members.sort_by_key(|(n, cell)| (*n, cell.id.clone()));
    let fits: BTreeMap<Measure, Fit> = MEMORY
        .into_iter()
        .filter_map(|measure| Some((measure, fit(&members, measure)?)))
        .collect();
    let memory_measure = MEMORY[..3].iter().copied().find(|measure| {
        members
            .iter()
            .all(|(_, it)| !it.values(*measure).is_empty())
    });
    let memory = memory_measure.and_then(|measure| fits.get(&measure).copied());
    let distance = |(instances, cell): &(u64, &CellFacts)| {
        let (total, fit) = (cell.median(memory_measure?)?, memory?);
        let predicted = fit.intercept + fit.slope * *instances as f64;
        Some(Distance {
            share: (predicted - total).abs() / total,
            instances: *instances,
        })
    };
    let worst = members
        .iter()
        .filter_map(distance)
        .max_by(|one, two| one.share.total_cmp(&two.share));
    Density {
        cell,
        steps: members.iter().map(step).collect(),
        memory_measure,
        memory,
        worst,
        fits,
    }
}

fn fit(members: &[(u64, &CellFacts)], measure: Measure) -> Option<Fit> {
    let points: Vec<(f64, f64)> = members
        .iter()
        // What one alone has to itself, two share: a line through both would be none.
        .filter(|(n, _)| measure != Measure::PrivateBytes || *n > 1)
        .flat_map(|(n, cell)| cell.values(measure).iter().map(|value| (*n as f64, *value)))
        .collect();
    linear_fit(&points).ok()
}

fn step((instances, cell): &(u64, &CellFacts)) -> DensityStep {
    let of = |measure| cell.measures.get(&measure);
    let efficiency = of(Measure::PerSecond)
        .zip(of(Measure::FleetBytes).zip(of(Measure::EnginePssBytes)))
        .filter(|(rates, (fleet, engine))| {
            rates.orders == fleet.orders && rates.orders == engine.orders
        })
        .and_then(|(rates, (fleet, engine))| {
            let bytes = fleet.values.iter().zip(&engine.values);
            let each = rates.values.iter().zip(bytes);
            let each: Vec<f64> = each
                .map(|(rate, (fleet, engine))| rate / ((fleet + engine) / f64::from(1 << 20)))
                .collect();
            Estimate::of_median(&each)
        });
    DensityStep {
        instances: *instances,
        cell: cell.id.clone(),
        per_second_and_mib: efficiency,
    }
}
