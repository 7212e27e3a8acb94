//! A run of Docker's cold starts that is killed and goes on at once: the engine that it restarts comes
//! back first, and nothing of what was ordered stays. `./setup docker` installs an engine; without it
//! these tests fail and say so.

#[path = "support/turns.rs"]
mod turns;
#[path = "support/waiting.rs"]
mod waiting;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use external::system::{Found, System};
use machine::clock::now_ns;
use results::record::Outcome;
use results::{ledger, run_folder};

use waiting::HANG_NS;

fn found() -> Found {
    turns::engine();
    let docker = System::from_name("docker").unwrap();
    docker.find().unwrap_or_else(|missing| panic!("{missing}"))
}

fn docker(socket: &Path, arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(["--host", &format!("unix://{}", socket.display())])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn external(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn samples(out: &Path) -> Vec<results::Sample> {
    let run = run_folder::runs(out).pop();
    let read = run.and_then(|run| ledger::read(&out.join(run).join("samples.jsonl")).ok());
    read.map_or_else(Vec::new, |contents| contents.samples)
}

/// Containers whose names begin like those of the process.
fn of_process(socket: &Path, pid: u32, began: u64) -> String {
    let name = format!("name=^coldphase-{pid}-{began}");
    docker(socket, &["ps", "--all", "--quiet", "--filter", &name])
}

fn kill_the_engine(socket: &Path) {
    let pid = std::fs::read_to_string(socket.with_file_name("pid")).unwrap();
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn a_run_that_was_killed_while_its_engine_restarted_goes_on_at_once() {
    let socket: PathBuf = found().program;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let out = folder.path().to_str().unwrap();
    let cells = "system=docker,workload=hello,scenario=disk-cold,engine=new";
    let mut suite = external(&["suite", "--only", cells, "--samples", "3", "--out", out])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until_ns = now_ns() + HANG_NS;
    while samples(folder.path()).is_empty() {
        let runs = suite.try_wait().unwrap().is_none();
        assert!(runs && now_ns() < until_ns, "no sample was taken");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let (pid, began) = (suite.id(), machine::usage::began(suite.id()).unwrap());
    suite.kill().unwrap();
    suite.wait().unwrap();
    kill_the_engine(&socket);

    let output: Output = external(&["suite", "--resume", "latest", "--out", out])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let samples = samples(folder.path());
    let orders: Vec<_> = samples.iter().map(|sample| sample.order).collect();
    assert_eq!(orders, [0, 1, 2], "nothing lost, nothing twice");
    assert!(
        samples.iter().all(|it| it.outcome == Outcome::Ok),
        "{samples:?}"
    );
    while !of_process(&socket, pid, began).is_empty() {
        assert!(now_ns() < until_ns, "containers of the killed run are left");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn what_a_killed_run_had_ordered_is_removed_even_if_it_comes_later_and_is_never_started() {
    let socket: PathBuf = found().program;
    // The image is ours from an earlier run, or made by one with a single sample.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let cells = "system=docker,workload=hello,scenario=warm-disk";
    let out = folder.path().to_str().unwrap();
    let made = external(&["suite", "--only", cells, "--samples", "1", "--out", out]).output();
    assert!(made.unwrap().status.success());
    let filter = ["images", "--quiet", "--filter", "label=coldphase"];
    let images = docker(&socket, &filter);
    let image = images.lines().next().unwrap();

    // No process has it: none begins at the first tick with the number of this one.
    let owner = format!("{}-1", std::process::id());
    let address = socket.to_str().unwrap();
    let mut cleanup = external(&["__cleanup", "docker-objects", address, &owner])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(400));
    let (label, name) = (format!("coldphase={owner}"), format!("coldphase-{owner}-1"));
    let create = [
        "create", "--label", &label, "--name", &name, image, "/nothing",
    ];
    docker(&socket, &create);
    assert!(cleanup.wait().unwrap().success());
    let named = format!("name=^{name}");
    let left = docker(&socket, &["ps", "--all", "--quiet", "--filter", &named]);
    assert_eq!(
        left, "",
        "a container that was created and never started stays"
    );
}
