//! What does it cost to acquire code: to compile it, to load it, to find it in a cache?

use results::record::Scenario;
use results::{Phase, Workload};
use serde::Serialize;
use systems::usual;

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;

/// One system's starts of a workload, by how its code was acquired.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acquisition {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// The system.
    pub system: String,
    /// The cell whose starts compile.
    pub compiled: String,
    /// The phase in which it acquires its code.
    pub phase: Phase,
    /// The median of that phase as a part of the median of the total.
    pub share: f64,
    /// The phase of each other mode, in the order of the family.
    pub others: Vec<Phase>,
    /// Starts in other modes against those that compile.
    pub family: Option<Family>,
}

/// Modes that are set against compilation: interpreting, a cache, a file that is mapped, a file
/// that is read.
const OTHERS: [Phase; 4] = [
    Phase::Validate,
    Phase::CacheHit,
    Phase::DeserializeFile,
    Phase::Deserialize,
];

/// Every system that reports its own phases and compiles in some of its starts.
pub fn compute(facts: &Facts) -> Vec<Acquisition> {
    let mut found = Vec::new();
    for workload in facts.workloads() {
        for scenario in Scenario::ALL.into_iter().filter(|it| it.starts()) {
            let cells = facts.taken_apart(workload, scenario);
            let mut systems: Vec<&str> = cells.iter().map(|cell| cell.system()).collect();
            systems.sort_unstable();
            systems.dedup();
            for system in systems {
                let own = cells.iter().copied().filter(|it| it.system() == system);
                found.extend(of_system(facts, &own.collect::<Vec<_>>()));
            }
        }
    }
    found
}

fn of_system(facts: &Facts, cells: &[&CellFacts]) -> Option<Acquisition> {
    // The usual start in each mode: what is set side by side differs in the mode alone.
    let of_mode = |phase: Phase| {
        let has = |it: &&CellFacts| it.phase(phase).is_some();
        usual(cells.iter().copied().filter(has), |it| &it.cell)
    };
    let (compiled, phase) = [Phase::Compile, Phase::CacheMiss]
        .into_iter()
        .find_map(|phase| Some((of_mode(phase)?, phase)))?;
    let others: Vec<(&CellFacts, Phase)> = OTHERS
        .into_iter()
        .filter_map(|phase| Some((of_mode(phase)?, phase)))
        .collect();
    let pairs: Vec<_> = others
        .iter()
        .map(|(other, _)| Pair::new(other, compiled))
        .collect();
    let (workload, scenario) = (&compiled.cell.workload, compiled.cell.scenario);
    let system = compiled.system();
    let total = compiled
        .median(Measure::TotalNs)
        .filter(|total| *total > 0.0)?;
    Some(Acquisition {
        workload: workload.clone(),
        scenario,
        system: system.to_owned(),
        compiled: compiled.id.clone(),
        phase,
        share: compiled.phase(phase)?.median_ns / total,
        others: others.iter().map(|(_, phase)| *phase).collect(),
        family: comparison::judge(
            format!("{workload} {} {system} code acquisition", scenario.name()),
            Measure::TotalNs,
            &pairs,
            facts.floor_of(workload, scenario, Measure::TotalNs),
        ),
    })
}
