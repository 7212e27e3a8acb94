//! Two builds of which it is known how much slower the second is.

use findings::Measure;
use findings::questions::duel::{Duel, Outcome};
use results::Sample;
use results::record::Scenario;

use crate::builder::{Builder, cell, findings};

/// Starts of build A, of build B, which takes so many times as long and as much memory, and of A
/// again. Blocks differ by half, and the three of a block by a percent or so.
fn builds(time: f64, memory: f64) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..24_u32 {
        let drift = 1.0 + f64::from(block * 7 % 24) / 48.0;
        for (at, (system, build)) in [
            ("wasmtime-embedded", "a"),
            ("wasmtime-embedded", "b"),
            ("wasmtime-embedded-aa", "a"),
        ]
        .into_iter()
        .enumerate()
        {
            let [time, memory] = if build == "b" {
                [time, memory]
            } else {
                [1.0; 2]
            };
            let mixed = (block * 11 + u32::try_from(at).unwrap() * 5) % 13;
            let noise = 1.0 + f64::from(mixed) / 1_000.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive time and size"
            )]
            let [ns, bytes] =
                [1e7 * drift * noise * time, 1e7 * noise * memory].map(|it| it as u64);
            let cell = cell(system, Scenario::WarmDisk, &[("build", build)]);
            samples.push(Builder::new(&cell, block).total(ns).pss(bytes).build());
        }
    }
    samples
}

fn duel(samples: Vec<Sample>) -> Duel {
    findings(samples).duel.unwrap()
}

#[test]
fn a_build_is_slower_by_what_its_starts_take() {
    let duel = duel(builds(1.1, 1.0));
    assert_eq!(duel.outcome, Outcome::Slower);
    let first = &duel.rounds[0];
    assert!(first.decides && first.family.measure == Measure::TotalNs);
    let ratio = first.family.members[0].ratio.unwrap();
    assert!((ratio.estimate - 1.1).abs() < 0.01, "{ratio:?}");
    let clause = &duel.clauses()[0];
    let said = "warm-disk `total_ns`: ▲ slower, 1.1";
    assert!(clause.starts_with(said), "{clause}");
}

#[test]
fn what_is_as_fast_or_faster_is_called_so_and_memory_does_not_decide() {
    assert_eq!(duel(builds(1.0, 1.0)).outcome, Outcome::Unchanged);
    assert_eq!(duel(builds(0.8, 1.0)).outcome, Outcome::Faster);
    let heavier = duel(builds(1.0, 2.0));
    assert_eq!(heavier.outcome, Outcome::Unchanged);
    let told = &heavier.rounds[1];
    assert!(!told.decides && told.family.measure == Measure::PssBytes);
    assert!(told.family.members[0].is_difference());
}

#[test]
fn a_build_without_a_sample_that_counts_is_undecided() {
    let mut samples = builds(1.0, 1.0);
    samples.retain(|sample| !sample.cell.params.is(results::Param::Build, "b"));
    for block in 0..24 {
        let b = cell("wasmtime-embedded", Scenario::WarmDisk, &[("build", "b")]);
        samples.push(Builder::new(&b, block).failed("no answer").build());
    }
    assert_eq!(duel(samples).outcome, Outcome::Undecided);
}

#[test]
fn builds_of_a_persons_own_are_compared_with_nothing_else() {
    let mut samples = builds(1.1, 1.0);
    for block in 0..24_u32 {
        let native = cell("native", Scenario::WarmDisk, &[]);
        let ns = 2_000_000 + u64::from(block);
        samples.push(Builder::new(&native, block).total(ns).build());
    }
    let found = findings(samples);
    assert_eq!(found.facts.families, Vec::new());
    let ids = found.starts.iter().flat_map(|it| &it.cells);
    let systems = ids.map(|id| found.facts.cell(id).unwrap().system());
    assert_eq!(systems.collect::<Vec<_>>(), ["native"]);
    let alone = cell("native", Scenario::WarmDisk, &[]);
    let only = Builder::new(&alone, 0).total(2_000_000).build();
    assert_eq!(findings(vec![only]).duel, None);
}
