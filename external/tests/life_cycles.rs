//! How many requests an instance handles and the pool that it comes from, of every system that is
//! installed: each sample is what its cell says, and all that are called by `wasi:http` answer as native does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use results::record::{Outcome, Scenario};
use results::{Evidence, Param, Sample, ledger, run_folder};

/// Systems that are programs, and start no engine of containers.
const SYSTEMS: [&str; 5] = [
    "native",
    "wasmtime-embedded",
    "wasmtime-cli",
    "wasmedge-embedded",
    "wasmedge-cli",
];

/// One sample of every cell that is left of a profile.
fn samples(profile: &str, only: &[&str]) -> Vec<Sample> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["suite", "--profile", profile, "--samples", "1"])
        .args(["--requests", "60", "--warm-up", "2", "--out"])
        .arg(folder.path())
        .args(only.iter().flat_map(|only| ["--only", only]))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let runs = run_folder::runs(folder.path());
    let run = runs.first().unwrap_or_else(|| panic!("{said}"));
    let read = ledger::read(&folder.path().join(run).join("samples.jsonl")).unwrap();
    let mut missing = BTreeSet::new();
    let mut taken = Vec::new();
    for sample in read.samples {
        match sample.outcome {
            Outcome::Ok => taken.push(sample),
            Outcome::Skipped => _ = missing.insert(sample.cell.system.to_string()),
            Outcome::Failed => panic!("{}: {:?}", sample.cell, sample.reason),
        }
    }
    for system in missing {
        let _ = writeln!(
            std::io::stdout(),
            "not run: {system} cannot be measured here"
        );
    }
    taken
}

#[test]
fn every_way_to_meet_requests_is_what_its_cell_says_and_all_answer_alike() {
    let only = SYSTEMS.map(|system| format!("system={system}"));
    let only = only.iter().map(String::as_str);
    let only: Vec<_> = only.chain(["scenario=throughput"]).collect();
    let samples = samples("load", &only);
    let mut ways: BTreeMap<&str, BTreeSet<(&str, Option<&str>)>> = BTreeMap::new();
    let mut heads: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for sample in &samples {
        let params = &sample.cell.params;
        let (lifecycle, pool) = (params.get(Param::Lifecycle), params.get(Param::Pool));
        let attested = &sample.attested;
        assert_eq!(
            attested.text(Evidence::Lifecycle),
            lifecycle,
            "{}",
            sample.cell
        );
        assert!(
            attested
                .number(Evidence::LoadCpuNs)
                .is_some_and(|ns| ns > 0),
            "{}",
            sample.cell
        );
        let slots = attested[Evidence::PoolSettings]["slots"].as_u64();
        let expected = match pool {
            Some("tuned") => Some(512),
            Some("default") => Some(0),
            _ => None,
        };
        assert_eq!(slots, expected, "{}", sample.cell);
        let way = (lifecycle.unwrap(), pool);
        ways.entry(sample.cell.system.original_name())
            .or_default()
            .insert(way);
        let head = attested.text(Evidence::AnswerHead).unwrap();
        heads
            .entry(head.to_owned())
            .or_default()
            .push(sample.cell.to_string());
    }
    // The guest on WasmEdge's sockets writes its heads itself.
    heads.retain(|_, cells| cells.iter().any(|cell| !cell.starts_with("wasmedge")));
    assert_eq!(heads.len(), 1, "answers differ: {heads:#?}");
    let (each, one) = ("per-request", "reused");
    let expected = BTreeMap::from([
        ("native", vec![(one, None)]),
        ("wasmedge-embedded", vec![(one, None)]),
        ("wasmedge-cli", vec![(one, None)]),
        (
            "wasmtime-embedded",
            vec![
                (each, Some("default")),
                (each, Some("none")),
                (each, Some("tuned")),
                (one, Some("none")),
            ],
        ),
        (
            "wasmtime-cli",
            vec![
                (each, Some("default")),
                (each, Some("none")),
                (each, Some("tuned")),
                (one, Some("default")),
            ],
        ),
    ]);
    for (system, ways) in ways {
        let ways: Vec<_> = ways.into_iter().collect();
        assert_eq!(ways, expected[system], "{system}");
    }
}

#[test]
fn what_keeps_its_state_has_one_instance_for_all_requests() {
    let only = [
        "system=wasmtime-embedded",
        "system=wasmtime-cli",
        "workload=http-state",
        "scenario=throughput",
    ];
    for sample in samples("standard", &only) {
        assert_eq!(sample.cell.scenario, Scenario::Throughput);
        assert!(
            sample.cell.params.is(Param::Lifecycle, "reused"),
            "{}",
            sample.cell
        );
        // Before the load 200 increments from ten clients at a time added up.
        assert!(
            sample
                .attested
                .text(Evidence::State)
                .unwrap()
                .contains("one instance"),
            "{}",
            sample.cell
        );
    }
}
