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
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until_begun(host, child, lines)
}

/// Returns when the ledger of a run has at least `lines` lines.
fn until_begun(host: &Host, mut child: Child, lines: usize) -> Child {
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

/// Waits until the only run has all its samples and has removed its private folder.
fn until_complete(host: &Host) {
    let run = host.runs()[0].clone();
    let until_ns = machine::clock::now_ns() + 120_000_000_000;
    let lines = || {
        std::fs::read_to_string(run.join("samples.jsonl"))
            .unwrap()
            .lines()
            .count()
    };
    while lines() < 13 * 8 || run.join("work").exists() {
        let in_time = machine::clock::now_ns() < until_ns;
        assert!(in_time, "{} of {} samples, and no more", lines(), 13 * 8);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The terminal is one of `script`'s, which is killed: to the run it is one whose window was closed.
#[test]
fn a_run_whose_terminal_is_closed_goes_on_to_its_end() {
    let Ok(script) = machine::programs::command("script") else {
        let _ = std::io::Write::write_all(&mut std::io::stdout(), b"not run: there is no script\n");
        return;
    };
    let host = Host::new();
    let run = host.command(&HELLO);
    let words = std::iter::once(run.get_program()).chain(run.get_args());
    let words: Vec<_> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let mut terminal = script;
    terminal
        .args(["--quiet", "--command", &words.join(" "), "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut terminal = until_begun(&host, terminal.spawn().unwrap(), 5);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    until_complete(&host);
    let samples = host.samples();
    assert_eq!(orders(&samples), (0..13 * 8).collect::<Vec<_>>());
    let hung_up = |sample: &&Sample| {
        sample
            .reason
            .as_ref()
            .is_some_and(|reason| reason.contains("SIGHUP"))
    };
    assert_eq!(samples.iter().filter(hung_up).count(), 0);
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
fn a_run_that_somebody_else_has_written_opens_no_folder_to_a_guest() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "pwned")
        (func (export "_start") (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0)
            (i32.const 5) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))))"#;
    let (host, folder) = (Host::new(), tempfile::tempdir().unwrap());
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let guest = file(folder.path(), "evil.wasm", wat::parse_str(text).unwrap());
    let one = ["--samples", "1", "--select", "page_cache=hot"];
    let system = ["--select", "system=wasmtime-embedded"];
    let ran = host.phases(&[&["--artifact", &guest][..], &one, &system].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let resume = || host.phases(&["--resume", "latest"]);
    assert_eq!(resume().code, 0, "it is one's own as it is");
    // As it may come from somebody, with what was not measured yet.
    let run = host.runs()[0].clone();
    std::fs::write(run.join("samples.jsonl"), "").unwrap();
    let manifest = run.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut evil: serde_json::Value = serde_json::from_str(&text).unwrap();
    let open = format!("{}::/x:rw", home.display());
    evil["config"]["artifact"]["value"]["folders"] = serde_json::json!([open]);
    std::fs::write(&manifest, evil.to_string()).unwrap();
    let ran = resume();
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("this user has not begun it"),
        "{}",
        ran.stderr
    );
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
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
