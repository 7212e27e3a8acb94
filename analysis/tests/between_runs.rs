//! `compare` and `plan` through the program itself, on runs whose truth is known.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use campaign::Exit;
use results::record::Scenario;
use serde_json::Value;
use support::Shape;

const RUN: &str = "20261125T120000Z-00aa";
const OTHER: &str = "20261125T130000Z-00bb";

/// Runs of two builds that took turns, and one more of each.
const BEFORE: [&str; 5] = [
    "20261125T120000Z-0b01",
    "20261125T140000Z-0b02",
    "20261125T160000Z-0b03",
    "20261125T180000Z-0b04",
    "20261125T200000Z-0b05",
];
const AFTER: [&str; 5] = [
    "20261125T130000Z-0a01",
    "20261125T150000Z-0a02",
    "20261125T170000Z-0a03",
    "20261125T190000Z-0a04",
    "20261125T210000Z-0a05",
];

/// What the program prints and how it ends.
fn analysis(raw: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_analysis"));
    let output = program
        .args(arguments)
        .arg("--in")
        .arg(raw)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

fn ends(found: &(String, Option<i32>), exit: Exit) {
    assert_eq!(found.1, Some(i32::from(exit.code())), "{}", found.0);
}

/// Starts only: what takes longest to invent is requests.
fn starts(run: &'static str, samples: u32, seed: u64) -> Shape {
    Shape {
        samples,
        seed,
        scenarios: vec![Scenario::DiskCold, Scenario::WarmDisk],
        ..Shape::small(run)
    }
}

/// Multiplies the times of a run's samples, those that fit.
fn multiply(folder: &Path, factor: f64, fits: impl Fn(&Value) -> bool) {
    let ledger = folder.join("samples.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    let times = |value: &mut Value| {
        if let Some(ns) = value.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "invented times are small and positive"
            )]
            let ns = (ns * factor).round() as u64;
            *value = ns.into();
        }
    };
    let line = |line: &str| {
        let mut sample: Value = serde_json::from_str(line).unwrap();
        if fits(&sample) {
            times(&mut sample["total_ns"]);
            if let Some(phases) = sample["phases"].as_array_mut() {
                phases.iter_mut().for_each(|phase| times(&mut phase["ns"]));
            }
        }
        sample.to_string() + "\n"
    };
    fs::write(&ledger, text.lines().map(line).collect::<String>()).unwrap();
}

/// A run under another name.
fn copy(raw: &Path, from: &str, to: &str) {
    fs::create_dir_all(raw.join(to)).unwrap();
    for file in ["manifest.json", "samples.jsonl"] {
        let text = fs::read_to_string(raw.join(from).join(file)).unwrap();
        fs::write(raw.join(to).join(file), text.replace(from, to)).unwrap();
    }
}

#[test]
fn a_run_with_every_total_three_times_as_long_is_always_slower() {
    for (samples, seed) in [(7, 1), (7, 2), (7, 3), (30, 4)] {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path();
        support::write(raw, &starts(RUN, samples, seed));
        copy(raw, RUN, OTHER);
        multiply(&raw.join(OTHER), 3.0, |_| true);
        let found = analysis(raw, &["compare", RUN, OTHER]);
        ends(&found, Exit::Regression);
        assert!(
            found
                .0
                .contains("everything is slower, the control `native` too"),
            "{}",
            found.0
        );
    }
}

#[test]
fn three_times_as_long_is_slower_where_the_control_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    support::write(raw, &starts(RUN, 7, 5));
    copy(raw, RUN, OTHER);
    multiply(&raw.join(OTHER), 3.0, |sample| {
        sample["cell"]["system"] == "wasmtime-cli"
    });
    let found = analysis(raw, &["compare", RUN, OTHER]);
    ends(&found, Exit::Regression);
    let slower = found.0.lines().filter(|line| line.contains("slower: "));
    let slower: Vec<_> = slower.collect();
    // Two cells, by their ratio and by themselves.
    assert_eq!(slower.len(), 4, "{}", found.0);
    assert!(slower.iter().all(|line| line.contains("wasmtime-cli")));
    assert!(!found.0.contains("the control `native`"), "{}", found.0);
}

#[test]
fn a_machine_that_is_a_third_slower_is_no_regression() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    support::write(raw, &starts(RUN, 30, 6));
    support::write(raw, &starts(OTHER, 30, 7));
    multiply(&raw.join(OTHER), 1.3, |_| true);
    let found = analysis(raw, &["compare", RUN, OTHER]);
    assert!(!found.0.contains("slower: "), "{}", found.0);
    ends(&found, Exit::Ok);
    assert!(
        found
            .0
            .contains("absolute times are not comparable between single runs"),
        "{}",
        found.0
    );
}

#[test]
fn plans_that_differ_are_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    support::write(raw, &starts(RUN, 8, 8));
    support::write(
        raw,
        &Shape {
            scenarios: vec![Scenario::DiskCold],
            ..starts(OTHER, 9, 9)
        },
    );
    let (text, _) = analysis(raw, &["compare", RUN, OTHER]);
    assert!(
        text.contains("cells: ") && text.contains("has other neighbours"),
        "{text}"
    );
    assert!(text.contains("samples of each cell: 8 and 9"), "{text}");
    let (text, _) = analysis(raw, &["compare", RUN, RUN]);
    assert!(
        text.contains("order of the samples is no independent draw"),
        "{text}"
    );
}

#[test]
fn another_control_can_be_named_if_both_measured_it() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    support::write(raw, &starts(RUN, 20, 10));
    support::write(raw, &starts(OTHER, 20, 11));
    let found = analysis(raw, &["compare", RUN, OTHER, "--control", "runc"]);
    assert!(found.0.contains("ratios to `runc`"), "{}", found.0);
    assert!(!found.0.contains("slower: "), "{}", found.0);
    let found = analysis(raw, &["compare", RUN, OTHER, "--control", "gvisor"]);
    ends(&found, Exit::NotComparable);
}

fn several(before: &[&str], after: &[&str]) -> Vec<String> {
    let mut arguments = vec!["compare".to_owned(), "--before".to_owned()];
    arguments.extend(before.iter().map(|run| (*run).to_owned()));
    arguments.push("--after".to_owned());
    arguments.extend(after.iter().map(|run| (*run).to_owned()));
    arguments
}

/// Ten runs, each with a state of the machine of its own; the later build takes `factor` times as
/// long with everything but native.
fn ten_runs(raw: &Path, factor: f64) {
    let states = [1.0, 0.96, 1.05, 1.02, 0.95, 1.01, 0.97, 0.99, 1.02, 1.03];
    let runs = BEFORE.iter().zip(AFTER).flat_map(|(one, two)| [*one, two]);
    for ((seed, run), state) in (20..).zip(runs).zip(states) {
        let is_after = AFTER.contains(&run);
        support::write(
            raw,
            &Shape {
                scenarios: vec![Scenario::WarmDisk],
                slower: if is_after { factor } else { 1.0 },
                ..starts(run, 7, seed)
            },
        );
        multiply(&raw.join(run), state, |_| true);
        let manifest = raw.join(run).join("manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        let made = format!("2026-11-25T{}:00:00.000000Z", &run[9..11]);
        fs::write(
            &manifest,
            text.replace("2026-11-25T12:00:00.000000Z", &made),
        )
        .unwrap();
    }
}

#[test]
fn five_runs_of_each_judge_absolute_times() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    ten_runs(raw, 1.25);
    let run = |before: &[&str], after: &[&str]| {
        let arguments = several(before, after);
        analysis(
            raw,
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    let found = run(&BEFORE, &AFTER);
    ends(&found, Exit::Regression);
    assert!(
        found.0.contains("order of the runs: bababababa"),
        "{}",
        found.0
    );
    assert!(found.0.contains("slower: docker"), "{}", found.0);
    assert!(!found.0.contains("slower: native"), "{}", found.0);
    let found = run(&BEFORE[..4], &AFTER);
    ends(&found, Exit::Regression);
    assert!(
        found
            .0
            .contains("takes 5 runs a side, 1 more before and 0 more after"),
        "{}",
        found.0
    );
    let found = run(&BEFORE[..1], &AFTER);
    ends(&found, Exit::Usage);
    let found = run(&BEFORE[..2], &BEFORE[..2]);
    ends(&found, Exit::Usage);
    let apart = run(&[BEFORE[0], AFTER[0], BEFORE[1]], &[AFTER[2], BEFORE[3]]);
    assert!(
        apart
            .0
            .contains("all runs of one side were measured before"),
        "{}",
        apart.0
    );
}

#[test]
fn ten_runs_of_one_build_are_no_regression() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    ten_runs(raw, 1.0);
    let arguments = several(&BEFORE, &AFTER);
    let (text, code) = analysis(
        raw,
        &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    assert!(!text.contains("slower: "), "{text}");
    assert_ne!(code, Some(i32::from(Exit::Regression.code())));
    let arguments = several(&BEFORE[..4], &AFTER);
    let found = analysis(
        raw,
        &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    ends(&found, Exit::Inconclusive);
}

#[test]
fn a_plan_says_what_can_show_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path();
    support::write(raw, &starts(RUN, 9, 12));
    let plan = |samples| analysis(raw, &["plan", RUN, "--samples", samples, "--effect", "20%"]);
    let found = plan("5");
    ends(&found, Exit::Ok);
    assert!(
        found
            .0
            .contains("no difference can be shown with fewer than 6 samples a cell")
            && found.0.contains("5 blocks is 0.062"),
        "{}",
        found.0
    );
    let found = plan("30");
    ends(&found, Exit::Ok);
    assert!(!found.0.contains("beware"), "{}", found.0);
    for part in ["noisiest, ", "30 samples find ", "every comparison: "] {
        assert!(found.0.contains(part), "{part}: {}", found.0);
    }
    ends(
        &analysis(raw, &["plan", "nowhere", "--samples", "30"]),
        Exit::Input,
    );
}
