//! Runs that are interrupted, killed, locked, damaged and resumed.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;

use super::*;

const HELLO: [&str; 6] = [
    "--workload",
    "hello",
    "--samples",
    "8",
    "--select",
    "system=wasmtime-embedded",
];

/// Starts a run and returns when its ledger has at least `lines` lines.
fn begun(host: &Host, arguments: &[&str], lines: usize) -> Child {
    let mut command = host.command(arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    loop {
        let ledger = host.runs().first().map(|run| run.join("samples.jsonl"));
        let text = ledger
            .and_then(|path| std::fs::read_to_string(path).ok())
            .unwrap_or_default();
        if text.lines().count() >= lines {
            return child;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::yield_now();
    }
}

fn orders(samples: &[Sample]) -> Vec<u64> {
    samples.iter().map(|sample| sample.order).collect()
}

#[test]
fn killed_at_any_moment_and_resumed_it_measures_the_rest_and_nothing_twice() {
    for lines in [1, 17, 60] {
        let host = Host::new();
        let mut child = begun(&host, &HELLO, lines);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        // A kill in the middle of an append leaves half a line: made sure of.
        let ledger = host.runs()[0].join("samples.jsonl");
        let mut text = std::fs::read_to_string(&ledger).unwrap();
        let whole = text.lines().count();
        text.push_str("{\"schema\":1,\"run\":\"2026");
        std::fs::write(&ledger, text).unwrap();
        let before = results::ledger::read(&ledger).unwrap().samples;

        let ran = host.phases(&["--resume", "latest"]);
        ran.measured_all(&host);
        assert!(
            ran.stderr.contains(&format!(
                "line {} of the ledger was never finished",
                whole + 1
            )),
            "{}",
            ran.stderr
        );
        let after = host.samples();
        assert_eq!(after[..before.len()], before[..]);
        assert_eq!(orders(&after), (0..13 * 8).collect::<Vec<_>>());
    }
}

#[test]
fn an_interrupt_ends_the_run_after_a_sample_and_says_how_to_go_on() {
    let host = Host::new();
    let child = begun(&host, &HELLO, 5);
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let run = host.runs()[0]
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        ran.stderr.contains(&format!("--resume {run} --out")),
        "{}",
        ran.stderr
    );
    host.phases(&["--resume", &run]).measured_all(&host);
    host.phases(&["--resume", &run]).measured_all(&host);
    assert_eq!(
        host.samples().len(),
        13 * 8,
        "a finished run has nothing left to do"
    );
}

#[test]
fn two_at_once_is_one_too_many() {
    let host = Host::new();
    let mut child = begun(&host, &HELLO, 1);
    let second = host.phases(&["--resume", "latest"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.code, 6, "{}", second.stderr);
    assert!(
        second.stderr.contains("another process is measuring") && second.stderr.contains("hint:"),
        "{}",
        second.stderr
    );
    // The lock went with its process.
    host.phases(&["--resume", "latest"]).measured_all(&host);
}

/// The digest of a file, in hexadecimal.
fn sha256(path: &Path) -> String {
    results::digest::sha256_file(path).unwrap()
}

/// Whoever sends a run folder can send any code with it, and a digest that fits.
#[test]
fn nothing_that_lies_in_a_run_folder_is_run_when_it_is_resumed() {
    let host = Host::new();
    let mut child = begun(&host, &HELLO, 40);
    child.kill().unwrap();
    child.wait().unwrap();
    let work = host.runs()[0].join("work");
    // Code that answers something else than what is measured.
    let evil = work.join("evil");
    let compiled = Command::new(env!("CARGO_BIN_EXE_host"))
        .args(["compile", "--artifact", &built("cpu-hash.wasm"), "--output"])
        .arg(&evil)
        .status();
    assert!(compiled.unwrap().success());
    let mut planted = BTreeSet::new();
    for entry in std::fs::read_dir(&work).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "cwasm")
        {
            std::fs::copy(&evil, &path).unwrap();
            std::fs::write(path.with_added_extension("sha256"), sha256(&path)).unwrap();
            planted.insert(path);
        }
    }
    assert!(!planted.is_empty());
    let evil = sha256(&evil);
    let before = host.samples().len();
    host.phases(&["--resume", "latest"]).measured_all(&host);
    let after = host.samples();
    let loaded: Vec<_> = after[before..]
        .iter()
        .filter_map(|sample| sample.attested.get(&Evidence::CodeSha256)?.as_str())
        .collect();
    assert!(!loaded.is_empty());
    assert!(!loaded.contains(&evil.as_str()), "{loaded:?}");
}

#[test]
fn a_working_folder_that_leads_elsewhere_is_not_followed() {
    let host = Host::new();
    let mut child = begun(&host, &HELLO, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = host.runs()[0].clone();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("kept"), "kept").unwrap();
    std::fs::remove_dir_all(run.join("work")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), run.join("work")).unwrap();
    host.phases(&["--resume", "latest"]).measured_all(&host);
    let left: Vec<_> = std::fs::read_dir(elsewhere.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["kept"]);

    // The ledger is appended to, and cut.
    let ledger = run.join("samples.jsonl");
    let target = elsewhere.path().join("ledger");
    std::fs::rename(&ledger, &target).unwrap();
    std::os::unix::fs::symlink(&target, &ledger).unwrap();
    let text = std::fs::read_to_string(&target).unwrap() + "not finished";
    std::fs::write(&target, &text).unwrap();
    let ran = host.phases(&["--resume", "latest"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), text);
}

#[test]
fn a_run_of_another_program_or_machine_is_not_continued() {
    let host = Host::new();
    let mut child = begun(&host, &HELLO, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let path = host.runs()[0].join("manifest.json");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let before = host.samples().len();
    let artifact = manifest.split("\"bytes\": ").nth(1).unwrap();
    let digest = artifact.split("\"sha256\": \"").nth(1).unwrap();
    let digest = digest.split('"').next().unwrap();
    let another = "0".repeat(digest.len());
    for (from, to, words) in [
        ("\"cores\": ", "\"cores\": 9", "the machine's cores was"),
        (digest, &*another, "is another file: its digest was"),
        (
            "\"schema\": 1",
            "\"schema\": 9",
            "not a manifest of schema version 1",
        ),
        (
            "\"profile\": {\n      \"value\": \"quick\"",
            "\"profile\": {\n      \"value\": \"quiet\"",
            "cannot be understood",
        ),
    ] {
        assert!(manifest.contains(from), "{from}");
        std::fs::write(&path, manifest.replacen(from, to, 1)).unwrap();
        let ran = host.phases(&["--resume", "latest"]);
        assert_eq!(ran.code, 7, "{}", ran.stderr);
        assert!(
            ran.stderr.contains(words) && ran.stderr.contains("hint:"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(host.samples().len(), before);
}
