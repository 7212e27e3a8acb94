//! Facts: a run's cells with what more than one question is made of.

mod baseline;
mod configurations;
mod floors;
mod memory;
mod pauses;
mod representatives;
mod selection;
mod twins;

use std::collections::BTreeMap;

use results::System;
use results::manifest::{Manifest, Order};
use results::record::Scenario;
use serde::Serialize;

use crate::cells::CellFacts;
use crate::comparison::{self, Family};
use crate::input::{CellData, Damage, Run};

pub(crate) use baseline::are_alike;
pub use baseline::compared_by;
pub use configurations::Configuration;
pub use floors::{Floors, Kind};
pub use pauses::Pause;
pub use representatives::{KINDS, one_per_system};

/// Everything that questions are asked of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// The run.
    pub run: String,
    /// What the run was; nothing if that is gone.
    #[serde(skip)]
    pub manifest: Option<Manifest>,
    /// Lines of the ledger that are samples.
    pub samples: u64,
    /// What is wrong with the run's files.
    pub damage: Vec<Damage>,
    /// Where the run stood still.
    pub pauses: Vec<Pause>,
    /// What the A/A control showed.
    pub floors: Floors,
    /// The cells, each with the places of its samples in the run's order.
    pub cells: Vec<CellFacts>,
    /// Every cell against the native program under the same conditions, one table for each
    /// workload, scenario and measure, corrected together with the A/A controls.
    pub families: Vec<Family>,
    /// The A/A controls of each scenario and measure.
    #[serde(skip)]
    pub controls: Vec<(Scenario, Family)>,
}

impl Facts {
    /// The facts of a run.
    pub fn compute(run: &Run) -> Self {
        let mut cells = cells(&run.cells);
        memory::add_lines(&mut cells);
        let floors = Floors::compute(&cells);
        let (families, controls) = judge(&cells, &floors);
        Self {
            run: run.name.clone(),
            manifest: run.manifest.clone(),
            samples: run.samples,
            damage: run.damage.clone(),
            pauses: pauses::compute(&run.cells),
            floors,
            cells,
            families,
            controls,
        }
    }

    /// What is known of a system, by this program or by the run's manifest.
    pub fn describe(&self, system: &System) -> systems::Description {
        let mut systems = self.manifest.iter().flat_map(|manifest| &manifest.systems);
        let named = systems.find(|it| it.name == system.as_str());
        let own = named.and_then(|it| it.description.as_ref());
        systems::describe_as(system, own)
    }

    /// Whether an engine of its own starts a system: by the run's rule of order, and where that does
    /// not say it, by what is known of the system.
    pub fn has_engine(&self, system: &System) -> bool {
        let manifest = self.manifest.as_ref();
        if let Some(Order::ByComparison { last, .. }) = manifest.map(|it| &it.order) {
            return last.contains(system.original_name());
        }
        let described = self.describe(system);
        let engine = described.engine;
        described.kind == systems::Kind::Container
            || engine.is_some_and(|(_, embedding)| embedding == systems::Embedding::Within)
    }

    /// The versions of the systems, as far as the manifest has them.
    pub fn versions(&self) -> BTreeMap<&str, &str> {
        let systems = self.manifest.iter().flat_map(|manifest| &manifest.systems);
        systems
            .filter(|system| !system.version.is_empty())
            .map(|system| (system.name.as_str(), system.version.as_str()))
            .collect()
    }
}

/// The comparisons that a page is read for, and the A/A controls that they rest on. All are corrected
/// together: whoever reads a page reads all of them.
fn judge(cells: &[CellFacts], floors: &Floors) -> (Vec<Family>, Vec<(Scenario, Family)>) {
    let mut tables = baseline::tables(cells, floors);
    let compared = tables.len();
    let (scenarios, twins): (Vec<_>, Vec<_>) = twins::tables(cells).into_iter().unzip();
    tables.extend(twins);
    let mut families = comparison::judge_jointly(tables, comparison::PAGE_LEVEL);
    let controls = families.split_off(compared);
    (families, scenarios.into_iter().zip(controls).collect())
}

/// Each cell's numbers, half of the cells in a thread of its own.
fn cells(cells: &[CellData]) -> Vec<CellFacts> {
    // Every other cell: neighbours are of one kind and take equally long.
    let of_every_other = |from: usize| {
        let some = cells.iter().skip(from).step_by(2);
        some.map(CellFacts::compute).collect::<Vec<_>>()
    };
    let [even, odd] = std::thread::scope(|scope| {
        let odd = scope.spawn(|| of_every_other(1));
        let even = of_every_other(0);
        [
            even,
            odd.join()
                .expect("statistics do not panic: what they cannot compute they return as such"),
        ]
    });
    let (mut even, mut odd) = (even.into_iter(), odd.into_iter());
    (0..cells.len())
        .filter_map(|at| if at % 2 == 0 { even.next() } else { odd.next() })
        .collect()
}
