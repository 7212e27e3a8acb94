//! Which cells are measured how often.

use campaign::schedule::Plan;
use results::Cell;
use results::manifest::Order;
use results::record::Scenario;

use super::run::is_managed;

/// Samples of each cell under the profiles quick, of what takes long there, and standard.
pub const QUICK: u32 = 7;
pub const STANDARD: u32 = 10;

/// Samples of each cell of a run that is asked for more.
pub const MANY: u32 = 20;

/// The cells of the profile quick, as the planner has them: a test of `external` compares them.
pub fn quick() -> Vec<Cell> {
    serde_json::from_str(include_str!("../quick.json")).expect("a test compares it")
}

/// Those of the profile standard.
pub fn standard() -> Vec<Cell> {
    serde_json::from_str(include_str!("../standard.json")).expect("a test compares it")
}

/// Those of one workload.
pub fn of_workload(workload: &str) -> Vec<Cell> {
    let mut cells = quick();
    cells.retain(|cell| cell.workload == workload);
    cells
}

/// The starts among them.
pub fn starts(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.retain(|cell| cell.scenario.starts());
    cells
}

/// Many instances at once: of two systems, and the second name of one.
pub fn density() -> Vec<Cell> {
    let cell = |system: &str, instances: u64| Cell {
        system: system.into(),
        workload: "http-hello".into(),
        scenario: Scenario::Density,
        params: [("instances", instances.to_string())].into_iter().collect(),
    };
    ["native", "native-aa", "docker"]
        .iter()
        .flat_map(|system| [1, 4, 8, 16].map(|instances| cell(system, instances)))
        .collect()
}

pub fn plan(cells: &[Cell], samples_per_cell: u32, seed: u64) -> Plan {
    Plan {
        cells: cells.to_vec(),
        samples_per_cell,
        // As `external suite` orders them: systems with an engine of their own end their group.
        order: Order::ByComparison {
            last: cells
                .iter()
                .filter(|cell| is_managed(cell))
                .map(|cell| cell.system.original_name().to_owned())
                .collect(),
            // What is found with so many samples of each is asked here, not how many a profile has.
            slow_every: 1,
        },
        seed,
    }
}
