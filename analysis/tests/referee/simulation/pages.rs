//! Whole pages: how often one of them says what is not so, and how often it finds what is.

use findings::input::Run;
use findings::{Findings, Options};
use results::Cell;
use results::record::Scenario;
use serde_json::Value;

use super::page::{Counts, Truths};
use super::plans::plan;
use super::run::Simulated;
use super::seeds;
use super::tally::{Share, Table, print};
use super::world::{Course, Law, Truth, World};

/// The name of simulated runs.
pub const RUN: &str = "20261125T090000Z-5eed";

/// What the library finds in a run, as it is published.
pub fn findings(run: &Simulated) -> Value {
    let run = Run::from_samples(Some(run.manifest.clone()), &run.samples);
    let findings = Findings::from_run(&run, Options::default());
    serde_json::to_value(&findings).expect("findings are plain data")
}

/// Simulates so many pages of a world.
pub fn simulate(world: &World, cells: &[Cell], samples: u32, pages: u64, seed: u64) -> Counts {
    let truths = Truths::new(world.truth, cells);
    let mut counts = Counts::default();
    let page = |seed| {
        let run = Simulated::new(RUN, &plan(cells, samples, seed), world, 1.0, seed);
        findings(&run)
    };
    for page in seeds::each(seed..seed + pages, page) {
        counts.page(&truths, &page);
    }
    counts
}

/// The worlds of which pages are simulated, each with what is said of it in tables.
pub fn worlds() -> Vec<(&'static str, World)> {
    let nothing = World::measured(Truth::Nothing);
    let alone = World::independent(Truth::Nothing);
    let mut worlds = vec![
        ("nothing differs; noise as measured", nothing),
        ("nothing differs; independent noise", alone),
    ];
    worlds.extend(of_machines(nothing));
    worlds.extend(of_failures(nothing));
    worlds.extend([
        (
            "mixed, as measured; noise as measured",
            World::measured(Truth::Mixed),
        ),
        (
            "mixed, as measured; stalls",
            World {
                law: Law::Stalls,
                ..World::measured(Truth::Mixed)
            },
        ),
        (
            "all 10 % slower; noise as measured",
            World::measured(Truth::Slower(1.1)),
        ),
        (
            "all 20 % slower; noise as measured",
            World::measured(Truth::Slower(1.2)),
        ),
    ]);
    worlds
}

/// Where the machine does what it should not.
fn of_machines(nothing: World) -> Vec<(&'static str, World)> {
    vec![
        (
            "nothing differs; additive noise",
            World {
                law: Law::Additive,
                ..nothing
            },
        ),
        (
            "nothing differs; stalls",
            World {
                law: Law::Stalls,
                ..nothing
            },
        ),
        (
            "nothing differs; two modes",
            World {
                law: Law::Bimodal,
                ..nothing
            },
        ),
        (
            "nothing differs; drift of 20 %",
            World {
                course: Course::Drift(0.2),
                ..nothing
            },
        ),
        (
            "nothing differs; first block 10 % quicker",
            World {
                course: Course::FirstBlock(0.1),
                ..nothing
            },
        ),
        (
            "nothing differs; 1.4 times slower from the middle on",
            World {
                course: Course::Resumed(1.4),
                ..nothing
            },
        ),
        (
            "nothing differs; 4 % carry-over",
            World {
                carry_over: 0.04,
                ..nothing
            },
        ),
        (
            "nothing differs; times in steps of 10 %",
            World {
                grain: Some(0.1),
                ..nothing
            },
        ),
    ]
}

/// Where samples fail.
fn of_failures(nothing: World) -> Vec<(&'static str, World)> {
    vec![
        (
            "nothing differs; a quarter of the samples fail",
            World {
                failing: 0.25,
                ..nothing
            },
        ),
        (
            "nothing differs; of one system only the quickest fifth ends well",
            World {
                survivors: Some("wasmtime-cli"),
                ..nothing
            },
        ),
        (
            "nothing differs; one system ends well in five blocks only",
            World {
                few: Some("docker"),
                ..nothing
            },
        ),
        (
            "all 50 % slower; one system ends well in five blocks only",
            World {
                few: Some("docker"),
                ..World::measured(Truth::Slower(1.5))
            },
        ),
    ]
}

/// Error and coverage by world.
pub fn errors(cells: &[Cell], samples: u32, pages: u64, seed: u64, only: Option<&str>) {
    let mut table = Table::printed(
        &format!(
            "Pages of {} cells, n = {samples}, {pages} pages each; 95 % intervals of the shares \
                in brackets",
            cells.len()
        ),
        &[
            "world",
            "pages with a false difference",
            "with a false equivalence",
            "coverage, all",
            "coverage, headlines",
            "coverage, break-even",
        ],
    );
    let mut details = String::new();
    for (name, world) in worlds() {
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let counts = simulate(&world, cells, samples, pages, seed);
        table.row(&[
            name.to_owned(),
            counts.false_pages.text(),
            counts.false_equivalence_pages.text(),
            counts.covered.text(),
            counts.covered_headlines.text(),
            counts.covered_break_even.text(),
        ]);
        details.push_str(&format!(
            "\n{name}\n  verdicts on native's families: {:?}\n  pages with a false verdict, by \
                question: {:?}\n  pages with another statement: {:?}\n",
            counts.words, counts.by_question, counts.others
        ));
    }
    print(&details);
}

/// What is found of a true difference.
pub fn power(cells: &[Cell], plans: &[u32], pages: u64, seed: u64) {
    let scenarios: Vec<_> = Scenario::ALL
        .into_iter()
        .filter(|scenario| cells.iter().any(|cell| cell.scenario == *scenario))
        .map(Scenario::name)
        .collect();
    let mut table = Table::printed(
        &format!(
            "True differences that are found, pages of {} cells in which every system but native \
                is slower by the effect; noise as measured; {pages} pages each",
            cells.len()
        ),
        &[&["effect", "n"], &scenarios[..], &["in headlines"]].concat(),
    );
    for effect in [1.05, 1.1, 1.2, 1.5] {
        for &samples in plans {
            let world = World::measured(Truth::Slower(effect));
            let counts = simulate(&world, cells, samples, pages, seed);
            let of = |scenario: &str| {
                let share = counts.found.get(scenario).copied();
                share.map_or_else(|| "–".to_owned(), Share::text)
            };
            let mut row = vec![
                format!("{:.0} %", (effect - 1.0) * 100.0),
                samples.to_string(),
            ];
            row.extend(scenarios.iter().map(|scenario| of(scenario)));
            row.push(counts.found_headlines.text());
            table.row(&row);
        }
    }
}
