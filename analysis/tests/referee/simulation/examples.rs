//! Comparisons for the guide: of each verdict the first that a simulation makes.

use std::collections::BTreeMap;

use findings::input::Run;
use findings::units::three_digits;
use findings::{Findings, Names, Options};

use super::page::{Truths, claim};
use super::pages::RUN;
use super::plans::{MANY, QUICK, of_workload, plan, starts};
use super::run::Simulated;
use super::tally::Table;
use super::world::{Truth, World};

/// Runs that are looked through.
const RUNS: u64 = 400;

/// Worlds to look in: little that is certain at first, then more.
fn worlds() -> [(u32, World); 4] {
    [
        (QUICK, World::measured(Truth::Mixed)),
        (MANY, World::measured(Truth::Mixed)),
        (
            MANY,
            World {
                sd: 0.05,
                ..World::measured(Truth::Mixed)
            },
        ),
        (MANY, World::measured(Truth::Slower(0.8))),
    ]
}

/// A row for each verdict.
pub fn table() -> String {
    let cells = starts(of_workload("http-hello"));
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (samples, world) in worlds() {
        let truths = Truths::new(world.truth, &cells);
        for seed in 1..=RUNS / u64::from(samples) {
            let run = Simulated::new(RUN, &plan(&cells, samples, seed), &world, 1.0, seed);
            let run = Run::from_samples(Some(run.manifest), &run.samples);
            let findings = Findings::from_run(&run, Options::default());
            for member in findings.facts.families.iter().flat_map(|it| &it.members) {
                let value = serde_json::to_value(member).expect("findings are plain data");
                let Some(claim) = claim("families", &value) else {
                    continue;
                };
                let cell = truths.cell(&claim.candidate);
                let row = || {
                    let p = member.adjusted_threshold_p;
                    vec![
                        format!(
                            "{}, {}",
                            Names::new([cell]).name(cell),
                            cell.scenario.name()
                        ),
                        samples.to_string(),
                        format!("{:.0} %", world.sd * 100.0),
                        format!("{}×", three_digits(truths.ratio(&claim))),
                        member.ratio_text(),
                        p.map_or_else(|| "–".to_owned(), |p| format!("{p:.3}")),
                        member.label(),
                    ]
                };
                rows.entry(claim.verdict.clone()).or_insert_with(row);
            }
        }
    }
    let columns = [
        "start of http-hello, against native",
        "n",
        "noise",
        "truth",
        "ratio (95 %)",
        "adjusted p",
        "verdict",
    ];
    let mut table = Table::new("", &columns);
    rows.values().for_each(|row| table.row(row));
    table.text().trim_start().to_owned()
}
