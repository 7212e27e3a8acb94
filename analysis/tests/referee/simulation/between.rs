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

/// Writes a run whose times are all so many times as long.
fn write(raw: &Path, name: &str, cells: &[Cell], samples: u32, between: f64, seed: u64) {
    let world = World {
        sd: 0.05,
        ..World::independent(Truth::Mixed)
    };
    let run = Simulated::new(name, &plan(cells, samples, seed), &world, between, seed);
    write_samples(raw, &run.manifest, run.samples);
}

/// How often `compare` ends with a regression, of so many pairs of runs: the later one truly
/// `times` as slow, and each of them off by a factor of its own with this log deviation.
pub fn regressions(
    cells: &[Cell],
    samples: u32,
    between_sd: f64,
    times: f64,
    pairs: u64,
    seed: u64,
) -> Share {
    let mut share = Share::default();
    let mut draw = Draw::new(seed);
    for pair in 0..pairs {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut of_run = || (between_sd * draw.normal()).exp();
        let (one, two) = (of_run(), times * of_run());
        let seed = seed + 2 * pair;
        write(folder.path(), EARLIER, cells, samples, one, seed);
        write(folder.path(), LATER, cells, samples, two, seed + 1);
        let compared = compare(folder.path(), EARLIER, LATER, "native").expect("both are there");
        share.count(compared.exit == Exit::Regression);
    }
    share
}

/// False alarms and regressions found by the spread between runs.
pub fn table(cells: &[Cell], pairs: u64, seed: u64) -> String {
    let mut table = Table::new(
        &format!(
            "`compare` of one run a side, {} cells, 5 % within runs, {pairs} pairs each: how often \
                it ends with a regression",
            cells.len()
        ),
        &["between runs", "n", "nothing changed", "three times slower"],
    );
    for between_sd in [0.0, 0.02, 0.04] {
        for samples in [7, 12, 30] {
            let share = |times| regressions(cells, samples, between_sd, times, pairs, seed).text();
            table.row(&[
                format!("{:.0} %", between_sd * 100.0),
                samples.to_string(),
                share(1.0),
                share(3.0),
            ]);
        }
    }
    table.text()
}
