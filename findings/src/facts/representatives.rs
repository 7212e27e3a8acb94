//! Which cell stands for a system, and which for a kind of systems: the ones that were named
//! beforehand, and never the ones that came out best.

use results::record::Scenario;
use systems::{Kind, standing, usual};

use super::Facts;
use crate::cells::CellFacts;

/// The kinds of systems that others are told apart by, in the order of sentences.
pub const KINDS: [Kind; 3] = [Kind::Native, Kind::Wasm, Kind::Container];

impl Facts {
    /// The cells of a workload and a scenario that were tried, as people use the systems.
    fn tried(&self, workload: &str, scenario: Scenario) -> Vec<&CellFacts> {
        let mut cells = self.comparable(workload, scenario);
        cells.retain(|cell| cell.attempted() > 0);
        cells
    }

    /// The cell that stands for a kind of systems in a scenario: the first choice of those that
    /// were tried, whatever came of it. One that failed stands there as one that failed.
    pub fn stands_for(&self, workload: &str, scenario: Scenario, kind: Kind) -> Option<&CellFacts> {
        standing(kind, self.tried(workload, scenario), |it| &it.cell)
    }

    /// The cells that stand for the native program, WebAssembly and containers, as far as they were
    /// tried. Where only systems were measured that nobody described, the first of those by name.
    pub fn representatives(&self, workload: &str, scenario: Scenario) -> Vec<&CellFacts> {
        let of_kinds = KINDS
            .iter()
            .filter_map(|kind| self.stands_for(workload, scenario, *kind));
        let found: Vec<_> = of_kinds.collect();
        if found.is_empty() {
            let tried = self.tried(workload, scenario);
            return usual(tried, |it| &it.cell).into_iter().collect();
        }
        found
    }

    /// The cell that stands for a system.
    pub fn usual(&self, workload: &str, scenario: Scenario, system: &str) -> Option<&CellFacts> {
        let mut cells = self.tried(workload, scenario);
        cells.retain(|cell| cell.system() == system);
        usual(cells, |it| &it.cell)
    }
}

/// Of each system the cell that stands for it, in the order given.
pub fn one_per_system<'a>(cells: &[&'a CellFacts]) -> Vec<&'a CellFacts> {
    let is_chosen = |cell: &&&CellFacts| {
        let own = cells.iter().filter(|it| it.cell.system == cell.cell.system);
        usual(own, |it| &it.cell).is_some_and(|it| it.id == cell.id)
    };
    cells.iter().filter(is_chosen).copied().collect()
}
