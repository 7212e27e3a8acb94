//! What does a request cost, by how many requests an instance handles?
//!
//! A request that gets an instance of its own cannot leave anything behind for the next. That has a
//! price whatever the engine is, so services are set side by side within one life cycle, and across
//! life cycles only each with itself: then the difference is that price.
//!
//! The cost is CPU time, which says the same with a generator at its limit as with one that idles.

use results::record::Scenario;
use results::values::{Lifecycle, Named as _};
use results::{Param, Workload};
use serde::Serialize;
use systems::usual;

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;

/// The requests of a workload in a scenario, by life cycle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lifecycles {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// Each life cycle with those that have it.
    pub groups: Vec<Group>,
    /// Of each system, requests that get instances of their own against the same with one instance
    /// for all.
    pub price: Option<Family>,
}

/// Services of one life cycle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// How many requests an instance handles.
    pub lifecycle: String,
    /// The ids of its cells, the least CPU time first.
    pub cells: Vec<String>,
    /// The id of the one that the others are compared with: named beforehand, by use.
    pub baseline: String,
    /// The others against it; nothing if there are none.
    pub family: Option<Family>,
}

/// Every workload under load whose cells say how many requests an instance handles.
pub fn compute(facts: &Facts) -> Vec<Lifecycles> {
    let of_scenario = |scenario| {
        let workloads = facts.workloads().into_iter();
        workloads.filter_map(move |workload| of_workload(facts, workload, scenario))
    };
    [Scenario::Throughput, Scenario::Warm]
        .into_iter()
        .flat_map(of_scenario)
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<Lifecycles> {
    let cells = facts.comparable_by(workload, scenario, Measure::RequestCpuNs);
    let groups = Lifecycle::ALL.iter().filter_map(|lifecycle| {
        let is_of = |cell: &&CellFacts| cell.cell.params.is(Param::Lifecycle, lifecycle.name());
        let alike: Vec<_> = cells.iter().copied().filter(is_of).collect();
        group(facts, *lifecycle, &alike)
    });
    let groups: Vec<_> = groups.collect();
    (!groups.is_empty()).then(|| Lifecycles {
        workload: workload.clone(),
        scenario,
        price: price(facts, workload, scenario, &cells),
        groups,
    })
}

fn group(facts: &Facts, lifecycle: Lifecycle, cells: &[&CellFacts]) -> Option<Group> {
    let baseline = usual(cells.iter().copied(), |it| &it.cell)?;
    let others = cells.iter().filter(|cell| cell.id != baseline.id);
    let pairs: Vec<_> = others.map(|cell| Pair::new(cell, baseline)).collect();
    let (workload, scenario) = (&baseline.cell.workload, baseline.cell.scenario);
    let name = format!("{workload} {} {}", scenario.name(), lifecycle.name());
    Some(Group {
        lifecycle: lifecycle.name().to_owned(),
        cells: cells.iter().map(|cell| cell.id.clone()).collect(),
        baseline: baseline.id.clone(),
        family: judged(facts, name, baseline, &pairs),
    })
}

/// What an instance for each request costs: of each way that has one, against the same system with
/// one instance for all.
fn price(
    facts: &Facts,
    workload: &Workload,
    scenario: Scenario,
    cells: &[&CellFacts],
) -> Option<Family> {
    let is = |cell: &CellFacts, lifecycle: Lifecycle| {
        cell.cell.params.is(Param::Lifecycle, lifecycle.name())
    };
    let reused_of = |cell: &CellFacts| {
        let same = |other: &&CellFacts| {
            other.cell.system == cell.cell.system
                && is(other, Lifecycle::Reused)
                && SAME
                    .iter()
                    .all(|key| other.cell.params.get(key) == cell.cell.params.get(key))
        };
        usual(cells.iter().copied().filter(same), |it| &it.cell)
    };
    let each = cells.iter().filter(|it| is(it, Lifecycle::PerRequest));
    let pairs: Vec<_> = each
        .filter_map(|cell| Some(Pair::new(cell, reused_of(cell)?)))
        .collect();
    let name = format!("{workload} {} life cycles", scenario.name());
    let baseline = pairs.first()?.baseline;
    judged(facts, name, baseline, &pairs)
}

/// In what two life cycles of a system are alike.
const SAME: [Param; 2] = [Param::Acquire, Param::Connections];

fn judged(facts: &Facts, name: String, of: &CellFacts, pairs: &[Pair<'_>]) -> Option<Family> {
    let floor = facts.floor_of(&of.cell.workload, of.cell.scenario, Measure::RequestCpuNs);
    comparison::judge(name, Measure::RequestCpuNs, pairs, floor)
}
