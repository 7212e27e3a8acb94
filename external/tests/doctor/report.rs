//! The report as a whole.

use std::path::Path;

use campaign::Exit;
use external::doctor::Severity::{Good, Note};
use external::doctor::{Report, SystemState, Trials};
use external::system::Unavailable;
use results::noise::Noise;

use crate::fake::Fake;

#[test]
fn a_good_machine_has_nothing_to_mend() {
    let report = Fake::good().report(Vec::new());
    let wrong: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.severity != Good)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(report.verdict(), Exit::Ok);
}

#[test]
fn a_machine_that_shows_nothing_still_gets_a_report() {
    let mut fake = Fake::good()
        .noise(|noise| *noise = Noise::default())
        .trial(|trials| trials.allowed.clear());
    fake.root = tempfile::tempdir().unwrap();
    let report = fake.report(Vec::new());
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.severity <= Note),
        "{:#?}",
        report.findings
    );
    assert!(report.text(80).contains("the kernel does not say"));
}

fn family(name: &str) -> systems::Family {
    systems::describe(&name.into()).family
}

fn present(name: &'static str) -> SystemState {
    SystemState {
        name,
        family: family(name),
        version: Some("48.0.2".to_owned()),
        state: Ok(()),
        notes: Vec::new(),
    }
}

fn absent(name: &'static str) -> SystemState {
    let unavailable = Unavailable {
        reason: format!("there is no {name} on PATH"),
        remedy: format!("./setup {name}"),
    };
    SystemState {
        name,
        family: family(name),
        version: None,
        state: Err(unavailable),
        notes: Vec::new(),
    }
}

#[test]
fn strict_minds_absent_systems_warnings_and_what_is_bad() {
    let (good, noted) = (Fake::good(), Fake::virtual_machine());
    assert_eq!(
        noted.report(vec![present("native")]).verdict(),
        Exit::Ok,
        "a note is no reason"
    );
    assert_eq!(
        good.report(vec![present("native"), absent("docker")])
            .verdict(),
        Exit::Samples
    );
    assert_eq!(
        good.report(vec![absent("native"), absent("docker")])
            .verdict(),
        Exit::Nothing
    );
    let warned = Fake::good().background("rustc", 1, 0.5);
    assert_eq!(
        warned.report(vec![present("native")]).verdict(),
        Exit::Samples
    );
    let bad = Fake::good().trial(|trials| trials.allowed.truncate(1));
    assert_eq!(bad.report(vec![present("native")]).verdict(), Exit::Samples);
}

/// Some of everything.
fn poor() -> Report {
    let mut wasmedge = present("wasmedge-cli");
    wasmedge.version = Some("0.17.1".to_owned());
    wasmedge.notes.push(
        "its default run mode is the interpreter; compiled code needs `wasmedge compile` first"
            .to_owned(),
    );
    let observer = Err("SECCOMP_GET_NOTIF_SIZES: Function not implemented".to_owned());
    Fake::virtual_machine()
        .file(
            "sys/kernel/mm/transparent_hugepage/enabled",
            "[always] madvise never\n",
        )
        .file(
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "powersave\n",
        )
        .file("sys/class/dmi/id/sys_vendor", "QEMU\n")
        .trial(|trials| trials.observer = observer)
        .background("cargo", 1, 0.31)
        .report(vec![
            present("wasmtime-cli"),
            wasmedge,
            absent("wasmcloud"),
            absent("docker"),
        ])
}

#[test]
fn a_whole_report_for_people() {
    insta::assert_snapshot!(poor().text(100));
}

#[test]
fn it_fits_the_width_that_there_is() {
    for width in [10, 40, 60, 80, 100, 300] {
        let limit = width.clamp(40, 100);
        for line in poor().text(width).lines() {
            // A word is never cut: a path that was could not be copied.
            let words = line
                .split_whitespace()
                .filter(|word| word.chars().count() > 1)
                .count();
            assert!(
                line.chars().count() <= limit || words == 1,
                "{width}: {line}"
            );
        }
    }
}

#[test]
fn the_same_as_json() {
    let json = serde_json::to_value(poor()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["systems"]).unwrap());
    let keys = |value: &serde_json::Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&json), ["findings", "machine", "systems"]);
    let findings = json["findings"].as_array().unwrap();
    for finding in findings {
        assert_eq!(
            keys(finding),
            ["check", "effect", "found", "remedy", "severity"]
        );
    }
    let severity = |check: &str| {
        findings
            .iter()
            .find(|finding| finding["check"] == check)
            .unwrap()["severity"]
            .clone()
    };
    let severities = ["swap", "virtualised", "huge pages", "observer"].map(severity);
    assert_eq!(severities, ["good", "note", "warning", "bad"]);
    assert_eq!(json["machine"]["clock_source"], "tsc");
}

#[test]
fn this_machine_is_looked_at_without_changing_it() {
    let folder = tempfile::tempdir_in(results::checkout::root()).unwrap();
    let namespace = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    let trials = Trials::here(folder.path(), Ok(()));
    assert_eq!(
        std::fs::read_link("/proc/thread-self/ns/net").unwrap(),
        namespace
    );
    assert!(trials.activity.interval_ns >= 500_000_000);
    assert!(!trials.allowed.is_empty());
    let report = Report::new(Path::new("/"), &trials, Vec::new());
    assert!(report.findings.len() >= 18 && !report.text(100).is_empty());
}
