//! What people see, held still: made-up samples with known figures, and snapshots of all that is
//! drawn from them.

use std::collections::BTreeMap;

use analysis::{Estimate, Summary, csv, finding, report, tables, waterfall};
use results::noise::Noise;
use results::record::Scenario;
use results::{Cell, Outcome, Phase, PhaseTime, Resources, SCHEMA_VERSION, Sample};

const MICRO: u64 = 1_000;

/// A start whose code takes `code_us` microseconds to acquire, all else being equal, and `extra_us`
/// more in `process`.
fn sample(system: &str, acquire: Phase, page_cache: &str, code_us: u64, extra_us: u64) -> Sample {
    let phases: Vec<_> = [
        (Phase::Process, 1_500 + extra_us),
        (Phase::Engine, 150),
        (acquire, code_us),
        (Phase::Link, 200),
        (Phase::FirstRequest, 150),
        (Phase::SecondRequest, 20),
    ]
    .map(|(name, us)| PhaseTime {
        name,
        ns: us * MICRO,
    })
    .into();
    Sample {
        schema: SCHEMA_VERSION,
        run: "20261124T120000Z-0001".into(),
        order: 0,
        block: 0,
        cell: Cell {
            system: system.into(),
            workload: "http-hello".into(),
            scenario: Scenario::RuntimeCold,
            params: BTreeMap::from([
                ("acquire".into(), acquire.name().into()),
                ("page_cache".into(), page_cache.into()),
                ("compiler".into(), "cranelift".into()),
            ]),
        },
        outcome: Outcome::Ok,
        reason: None,
        started_at: "2026-11-24T12:00:00.000000Z".into(),
        total_ns: Some(
            phases
                .iter()
                .filter(|phase| phase.name.counts())
                .map(|phase| phase.ns)
                .sum::<u64>()
                + 1_234,
        ),
        residual_ns: Some(1_234),
        phases,
        resources: Resources {
            cpu_ns: Some(2_000_000),
            ..Resources::default()
        },
        noise: Noise::default(),
        requests: None,
        artifact_sha256: None,
        attested: BTreeMap::new(),
    }
}

/// Twelve starts that differ by up to 55 µs.
fn cell(system: &str, acquire: Phase, page_cache: &str, code_us: u64) -> Vec<Sample> {
    (0..12)
        .map(|nth| sample(system, acquire, page_cache, code_us, nth * 5))
        .collect()
}

fn run() -> Vec<Sample> {
    let ours = "wasmtime-embedded";
    let mut samples = [
        cell(ours, Phase::Compile, "hot", 65_000),
        cell(ours, Phase::Compile, "evicted", 65_300),
        cell(ours, Phase::CacheHit, "hot", 1_500),
        cell(ours, Phase::DeserializeFile, "hot", 300),
        cell("wasmtime-embedded-aa", Phase::Compile, "hot", 65_700),
    ]
    .concat();
    samples[0].outcome = Outcome::Failed;
    samples[0].reason = Some("the guest answered \"no\", expected \"hello\"".into());
    samples[1].noise.steal_ns = Some(10_000_000);
    samples
}

#[test]
fn a_report() {
    insta::assert_snapshot!(report(&Summary::of(&run()), 110, false));
}

#[test]
fn a_narrow_table_goes_on_below() {
    let narrow = tables(&Summary::of(&run()), 60);
    let rules: Vec<_> = narrow
        .lines()
        .filter(|line| line.starts_with('─'))
        .map(|line| line.chars().count())
        .collect();
    assert!(
        rules.iter().all(|width| (30..=60).contains(width)),
        "{rules:?}"
    );
    assert_eq!(narrow.matches("configuration").count(), 4);
}

#[test]
fn colours_are_added_and_change_nothing_else() {
    let summary = Summary::of(&run());
    let coloured = waterfall(&summary, 100, true);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_ne!(plain, coloured);
    assert_eq!(plain, waterfall(&summary, 100, false));
}

#[test]
fn figures_of_a_cell_are_those_of_its_samples() {
    let summary = Summary::of(&run());
    let compile = summary.cells.iter().find(|cell| cell.failed == 1).unwrap();
    assert_eq!((compile.ok, compile.failed, compile.noisy), (11, 1, 1));
    let total = compile.total.unwrap();
    // Eleven remain, 5 µs apart from 67,006.234: their median is the sixth, and rank 2 encloses it
    // with 98.8 %.
    assert_eq!(
        total,
        Estimate {
            value: 67_031_234.0,
            interval: Some((67_011_234, 67_051_234)),
            n: 11
        }
    );
    let control = &summary.controls[0];
    assert!((control.difference - 0.0104).abs() < 0.0002 && control.apart);
}

#[test]
fn a_difference_below_the_noise_floor_is_not_called_one() {
    let ours = "wasmtime-embedded";
    let alike = [
        cell(ours, Phase::Compile, "hot", 65_000),
        cell(ours, Phase::CacheHit, "hot", 64_500),
        cell("wasmtime-embedded-aa", Phase::Compile, "hot", 65_700),
    ];
    let sentence = finding(&Summary::of(&alike.concat()));
    assert!(
        sentence.contains("a cache hit shows no difference that this run can tell from noise"),
        "{sentence}"
    );
}

#[test]
fn without_compiled_starts_the_extremes_are_compared() {
    let ours = "wasmtime-embedded";
    let loaded = [
        cell(ours, Phase::CacheHit, "hot", 9_000),
        cell(ours, Phase::DeserializeFile, "hot", 300),
        cell("wasmtime-embedded-aa", Phase::CacheHit, "hot", 9_000),
    ];
    insta::assert_snapshot!(
        finding(&Summary::of(&loaded.concat())),
        @"Found: a start of http-hello takes 11.0 ms with `cache_hit` (82 % of it `cache_hit`), \
            and 2.33 ms with `deserialize_file`."
    );
}

#[test]
fn nothing_is_found_in_nothing() {
    assert_eq!(finding(&Summary::of(&[])), "Nothing could be measured.\n");
    let mut failed = sample("wasmtime-embedded", Phase::Compile, "hot", 1, 0);
    failed.outcome = Outcome::Failed;
    assert_eq!(
        finding(&Summary::of(&[failed])),
        "Nothing could be measured.\n"
    );
}

#[test]
fn the_csv() {
    let text = csv(&Summary::of(&run()));
    insta::assert_snapshot!(text.lines().take(8).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let mut other = run();
    other.reverse();
    assert_eq!(
        report(&Summary::of(&run()), 110, true),
        report(&Summary::of(&other), 110, true)
    );
}
