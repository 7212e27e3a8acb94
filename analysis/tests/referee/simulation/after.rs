//! What samples leave behind for those after them: whether the interval holds the truth, and whether it
//! is found.

use results::Cell;

use super::page::{carry_over, is_carried_over};
use super::pages::{RUN, findings};
use super::plans::plan;
use super::run::Simulated;
use super::seeds;
use super::tally::{Share, Table};
use super::world::{Course, Law, Truth, World};

/// Of so many runs, how often the interval holds what is true, and how often there surely is something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    pub covered: Share,
    pub told: Share,
}

pub fn simulate(world: &World, cells: &[Cell], samples: u32, runs: u64, seed: u64) -> Found {
    let mut found = Found::default();
    let page = |seed| {
        let run = Simulated::new(RUN, &plan(cells, samples, seed), world, 1.0, seed);
        findings(&run)
    };
    for page in seeds::each(seed..seed + runs, page) {
        let truth = 1.0 + world.carry_over;
        let interval = carry_over(&page);
        found
            .covered
            .count(interval.is_some_and(|(low, high)| low <= truth && truth <= high));
        found.told.count(is_carried_over(&page));
    }
    found
}

/// By noise, and by what there is.
pub fn table(cells: &[Cell], samples: u32, runs: u64, seed: u64) {
    let mut table = Table::printed(
        &format!(
            "Starts right after an engine's samples: runs of {} cells, n = {samples}, {runs} runs each",
            cells.len()
        ),
        &["noise", "they take longer by", "interval holds it", "told"],
    );
    let measured = World::measured(Truth::Mixed);
    let worlds = [
        ("as measured", measured),
        (
            "stalls",
            World {
                law: Law::Stalls,
                ..measured
            },
        ),
        (
            "drift of 20 %",
            World {
                course: Course::Drift(0.2),
                ..measured
            },
        ),
        (
            "1.4 times slower from the middle on",
            World {
                course: Course::Resumed(1.4),
                ..measured
            },
        ),
    ];
    for (name, world) in worlds {
        for carry_over in [0.0, 0.04, 0.08] {
            let world = World {
                carry_over,
                ..world
            };
            let found = simulate(&world, cells, samples, runs, seed);
            table.row(&[
                name.to_owned(),
                format!("{:.0} %", carry_over * 100.0),
                found.covered.text(),
                found.told.text(),
            ]);
        }
    }
}
