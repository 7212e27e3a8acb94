//! What does a pool cost a start, over its slots?
//!
//! A pool reserves its slots when its engine is made, whether or not they are ever used: what a pool
//! "costs" is the cost of so many. The slope of the straight line through all starts is what one more
//! slot costs, the intercept what a start takes with none; a start without a pool stands beside it.

use std::collections::BTreeMap;

use results::values::{Allocator, Named as _};
use results::{Cell, Param};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved, without};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;
use crate::statistics::{Fit, linear_fit};

/// Starts that differ in the slots of their pool only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolSlots {
    /// What they have in common.
    pub cell: Cell,
    /// Each number of slots with its cell's id, the fewest first.
    pub steps: Vec<(u64, String)>,
    /// The time of a start over slots, in nanoseconds.
    pub fit: Option<Fit>,
    /// The id of the same starts without a pool, if they were measured.
    pub unpooled: Option<String>,
    /// The pools against them.
    pub family: Option<Family>,
}

/// Every way to start that was measured with several numbers of slots.
pub fn compute(facts: &Facts) -> Vec<PoolSlots> {
    let mut groups: BTreeMap<Cell, Vec<(u64, &CellFacts)>> = BTreeMap::new();
    let fits = |cell: &&CellFacts| {
        cell.cell.scenario.starts()
            && !cell.is_twin()
            && is_unobserved(&cell.cell)
            && cell.median(Measure::TotalNs).is_some()
    };
    for cell in facts.cells.iter().filter(fits) {
        let slots = cell.cell.params.get(Param::PoolSlots);
        if let Some(n) = slots.and_then(|it| it.parse().ok()).filter(|n| *n > 0) {
            let common = without(&cell.cell, &[Param::PoolSlots]);
            groups.entry(common).or_default().push((n, cell));
        }
    }
    groups.retain(|_, members| members.len() > 1);
    groups
        .into_iter()
        .map(|(cell, members)| curve(facts, cell, members))
        .collect()
}

fn curve(facts: &Facts, cell: Cell, mut members: Vec<(u64, &CellFacts)>) -> PoolSlots {
    members.sort_by_key(|(n, cell)| (*n, cell.id.clone()));
    let points: Vec<_> = members
        .iter()
        .flat_map(|(n, cell)| {
            let values = cell.values(Measure::TotalNs).iter();
            values.map(|value| (*n as f64, *value))
        })
        .collect();
    let unpooled = unpooled(facts, &cell);
    let pairs: Vec<_> = unpooled
        .iter()
        .flat_map(|base| members.iter().map(|(_, cell)| Pair::new(cell, base)))
        .collect();
    let (workload, scenario) = (&cell.workload, cell.scenario);
    let name = format!("{} {workload} {} pool slots", cell.system, scenario.name());
    let floor = facts.floor_of(workload, scenario, Measure::TotalNs);
    PoolSlots {
        steps: members
            .iter()
            .map(|(n, cell)| (*n, cell.id.clone()))
            .collect(),
        fit: linear_fit(&points).ok(),
        family: comparison::judge(name, Measure::TotalNs, &pairs, floor),
        unpooled: unpooled.map(|it| it.id.clone()),
        cell,
    }
}

/// The same starts without a pool.
fn unpooled<'a>(facts: &'a Facts, cell: &Cell) -> Option<&'a CellFacts> {
    let mut cell = without(cell, &[Param::PoolLimits, Param::Pool]);
    cell.params
        .insert(Param::Allocator, Allocator::OnDemand.name());
    let found = facts.find(&cell)?;
    found.median(Measure::TotalNs).is_some().then_some(found)
}
