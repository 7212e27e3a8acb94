//! The real binary on real guests, good and bad: what it prints, records, and exits with.

mod bad_guests;
mod bad_input;
#[path = "../support/built.rs"]
mod built;
#[path = "../support/endless.rs"]
mod endless;
mod engines;
#[path = "../support/given.rs"]
mod given;
mod levers;
mod matrix;
mod multi_instance;
mod own_guest;
mod pre_initialised;
mod real_files;
mod runs;
mod secrets;
#[path = "../support/stateful.rs"]
mod stateful;
mod user_artifact;
mod wasmedge;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use results::record::Outcome;
use results::{Evidence, FailureKind, Param, Phase, Sample};

/// One call of the program, with a results folder of its own.
struct Host {
    out: tempfile::TempDir,
}

/// Asserts that a sample is good, and tells whether it was not preempted, which no test can keep a
/// machine from. What it recorded besides its phases is whole all the same.
fn is_undisturbed(sample: &Sample) -> bool {
    let preempted = sample.failure_kind() == Some(FailureKind::SumRule);
    assert!(
        preempted || sample.outcome == Outcome::Ok,
        "{}: {:?}",
        sample.cell,
        sample.reason
    );
    !preempted
}

/// What it left.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Asserts that the run came to its end. Of hundreds of starts one may be preempted between two
    /// phases on a busy machine, and fails then as it should: that is no failure of what is tested.
    fn measured_all(&self, host: &Host) {
        let samples = host.samples();
        let mut failed = samples
            .iter()
            .filter(|sample| sample.outcome == Outcome::Failed)
            .peekable();
        let preempted = self.code == 4
            && failed.peek().is_some()
            && failed.all(|sample| sample.failure_kind() == Some(FailureKind::SumRule));
        assert!(
            self.code == 0 || preempted,
            "{}: {}",
            self.code,
            self.stderr
        );
    }
}

impl Host {
    fn new() -> Self {
        // In the checkout, which is on a disk: pages of files in memory cannot be evicted.
        let out = tempfile::Builder::new()
            .prefix(".test-")
            .tempdir_in(results::checkout::root())
            .unwrap();
        Self { out }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .arg("phases")
            .args(arguments)
            .arg("--out")
            .arg(self.out.path())
            .env("COLUMNS", "110");
        command.stdin(Stdio::null());
        command
    }

    fn phases(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    /// The folders of runs, oldest first.
    fn runs(&self) -> Vec<PathBuf> {
        results::run_folder::runs(self.out.path())
            .iter()
            .map(|run| self.out.path().join(run))
            .collect()
    }

    /// The samples of the only run.
    fn samples(&self) -> Vec<Sample> {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        let contents = results::ledger::read(&runs[0].join("samples.jsonl")).unwrap();
        assert_eq!(contents.torn, None);
        contents.samples
    }
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("it exits by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file with these bytes, that lives as long as the folder.
fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The path of a built guest.
fn built(name: &str) -> String {
    let folder = results::checkout::root().join("workloads/artifacts");
    folder.join(name).to_str().unwrap().to_owned()
}

/// Leaves the other engine out.
const WASMTIME: [&str; 2] = ["--select", "system=wasmtime-embedded"];

/// Arguments that make a run of one cell and its control as short as can be.
const ONE_CELL: [&str; 14] = [
    "--select",
    "acquire=compile",
    "--select",
    "allocator=on_demand",
    "--select",
    "memory_init=cow",
    "--select",
    "compiler=winch",
    "--select",
    "compile_threads=single",
    "--select",
    "page_cache=hot",
    "--select",
    "interrupt=epoch",
];
