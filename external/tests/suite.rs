//! The suite as a person runs it, on the native system: what it records, and that nothing is left
//! of it, however it ends.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use results::record::{Outcome, Scenario};
use results::{Evidence, Sample, ledger, run_folder};

/// Native starts only: they need nothing that a machine may lack.
const NATIVE: [&str; 2] = [
    "--only",
    "system=native,workload=http-hello,scenario=warm-disk",
];

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn suite(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command.arg("suite").arg("--out").arg(out).args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ran(out: &Path, arguments: &[&str]) -> (Output, String, String) {
    let output = suite(out, arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

/// The one run in a folder, in which there may be other things.
fn run_in(out: &Path) -> Option<PathBuf> {
    run_folder::runs(out).first().map(|run| out.join(run))
}

fn samples(out: &Path) -> Vec<Sample> {
    ledger::read(&run_in(out).unwrap().join("samples.jsonl"))
        .unwrap()
        .samples
}

/// Processes that were launched for runs in a folder: their home lies in it. The suite itself has
/// another.
fn processes_of(out: &Path) -> Vec<String> {
    let home = format!("HOME={}", out.display());
    let of = |entry: std::fs::DirEntry| {
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let ours = String::from_utf8_lossy(&environment)
            .split('\0')
            .any(|variable| variable.starts_with(&home));
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        (ours && !line.is_empty()).then(|| String::from_utf8_lossy(&line).replace('\0', " "))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(of)
        .collect()
}

/// Waits for what must come, not for how long it takes.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until_ns = now_ns() + 180_000_000_000;
    while !holds() {
        assert!(now_ns() < until_ns, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A suite that runs; a test that fails must not leave it measuring for hours.
struct Suite(Child);

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A suite that has begun to measure and has far more to do.
fn in_the_middle(out: &Path) -> Suite {
    let child = Suite(
        suite(
            out,
            &[&NATIVE[..], &["--samples", "20000", "--seed", "1"]].concat(),
        )
        .spawn()
        .unwrap(),
    );
    let lines = || {
        let file = run_in(out).map(|run| run.join("samples.jsonl"));
        file.and_then(|file| std::fs::read_to_string(file).ok())
            .map_or(0, |text| text.lines().count())
    };
    wait_for("the suite takes samples", || lines() >= 5);
    child
}

fn nothing_is_left(out: &Path) {
    wait_for("servers end", || processes_of(out).is_empty());
    let work = run_in(out).unwrap().join("work");
    wait_for("the private folder is removed", || !work.exists());
}

fn signal(suite: &Suite, name: &str) {
    let done = Command::new("kill")
        .args([name, &suite.0.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

#[test]
fn a_whole_run_is_recorded_and_leaves_nothing() {
    let out = folder();
    let only = "system=native,workload=hello,workload=http-hello";
    let (output, stdout, stderr) = ran(
        out.path(),
        &["--only", only, "--samples", "2", "--seed", "7"],
    );
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");
    let samples = samples(out.path());
    assert!(samples.iter().all(|sample| sample.outcome == Outcome::Ok));
    for sample in &samples {
        let starts = sample.cell.scenario.starts();
        assert_eq!(sample.total_ns.is_some(), starts, "{}", sample.cell);
        assert_eq!(sample.requests.is_some(), !starts, "{}", sample.cell);
        if sample
            .cell
            .params
            .get("observer")
            .is_some_and(|observer| observer == "seccomp")
        {
            let sum: u64 = sample.phases.iter().map(|phase| phase.ns).sum();
            assert_eq!(Some(sum), sample.total_ns, "{}", sample.cell);
        } else {
            assert!(
                sample.phases.is_empty() && sample.residual_ns.is_none(),
                "{}",
                sample.cell
            );
        }
        let cold = sample.cell.scenario == Scenario::DiskCold;
        assert!(
            !cold || sample.attested[Evidence::PagesResident] == 0,
            "{}",
            sample.cell
        );
    }
    for said in [
        "http-hello, disk-cold: launch → first answer",
        "requests/s",
        "A/A control",
        "the observer",
    ] {
        assert!(stdout.contains(said), "{said}:\n{stdout}");
    }
    nothing_is_left(out.path());
}

#[test]
fn an_interrupt_ends_it_after_the_sample_and_it_can_be_resumed() {
    let out = folder();
    let mut child = in_the_middle(out.path());
    signal(&child, "-INT");
    let mut stderr = String::new();
    child
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("go on with `cargo run -p external -- suite --resume "),
        "{stderr}"
    );
    wait_for("servers end", || processes_of(out.path()).is_empty());
    let before = samples(out.path()).len();
    assert!(before >= 5);

    let mut child = Suite(suite(out.path(), &["--resume", "latest"]).spawn().unwrap());
    wait_for("it goes on", || samples(out.path()).len() > before + 3);
    signal(&child, "-INT");
    child.0.wait().unwrap();
    let orders: Vec<_> = samples(out.path())
        .iter()
        .map(|sample| sample.order)
        .collect();
    let expected: Vec<_> = (0..orders.len() as u64).collect();
    assert_eq!(orders, expected, "no sample is lost or taken twice");
}

#[test]
fn an_interrupt_while_own_workloads_are_tried_is_heard_before_the_next_one() {
    let out = folder();
    let at = |name: &str| out.path().join(name);
    let (began, go_on) = (at("began"), at("go-on"));
    let waits = format!(
        "echo >> {}; until [ -e {} ]; do sleep 0.05; done",
        began.display(),
        go_on.display()
    );
    let service = |name: &str| {
        format!("[workload.{name}]\nnative = [\"/bin/sh\", \"-c\", \"{waits}\", \"{{port}}\"]\n")
    };
    let described = at("two.toml").display().to_string();
    std::fs::write(&described, service("first") + &service("second")).unwrap();
    let runs = at("runs");
    let arguments = [
        "--target",
        &described,
        "--only",
        "system=native",
        "--time-limit",
        "600",
    ];
    let mut child = Suite(suite(&runs, &arguments).spawn().unwrap());
    wait_for("the first service is tried", || began.exists());
    signal(&child, "-TERM");
    std::fs::write(&go_on, "").unwrap();
    let mut stderr = String::new();
    let pipe = child.0.stderr.as_mut().unwrap();
    pipe.read_to_string(&mut stderr).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("interrupted while own workloads"),
        "{stderr}"
    );
    let tried = std::fs::read_to_string(&began).unwrap();
    assert_eq!(tried.lines().count(), 1, "the second one is not begun");
    wait_for("no run is left", || run_folder::runs(&runs).is_empty());
}

#[test]
fn a_kill_leaves_no_process_and_no_temporary_file() {
    let out = folder();
    let mut child = in_the_middle(out.path());
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    nothing_is_left(out.path());
    assert!(samples(out.path()).len() >= 5, "what was measured is kept");
}

#[test]
fn what_is_impossible_is_one_message_with_a_way_out() {
    let out = folder();
    for (arguments, code, said) in [
        (
            &["--only", "system=systemd-nspawn"][..],
            2,
            "system is one of native, native-soft-sha",
        ),
        (
            &["--profile", "no-such-profile"],
            2,
            "there are quick, standard, paper",
        ),
        (
            &[
                "--only",
                "workload=hello",
                "--require",
                "systemd-nspawn",
                "--samples",
                "1",
            ],
            2,
            "--require systemd-nspawn",
        ),
        (&["--resume", "20200101T000000Z-0000"], 2, "there is no run"),
        (
            &["--connections", "0", "--list"],
            2,
            "connections must be at least 1",
        ),
    ] {
        let (output, _, stderr) = ran(out.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    assert!(run_in(out.path()).is_none(), "no run was begun");
}

#[test]
fn a_relative_folder_for_runs_is_as_good_as_any() {
    let folder = folder();
    let mut command = suite(
        Path::new("relative/runs"),
        &[&NATIVE[..], &["--samples", "1"]].concat(),
    );
    let output = command.current_dir(folder.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let samples = samples(&folder.path().join("relative/runs"));
    assert!(
        !samples.is_empty() && samples.iter().all(|it| it.outcome == Outcome::Ok),
        "{stderr}"
    );
}

#[test]
fn a_system_that_is_required_and_absent_is_an_error() {
    let out = folder();
    let output = suite(
        out.path(),
        &["--only", "system=wasmtime-cli", "--require", "wasmtime-cli"],
    )
    .env("WASMTIME", "/no/such/program")
    .output()
    .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    assert!(
        stderr.contains("WASMTIME names /no/such/program"),
        "another program was taken for it: {stderr}"
    );
    assert!(
        stderr.contains("`./setup wasmtime` installs it"),
        "{stderr}"
    );
}

/// Without root, whose home it is decides what runs: the test says that it did not run.
#[test]
fn root_runs_no_program_out_of_the_home_of_whoever_called() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    if std::fs::metadata("/proc/self").map_or(1, |this| this.uid()) != 0 {
        let _ = std::io::Write::write_all(&mut std::io::stdout(), b"not run: this needs root\n");
        return;
    }
    let (home, out) = (folder(), folder());
    let manifest = results::checkout::root().join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let version = manifest
        .split("\nwasmtime = { version = \"=")
        .nth(1)
        .unwrap();
    let version = version.split('"').next().unwrap();
    let data = home.path().join(".local/share");
    let program = data.join(format!("coldphase/wasmtime-{version}/wasmtime"));
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    let ran = home.path().join("ran");
    let text = format!("#!/bin/sh\n: >{}\necho wasmtime {version}\n", ran.display());
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let only = "system=wasmtime-cli,workload=hello,scenario=warm-disk";
    let mut command = suite(out.path(), &["--only", only, "--samples", "1"]);
    command
        .env("HOME", home.path())
        .env("XDG_DATA_HOME", &data)
        .env_remove("WASMTIME")
        .env("PATH", "/no/such/folder");
    let output = command.output().unwrap();
    assert!(!ran.exists(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn variables_of_shell_suites_are_honoured() {
    let out = folder();
    let output = suite(out.path(), &["--list", "--seed", "1"])
        .env("HTTP_SCENARIOS", "throughput")
        .env("THROUGHPUT_CONC", "3")
        .env("PATH_SUFFIX", "/cpu")
        .env("N_RUN", "2")
        .env("FIREWALL", "1")
        .env("STRICT_CACHE_CLEAR", "1")
        .output()
        .unwrap();
    let (listed, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        listed.contains(
            "native http-cpu throughput connections=3 duration_s=0.5 firewall=baseline \
                lifecycle=reused pace=closed"
        ),
        "{listed}"
    );
    assert!(
        listed.contains("× 2 samples") && !listed.contains("http-hello"),
        "{listed}"
    );
    assert!(
        said.contains("STRICT_CACHE_CLEAR has no effect here"),
        "{said}"
    );
}

#[test]
fn code_that_a_start_compiles_in_memory_is_shown_to_have_run() {
    if machine::programs::find("wasmedge", &[]).is_none() {
        let message = b"not tested here: `./setup wasmedge` installs WasmEdge\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), message);
        return;
    }
    let out = folder();
    let only =
        "system=wasmedge-cli,workload=http-hello,scenario=code-cold,acquire=jit,observer=none";
    let (output, _, stderr) = ran(out.path(), &["--samples", "1", "--only", only]);
    assert!(output.status.success(), "{stderr}");
    let samples = samples(out.path());
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].outcome, Outcome::Ok, "{:?}", samples[0].reason);
    assert_eq!(samples[0].attested[Evidence::CodeMapped], true);
}

#[test]
fn an_interpreter_is_not_given_what_would_take_it_half_a_minute() {
    let out = folder();
    let only = "system=wasmedge-cli,workload=cpu-hash,scenario=code-cold,acquire=interpret";
    ran(out.path(), &["--samples", "1", "--only", only]);
    for sample in samples(out.path()) {
        assert_eq!(sample.outcome, Outcome::Skipped);
        let kind = sample.attested.text(Evidence::ReasonKind).unwrap();
        assert_eq!(kind, "not_applicable", "{:?}", sample.reason);
    }
}
