//! Two runs of one build, and of two builds: what `compare` says through the real program.

use std::path::Path;

use analysis::command::{Exit, compare};
use results::Cell;

use super::plans::plan;
use super::run::Simulated;
use super::tally::{Share, Table};
use super::world::{Truth, World};
use crate::support::{Draw, write_samples};

const EARLIER: &str = "20261125T090000Z-0a0a";
const LATER: &str = "20261125T100000Z-0b0b";

/// What a run draws anew that its samples have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Between {
    /// A factor with this log deviation for everything in it.
    All(f64),
    /// One for each cell.
    EachCell(f64),
}

/// Writes a run whose times are all so many times as long, and those of each cell by a factor with
/// this log deviation.
fn write(
    raw: &Path,
    (name, seed): (&str, u64),
    (cells, samples): (&[Cell], u32),
    (between, each_cell): (f64, f64),
) {
    let world = World {
        sd: 0.05,
        each_cell,
        ..World::independent(Truth::Mixed)
    };
    let run = Simulated::new(name, &plan(cells, samples, seed), &world, between, seed);
    write_samples(raw, &run.manifest, run.samples);
}

/// How often `compare` ends with a regression, of so many pairs of runs: the later one truly
/// `times` as slow, and each of them off by what runs draw.
pub fn regressions(
    plan: (&[Cell], u32),
    between: Between,
    times: f64,
    pairs: u64,
    seed: u64,
) -> Share {
    let (all, each_cell) = match between {
        Between::All(sd) => (sd, 0.0),
        Between::EachCell(sd) => (0.0, sd),
    };
    let mut share = Share::default();
    let mut draw = Draw::new(seed);
    for pair in 0..pairs {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut of_run = || (all * draw.normal()).exp();
        let (one, two) = (of_run(), times * of_run());
        let seed = seed + 2 * pair;
        write(folder.path(), (EARLIER, seed), plan, (one, each_cell));
        write(folder.path(), (LATER, seed + 1), plan, (two, each_cell));
        let compared = compare(folder.path(), EARLIER, LATER, "native").expect("both are there");
        share.count(compared.exit == Exit::Regression);
    }
    share
}

/// False alarms and regressions found by the spread between runs.
pub fn table(cells: &[Cell], pairs: u64, seed: u64) {
    let mut table = Table::printed(
        &format!(
            "`compare` of one run a side, {} cells, 5 % within runs, {pairs} pairs each: how often \
                it ends with a regression",
            cells.len()
        ),
        &["between runs", "n", "nothing changed", "three times slower"],
    );
    let spreads = [
        ("nothing", Between::All(0.0)),
        ("2 %, all alike", Between::All(0.02)),
        ("4 %, all alike", Between::All(0.04)),
        ("2 %, each cell", Between::EachCell(0.02)),
        ("4 %, each cell", Between::EachCell(0.04)),
    ];
    for (name, between) in spreads {
        for samples in [7, 12, 30] {
            let share = |times| regressions((cells, samples), between, times, pairs, seed).text();
            table.row(&[name.to_owned(), samples.to_string(), share(1.0), share(3.0)]);
        }
    }
}
