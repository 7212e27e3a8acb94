//! What should be switched on? Each lever of an embedded engine moved alone, against the start with all
//! of them where the engine has them.

use std::collections::BTreeMap;

use results::levers::{LEVERS, Lever};
use results::record::Scenario;
use results::{Cell, Param, Workload};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved};
use crate::comparison::{self, Comparison, Family, Pair};
use crate::facts::Facts;

/// Parameters that are levers too, and are in every cell: of each the value that the engine has if
/// nobody moves it. Interruption is this project's own: the engine has none.
static ALWAYS_THERE: [(Param, &str); 5] = [
    (Param::Allocator, "on_demand"),
    (Param::MemoryInit, "cow"),
    (Param::Compiler, "cranelift"),
    (Param::CompileThreads, "parallel"),
    (Param::Interrupt, "epoch"),
];

/// What a pool is given, of a start that has one.
static POOL: [Param; 2] = [Param::PoolSlots, Param::PoolLimits];

/// A lever that was moved, and what became of the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The parameter and its value, as `--select` takes them: `memory_guard=0`.
    pub lever: String,
    /// The value that it has if nobody moves it.
    pub otherwise: String,
    /// The id of the cell.
    pub cell: String,
}

/// One start, and what each lever does to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Levers {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// The id of the cell with every lever where the engine has it.
    pub base: String,
    /// The levers, the one that shortens the start most first.
    pub moved: Vec<Moved>,
    /// The verdicts, in the same order.
    pub family: Family,
    /// Levers that could not be moved, and why.
    pub cannot: Vec<(String, String)>,
}

impl Levers {
    /// Each lever with its verdict.
    pub fn rows(&self) -> impl Iterator<Item = (&Moved, &Comparison)> {
        self.moved.iter().zip(&self.family.members)
    }
}

/// Every start of which some lever of the table was moved alone. A run that moves none has none: what
/// its other parameters change is in other answers.
pub fn compute(facts: &Facts) -> Vec<Levers> {
    let cells = || {
        let plain = |cell: &&CellFacts| is_unobserved(&cell.cell) && !cell.is_twin();
        facts.cells.iter().filter(plain)
    };
    let mut groups: BTreeMap<&str, Vec<(&CellFacts, Moved)>> = BTreeMap::new();
    for cell in cells().filter(|cell| cell.cell.scenario.starts()) {
        let Some((param, rest)) = moved_alone(&cell.cell) else {
            continue;
        };
        let Some(base) = facts.find(&rest) else {
            continue;
        };
        let value = |cell: &Cell| cell.params.get(param.clone()).map(str::to_owned);
        let usual = || Lever::of(&param).map(|lever| lever.default_value().to_owned());
        let moved = Moved {
            lever: format!("{param}={}", value(&cell.cell).unwrap_or_default()),
            otherwise: value(&rest).or_else(usual).unwrap_or_default(),
            cell: cell.id.clone(),
        };
        groups.entry(&base.id).or_default().push((cell, moved));
    }
    let is_of_the_table = |(cell, _): &(&CellFacts, Moved)| {
        let mut params = cell.cell.params.keys();
        params.any(|param| Lever::of(param).is_some() || POOL.contains(param))
    };
    let groups = groups.into_iter();
    groups
        .filter(|(_, group)| group.iter().any(is_of_the_table))
        .filter_map(|(base, group)| of_base(facts, facts.cell(base)?, &group))
        .collect()
}

/// The one lever that is moved in a cell, and the cell with that where the engine has it; nothing if
/// none is, or several are. What a pool is given is moved in a start that has one.
fn moved_alone(cell: &Cell) -> Option<(Param, Cell)> {
    let value = |param: &Param| cell.params.get(param.clone());
    let has_pool = POOL.iter().any(|param| value(param).is_some());
    let of_table = LEVERS.iter().map(|lever| lever.param).chain(&POOL);
    let of_table = of_table.filter(|param| value(param).is_some());
    let always = ALWAYS_THERE.iter().filter(|(param, usual)| {
        let is_the_pools = has_pool && *param == Param::Allocator;
        !is_the_pools && value(param).is_some_and(|it| it != *usual)
    });
    let mut moved = of_table.chain(always.map(|(param, _)| param));
    let (Some(param), None) = (moved.next(), moved.next()) else {
        return None;
    };
    let mut params = cell.params.without(std::slice::from_ref(param));
    if let Some((param, usual)) = ALWAYS_THERE.iter().find(|(known, _)| known == param) {
        params.insert(param.clone(), *usual);
    }
    let rest = Cell {
        params,
        ..cell.clone()
    };
    Some((param.clone(), rest))
}

fn of_base(facts: &Facts, base: &CellFacts, group: &[(&CellFacts, Moved)]) -> Option<Levers> {
    let measure = Measure::TotalNs;
    let has = |cell: &CellFacts| !cell.values(measure).is_empty();
    let (measured, cannot): (Vec<_>, Vec<_>) = group.iter().partition(|(cell, _)| has(cell));
    let pairs: Vec<_> = measured
        .iter()
        .map(|(cell, _)| Pair::new(cell, base))
        .collect();
    let (workload, scenario) = (&base.cell.workload, base.cell.scenario);
    let mut family = comparison::judge(
        format!("{workload} {} levers {}", scenario.name(), base.id),
        measure,
        &pairs,
        facts.floor_of(workload, scenario, measure),
    )?;
    let estimate = |it: &Comparison| it.ratio.map_or(f64::INFINITY, |ratio| ratio.estimate);
    family
        .members
        .sort_by(|one, other| estimate(one).total_cmp(&estimate(other)));
    let moved = family.members.iter().filter_map(|member| {
        let of_member = |(cell, _): &&&(&CellFacts, Moved)| cell.id == member.candidate;
        measured
            .iter()
            .find(of_member)
            .map(|(_, moved)| moved.clone())
    });
    let reason = |(cell, moved): &&(&CellFacts, Moved)| {
        let first = cell.reasons.keys().next();
        (moved.lever.clone(), first.cloned().unwrap_or_default())
    };
    Some(Levers {
        workload: workload.clone(),
        scenario,
        base: base.id.clone(),
        moved: moved.collect(),
        family,
        cannot: cannot.iter().map(reason).collect(),
    })
}
