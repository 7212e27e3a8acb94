//! What people see, held still: made-up samples with known figures, and snapshots of all that is
//! drawn from them.

use findings::input::Run;
use findings::{Findings, Measure, Options};
use results::names::{Attested, Param, Params};
use results::noise::Noise;
use results::record::{Resources, Scenario};
use results::{Cell, Outcome, Phase, PhaseTime, SCHEMA_VERSION, Sample};
use summary::{Style, View, cells_csv, render};

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
            scenario: Scenario::WarmDisk,
            params: Params::from([
                (Param::Acquire, acquire.name()),
                (Param::PageCache, page_cache),
                (Param::Compiler, "cranelift"),
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
        attested: Attested::new(),
    }
}

/// Twelve starts that differ by up to 55 µs.
fn cell(system: &str, acquire: Phase, page_cache: &str, code_us: u64) -> Vec<Sample> {
    let start = |nth: u32| Sample {
        block: nth,
        ..sample(system, acquire, page_cache, code_us, u64::from(nth) * 5)
    };
    (0..12).map(start).collect()
}

/// What is found in samples, each at a place of its own in the order.
fn found(samples: &[Sample]) -> Findings {
    Findings::from_run(&Run::from_samples(None, samples), Options::default())
}

fn phases(samples: &[Sample], width: usize, colour: bool) -> String {
    render(&found(samples), View::Phases, Style { width, colour })
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
    for (order, sample) in (0..).zip(&mut samples) {
        sample.order = order;
    }
    samples[0].outcome = Outcome::Failed;
    samples[0].reason = Some("the guest answered \"no\", expected \"hello\"".into());
    samples[1].noise.steal_ns = Some(10_000_000);
    samples
}

#[test]
fn the_phases_of_a_run() {
    insta::assert_snapshot!(phases(&run(), 110, false));
}

#[test]
fn a_pause_is_told_of_on_the_terminal() {
    let mut samples = run();
    for sample in samples.iter_mut().filter(|sample| sample.block >= 6) {
        sample.started_at = "2026-11-25T12:00:00.000000Z".into();
    }
    samples.sort_by_key(|sample| sample.block);
    for (order, sample) in (0..).zip(&mut samples) {
        sample.order = order;
    }
    let text = phases(&samples, 110, false);
    let told = "Between blocks 6 and 7 the run stood still for 24.0 hours";
    assert!(text.contains(told), "{text}");
}

#[test]
fn what_fails_often_says_so() {
    let mut samples = run();
    for sample in &mut samples {
        let is_cached = sample.cell.params.is(Param::Acquire, "cache_hit");
        if is_cached && sample.block >= 3 {
            sample.outcome = Outcome::Failed;
            sample.reason = Some("no answer".into());
        }
    }
    let style = Style {
        width: 110,
        colour: false,
    };
    let text = render(&found(&samples), View::Suite, style);
    let row = text
        .lines()
        .find(|line| line.contains("cache_hit"))
        .unwrap();
    assert!(row.contains("3 of 12"), "{row}");
    assert!(text.contains("3 of 12 answered; what these took"), "{text}");
    let text = phases(&samples, 110, false);
    assert!(text.contains("n = 3 of 12"), "{text}");
}

#[test]
fn a_narrow_table_goes_on_below() {
    let narrow = phases(&run(), 60, false);
    let rules: Vec<_> = narrow
        .lines()
        .filter(|line| line.starts_with('─'))
        .map(|line| line.chars().count())
        .collect();
    assert!(
        rules.iter().all(|width| (30..=60).contains(width)),
        "{rules:?}"
    );
    assert!(narrow.matches("configuration").count() > 2, "{narrow}");
}

#[test]
fn colours_are_added_and_change_nothing_else() {
    let coloured = phases(&run(), 100, true);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_ne!(plain, coloured);
    assert_eq!(plain, phases(&run(), 100, false));
}

#[test]
fn figures_of_a_cell_are_those_of_its_samples() {
    let findings = found(&run());
    let cells = &findings.facts.cells;
    let compile = cells.iter().find(|cell| !cell.failed.is_empty()).unwrap();
    let counts = [&compile.orders, &compile.failed, &compile.noisy].map(Vec::len);
    assert_eq!(counts, [11, 1, 1]);
    // Eleven remain, 5 µs apart from 67,006.234: their median is the sixth, and rank 2 encloses it
    // with 98.8 %.
    let interval = compile.interval(Measure::TotalNs).unwrap();
    let figures = [
        compile.median(Measure::TotalNs).unwrap(),
        interval.low,
        interval.high,
    ];
    for (found, wanted) in figures
        .iter()
        .zip([67_031_234.0, 67_011_234.0, 67_051_234.0])
    {
        assert!((found - wanted).abs() < 1e-3, "{found} for {wanted}");
    }
    let control = &findings.controls[0];
    let ratio = control.family.members[0].ratio.unwrap();
    assert!((ratio.estimate - 1.0104).abs() < 0.0002, "{ratio:?}");
}

#[test]
fn a_difference_below_the_noise_floor_is_not_called_one() {
    let ours = "wasmtime-embedded";
    let alike = [
        cell(ours, Phase::Compile, "hot", 65_000),
        cell(ours, Phase::CacheHit, "hot", 64_500),
        cell("wasmtime-embedded-aa", Phase::Compile, "hot", 65_700),
    ];
    let text = phases(&alike.concat(), 110, false);
    assert!(
        text.contains("a cache hit shows no difference that is distinguishable from noise"),
        "{text}"
    );
}

#[test]
fn without_compiled_starts_the_usual_ones_are_stated() {
    let ours = "wasmtime-embedded";
    let loaded = [
        cell(ours, Phase::CacheHit, "hot", 9_000),
        cell(ours, Phase::DeserializeFile, "hot", 300),
        cell("wasmtime-embedded-aa", Phase::CacheHit, "hot", 9_000),
    ];
    let text = phases(&loaded.concat(), 110, false);
    let sentence = text.lines().find(|line| line.starts_with("Found")).unwrap();
    // Named beforehand, and no extreme of what was found.
    assert!(
        sentence.contains("2.33 ms with `wasmtime-embedded deserialize_file`"),
        "{sentence}"
    );
}

#[test]
fn nothing_is_found_in_nothing() {
    assert!(phases(&[], 110, false).ends_with("Nothing could be measured.\n"));
    let mut failed = sample("wasmtime-embedded", Phase::Compile, "hot", 1, 0);
    failed.outcome = Outcome::Failed;
    // What was tried has a row, with how often it answered.
    let text = phases(&[failed], 110, false);
    assert!(text.contains("0 of 1"), "{text}");
}

/// Starts without phases, as the suite takes them.
fn suite_cell(system: &str, total_us: u64, scenario: Scenario) -> Vec<Sample> {
    let start = |sample: Sample| Sample {
        cell: Cell {
            scenario,
            params: match system {
                "docker" => Params::from([(Param::Network, "bridge")]),
                _ => Params::new(),
            },
            ..sample.cell.clone()
        },
        total_ns: Some((total_us + u64::from(sample.block) * 5) * MICRO),
        residual_ns: None,
        phases: Vec::new(),
        ..sample
    };
    cell(system, Phase::Compile, "hot", 0)
        .into_iter()
        .map(start)
        .collect()
}

fn suite(mut samples: Vec<Sample>) -> String {
    samples.sort_by_key(|sample| sample.block);
    for (order, sample) in (0..).zip(&mut samples) {
        sample.order = order;
    }
    let style = Style {
        width: 110,
        colour: false,
    };
    render(&found(&samples), View::Suite, style)
}

#[test]
fn the_suite_ends_with_what_was_found_and_what_is_not_known() {
    let text = suite(
        [
            suite_cell("native", 2_000, Scenario::DiskCold),
            suite_cell("native-aa", 2_003, Scenario::DiskCold),
            suite_cell("docker", 150_000, Scenario::DiskCold),
            suite_cell("native", 1_000, Scenario::WarmDisk),
        ]
        .concat(),
    );
    let last: Vec<_> = text.lines().rev().take(2).collect();
    let found =
        "Found: a disk-cold start of http-hello takes 2.03 ms with `native`; 150 ms with `docker";
    assert!(
        last[1].starts_with(found) && last[1].ends_with(" the cost."),
        "{text}"
    );
    assert_eq!(last[0], "Not known: how it is on another machine.");
}

#[test]
fn the_suites_end_says_what_kept_it_from_saying_more() {
    let mut few = [
        suite_cell("native", 2_000, Scenario::DiskCold),
        suite_cell("docker", 150_000, Scenario::DiskCold),
    ]
    .concat();
    few.retain(|sample| sample.block < 3);
    let text = suite(few);
    let last = text.lines().next_back().unwrap();
    assert!(
        last.starts_with("Not known: which differences are noise (there is no A/A control); one of these comparisons"),
        "{text}"
    );
    assert!(suite(Vec::new()).ends_with("Nothing could be measured.\n"));
}

#[test]
fn totals_and_phases_as_csv() {
    let text = String::from_utf8(cells_csv(&found(&run()))).unwrap();
    insta::assert_snapshot!(text.lines().take(8).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let mut other = run();
    other.reverse();
    assert_eq!(phases(&run(), 110, true), phases(&other, 110, true));
}

#[test]
fn every_view_of_every_run_is_text() {
    for samples in [run(), Vec::new()] {
        let findings = found(&samples);
        for view in [View::Suite, View::EnginePairs, View::ColdStart] {
            let style = Style {
                width: 80,
                colour: false,
            };
            assert!(!render(&findings, view, style).is_empty(), "{view:?}");
        }
    }
}
