//! Two builds as a person measures them against each other: what is recorded of them, how the
//! program ends, and what it refuses. How fast they are decides nothing here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use external::system::System;
use results::digest::sha256_file;
use results::manifest::Manifest;
use results::record::Outcome;
use results::{Sample, ledger, run_folder};
use serde_json::Value;
use workloads::{Dialect, Workload};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn duel(out: &Path, arguments: &[&str]) -> (Output, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_external"))
        .args(["duel", "--out"])
        .arg(out)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

fn run_of(out: &Path) -> (Manifest, Vec<Sample>) {
    let run = out.join(&run_folder::runs(out)[0]);
    let manifest = run_folder::read_manifest(&run).unwrap();
    let samples = ledger::read(&run.join("samples.jsonl")).unwrap().samples;
    (manifest, samples)
}

/// A file as it is, and one that does the same with other bytes: `more` is what both an ELF file
/// and WebAssembly of its kind can have behind them.
fn two_builds(original: &Path, folder: &Path, more: &[u8]) -> [PathBuf; 2] {
    let [a, b] = ["a", "b"].map(|name| folder.join(name));
    fs::copy(original, &a).unwrap();
    fs::copy(original, &b).unwrap();
    let mut bytes = fs::read(&b).unwrap();
    bytes.extend(more);
    fs::write(&b, bytes).unwrap();
    [a, b]
}

/// The native service, which needs nothing that a machine may lack.
fn native() -> PathBuf {
    let native = System::from_name("native").unwrap();
    native.find().unwrap().program
}

/// The program that embeds Wasmtime, as the suite finds it.
fn host() -> PathBuf {
    let embedded = System::from_name("wasmtime-embedded").unwrap();
    embedded.find().unwrap().program
}

/// A custom section with nothing in it but its name, `x`.
const SECTION: [u8; 4] = [0, 2, 1, b'x'];

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a run of two builds must have recorded.
fn is_recorded(out: &Path, [a, b]: &[PathBuf; 2], per_cell: usize) {
    let (manifest, samples) = run_of(out);
    let digests = [a, b].map(|build| sha256_file(build).unwrap());
    let recorded = manifest.artifacts.iter().filter(|it| it.build.is_some());
    let recorded: Vec<_> = recorded
        .map(|it| (it.build.as_deref(), it.sha256.as_str()))
        .collect();
    let [one, two] = digests.each_ref().map(String::as_str);
    assert_eq!(recorded, [(Some("a"), one), (Some("b"), two)]);
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{:?}", sample.reason);
        let digest = match sample.cell.params.get("build") {
            Some("a") => one,
            Some("b") => two,
            other => panic!("{other:?}"),
        };
        assert_eq!(sample.artifact_sha256.as_deref(), Some(digest));
    }
    let mut sides: Vec<_> = samples
        .iter()
        .map(|it| {
            (
                it.cell.system.is_twin(),
                it.cell.params.get("build").unwrap(),
            )
        })
        .collect();
    sides.sort_unstable();
    let wanted = [(false, "a"), (false, "b"), (true, "a")];
    let wanted = wanted.into_iter().flat_map(|side| vec![side; per_cell]);
    assert_eq!(sides, wanted.collect::<Vec<_>>());
    assert!(!out.join(&manifest.run).join("work").exists());
}

#[test]
fn two_programs_are_measured_against_each_other() {
    let out = folder();
    let builds = two_builds(&native(), out.path(), b"another build");
    let [a, b] = builds.each_ref().map(|build| path(build));
    let runs = out.path().join("runs");
    let arguments = ["--a", a, "--b", b, "--samples", "2", "--seed", "3"];
    let (output, stdout, stderr) = duel(&runs, &arguments);
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    // Starts, and requests at running instances.
    is_recorded(&runs, &builds, 4);
    assert!(!stderr.contains("A/A run"), "{stderr}");
    for said in [
        "native, http-hello warm-disk",
        "native, http-hello warm",
        "`pss_bytes` is told, and does not decide",
        "build A",
        "A/A control",
    ] {
        assert!(stdout.contains(said), "{said}:\n{stdout}");
    }
    // Everything is measured already: what is left is to say so again.
    let again = ["--resume", "latest", "--format", "json", "--fail-on-slower"];
    let (output, stdout, stderr) = duel(&runs, &again);
    let findings: Value = serde_json::from_str(&stdout).unwrap();
    let expected = match findings["duel"]["outcome"].as_str().unwrap() {
        "slower" => 10,
        "undecided" => 11,
        _ => 0,
    };
    assert_eq!(output.status.code(), Some(expected), "{stderr}");
    assert_eq!(findings["duel"]["is_same"], false);
    assert_eq!(findings["families"], Value::Array(Vec::new()));
}

#[test]
fn two_builds_of_a_persons_own_service_are_asked_what_its_description_says() {
    let out = folder();
    let mock = Path::new(env!("CARGO_BIN_EXE_mock-server"));
    let builds = two_builds(mock, out.path(), b"another build");
    let [a, b] = builds.each_ref().map(|build| path(build));
    let describe = |expected: &str| {
        let text = format!(
            "[workload.greeter]\nrequest = \"GET /greeting\"\nnative = [\"{}\", \"answers\", \
                \"{{address}}\"]\nexpect = \"body-contains:{expected}\"\n",
            mock.display()
        );
        fs::write(out.path().join("own.toml"), text).unwrap();
    };
    describe("Hello");
    let file = out.path().join("own.toml");
    let runs = out.path().join("runs");
    let own = ["--target", path(&file), "--a", a, "--b", b];
    let few = ["--system", "native", "--samples", "2"];
    let (output, stdout, stderr) = duel(&runs, &[&own[..], &few].concat());
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    is_recorded(&runs, &builds, 4);
    assert!(stdout.contains("native, greeter warm-disk"), "{stdout}");
    assert!(
        !stdout.contains("Both are builds of the program"),
        "{stdout}"
    );
    let (manifest, _) = run_of(&runs);
    let described = manifest.artifacts.iter().find(|it| it.build.is_none());
    assert_eq!(described.unwrap().sha256, sha256_file(&file).unwrap());
    let (output, _, stderr) = duel(&runs, &["--resume", "latest"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    // What it is asked is a part of what is compared.
    describe("Welcome");
    let (output, _, stderr) = duel(&runs, &["--resume", "latest"]);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(stderr.contains("is another file"), "{stderr}");
}

#[test]
fn two_guests_are_compiled_each_for_itself() {
    let out = folder();
    let artifact = Workload::CpuHash
        .artifact_for(Dialect::WasiHttp)
        .unwrap()
        .path();
    let builds = two_builds(&artifact, out.path(), &SECTION);
    let [a, b] = builds.each_ref().map(|build| path(build));
    let runs = out.path().join("runs");
    let guests = ["--a", a, "--b", b, "--workload", "cpu-hash"];
    let (output, stdout, stderr) = duel(&runs, &[&guests[..], &["--samples", "2"]].concat());
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    is_recorded(&runs, &builds, 2);
    let said = "wasmtime-embedded deserialize_file, cpu-hash warm-disk";
    assert!(stdout.contains(said), "{stdout}");

    fs::write(b, fs::read(a).unwrap()).unwrap();
    let (output, _, stderr) = duel(&runs, &["--resume", "latest"]);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(
        stderr.contains("is another file: its digest was"),
        "{stderr}"
    );
}

#[test]
fn two_builds_of_the_host_run_the_same_guest() {
    let out = folder();
    let builds = two_builds(&host(), out.path(), b"another build");
    let [a, b] = builds.each_ref().map(|build| path(build));
    let runs = out.path().join("runs");
    let hosts = ["--host-a", a, "--host-b", b];
    let few = ["--samples", "2", "--scenario", "warm-disk,warm"];
    let (output, stdout, stderr) = duel(&runs, &[hosts, few].concat());
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    is_recorded(&runs, &builds, 4);
    assert!(!stderr.contains("A/A run"), "{stderr}");
    for said in [
        "Both are builds of the program that runs the workload",
        "wasmtime-embedded deserialize_file, http-hello warm-disk",
    ] {
        assert!(stdout.contains(said), "{said}:\n{stdout}");
    }
    // What was measured is told of: build A, and the guest that both ran.
    let (manifest, _) = run_of(&runs);
    assert_eq!(
        manifest.systems[0].sha256,
        Some(sha256_file(&builds[0]).unwrap())
    );
    let guests = manifest.artifacts.iter().filter(|it| it.build.is_none());
    assert!(guests.count() > 0, "{:?}", manifest.artifacts);
    let (output, _, stderr) = duel(&runs, &["--resume", "latest"]);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    fs::copy(&builds[0], &builds[1]).unwrap();
    let (output, _, stderr) = duel(&runs, &["--resume", "latest"]);
    assert_eq!(output.status.code(), Some(7), "{stderr}");
}

#[test]
fn the_same_build_twice_is_allowed_and_said() {
    let out = folder();
    let native = native();
    let runs = out.path().join("runs");
    let twice = ["--a", path(&native), "--b", path(&native)];
    let few = ["--samples", "1", "--scenario", "warm-disk"];
    let (output, stdout, stderr) = duel(&runs, &[twice, few].concat());
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("this is an A/A run"), "{stderr}");
    assert!(stdout.contains("the same file"), "{stdout}");
}

#[test]
fn a_build_that_answers_wrongly_is_no_slower_one() {
    let out = folder();
    // A program that ends at once, and well.
    let builds = [native(), PathBuf::from("/bin/true")];
    let [a, b] = builds.each_ref().map(|build| path(build));
    let runs = out.path().join("runs");
    let few = [
        "--samples",
        "1",
        "--scenario",
        "warm-disk",
        "--fail-on-slower",
    ];
    let (output, stdout, stderr) = duel(&runs, &[&["--a", a, "--b", b][..], &few[..]].concat());
    assert_eq!(output.status.code(), Some(4), "{stdout}\n{stderr}");
    assert!(stderr.contains("it was tried once"), "{stderr}");
    assert!(stdout.contains("It cannot be told"), "{stdout}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of what cannot be measured")]
fn what_cannot_be_measured_is_one_message_with_a_way_out() {
    let out = folder();
    let component = Workload::HttpHello.artifact_for(Dialect::WasiHttp);
    let component = component.unwrap().path();
    let module = Workload::HttpHello
        .artifact_for(Dialect::WasmEdgeSockets)
        .unwrap()
        .path();
    let (component, module) = (path(&component), path(&module));
    let host = host();
    let host = path(&host);
    let text = out.path().join("text");
    fs::write(&text, "no build").unwrap();
    let own = out.path().join("own.toml");
    let described =
        format!("[workload.x]\ncomponent = \"{component}\"\n[workload.y]\nnative = [\"sh\"]\n");
    fs::write(&own, described).unwrap();
    let own = path(&own);
    let runs = out.path().join("runs");
    for (arguments, code, said) in [
        (&["--a", component][..], 2, "--b <PATH>"),
        (
            &["--a", component, "--b", "/no/such/file"],
            3,
            "cannot read /no/such/file",
        ),
        (
            &["--a", component, "--b", path(&text)],
            3,
            "a .wasm file, or a server",
        ),
        (
            &["--a", component, "--b", module],
            2,
            "no comparison of two builds",
        ),
        (
            &["--a", module, "--b", module],
            3,
            "--system chooses what runs it",
        ),
        (
            &["--a", component, "--b", component, "--system", "docker"],
            2,
            "--system takes native, wasmtime-embedded",
        ),
        (
            &["--a", component, "--b", component, "--system", "docker"],
            2,
            "two images are two workloads of one file",
        ),
        (
            &[
                "--a",
                component,
                "--b",
                component,
                "--workload",
                "http-hallo",
            ],
            2,
            "did you mean http-hello?",
        ),
        (
            &["--target", own, "--a", component, "--b", component],
            2,
            "--workload takes x, y",
        ),
        (
            &[
                "--target",
                own,
                "--workload",
                "y",
                "--a",
                component,
                "--b",
                component,
            ],
            3,
            "y has no component",
        ),
        (
            &[
                "--target",
                own,
                "--workload",
                "x",
                "--a",
                module,
                "--b",
                module,
            ],
            3,
            "x under wasmtime-embedded is a component",
        ),
        (&["--target", own, "--a", component], 2, "--b <PATH>"),
        (&["--host-a", host], 2, "--host-b <PATH>"),
        (
            &["--host-a", host, "--host-b", host, "--a", component],
            2,
            "cannot be used with",
        ),
        (
            &["--host-a", component, "--host-b", component],
            3,
            "a build of `host` is a program",
        ),
        (
            &["--host-a", "/bin/true", "--host-b", host],
            3,
            "is no build of `host`",
        ),
        (
            &["--host-a", host, "--host-b", "/bin/true"],
            3,
            "is no build of `host`",
        ),
        (
            &["--host-a", host, "--host-b", host, "--system", "native"],
            2,
            "--system takes wasmtime-embedded",
        ),
        (
            &[
                "--a",
                module,
                "--b",
                module,
                "--workload",
                "hello",
                "--scenario",
                "warm",
            ],
            2,
            "hello runs to its end",
        ),
        (&["--resume", "20200101T000000Z-0000"], 2, "there is no run"),
        (
            &["--resume", "latest", "--a", component],
            2,
            "cannot be used with",
        ),
    ] {
        let (output, _, stderr) = duel(&runs, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    assert!(run_folder::runs(&runs).is_empty(), "no run was begun");
}
