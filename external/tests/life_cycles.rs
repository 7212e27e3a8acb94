//! How many requests an instance handles and the pool that it comes from, of every system that is
//! installed: each sample is what its cell says, and each system answers with the head that is written down for it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use results::record::{Outcome, Scenario};
use results::{Evidence, Param, Sample, ledger, run_folder};

/// Systems that are programs, and start no engine of containers.
const SYSTEMS: [&str; 10] = [
    "native",
    "native-no-date",
    "wasmtime-embedded",
    "wasmtime-cli",
    "wasmedge-embedded",
    "wasmedge-cli",
    "workerd",
    "bun",
    "deno",
    "node",
];

/// The head of an answer of `http-hello`, as it must be: services whose answers differ in it do
/// different work. What `native` does for a date is the difference to `native-no-date`.
fn head_of(system: &str) -> &'static str {
    match system {
        "native" | "wasmtime-embedded" | "wasmtime-cli" => {
            "HTTP/1.1 200 OK\ncontent-length: 20\ndate: NOW"
        }
        "native-no-date" => "HTTP/1.1 200 OK\ncontent-length: 20",
        // The guest is the server, and writes its heads itself.
        "wasmedge-embedded" | "wasmedge-cli" => "HTTP/1.1 200 OK\nContent-Length: 20",
        // A `Response` that is made of a string says what it is.
        "workerd" => "HTTP/1.1 200 OK\nContent-Length: 20\nContent-Type: text/plain;charset=UTF-8",
        "bun" => {
            "HTTP/1.1 200 OK\ncontent-type: text/plain;charset=utf-8\nDate: NOW\nContent-Length: 20"
        }
        "deno" => {
            "HTTP/1.1 200 OK\ncontent-type: text/plain;charset=UTF-8\ncontent-length: 20\ndate: NOW"
        }
        "node" => {
            "HTTP/1.1 200 OK\ncontent-length: 20\nDate: NOW\nConnection: keep-alive\n\
                Keep-Alive: timeout=5"
        }
        other => panic!("which head {other} sends is not written down here"),
    }
}

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
fn every_way_to_meet_requests_is_what_its_cell_says_and_answers_with_the_head_of_its_system() {
    let only = SYSTEMS.map(|system| format!("system={system}"));
    let only = only.iter().map(String::as_str);
    let only: Vec<_> = only.chain(["scenario=throughput"]).collect();
    let samples = samples("load", &only);
    let mut ways: BTreeMap<&str, BTreeSet<(&str, Option<&str>)>> = BTreeMap::new();
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
        assert_eq!(
            attested.text(Evidence::AnswerHead),
            Some(head_of(sample.cell.system.original_name())),
            "{}",
            sample.cell
        );
    }
    let (each, one) = ("per-request", "reused");
    let expected = BTreeMap::from([
        ("native", vec![(one, None)]),
        ("native-no-date", vec![(one, None)]),
        ("wasmedge-embedded", vec![(one, None)]),
        ("wasmedge-cli", vec![(one, None)]),
        ("workerd", vec![(one, None)]),
        ("bun", vec![(one, None)]),
        ("deno", vec![(one, None)]),
        ("node", vec![(one, None)]),
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
