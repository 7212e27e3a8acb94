//! A run of the suite that something happens to, and what it must not leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use results::record::Outcome;
use results::{FailureKind, Sample, ledger, run_folder};
use tempfile::TempDir;

use crate::left::{self, Traces};
use crate::turns;
use crate::waiting::HANG_NS;

/// How often something is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// A number out of the environment.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |it| it.parse().unwrap())
}

/// Where moments come from: the same in each run unless a seed is given, and told.
pub(crate) fn random() -> ChaCha8Rng {
    let seed = number("COLDPHASE_ACCIDENTS_SEED", 1);
    eprintln!("COLDPHASE_ACCIDENTS_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// Waits for something, as long as nothing hangs.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until_ns = now_ns() + HANG_NS;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(now_ns() < until_ns, "{what} did not come");
        std::thread::sleep(LOOK);
    }
}

/// A folder of results, and the cells that are measured into it.
pub(crate) struct Suite {
    folder: TempDir,
    only: &'static str,
    more: &'static [&'static str],
    samples: u32,
    /// What is set in their environment.
    environment: Vec<(&'static str, PathBuf)>,
    /// The processes that measured, with the ticks at which they began.
    launched: Vec<(u32, u64)>,
    /// The devices of coldphase's that were there before.
    devices_before: Vec<String>,
}

impl Suite {
    pub(crate) fn new(only: &'static str, samples: u32) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["results", "temporary"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let suite = Self {
            folder,
            only,
            more: &[],
            samples,
            environment: Vec::new(),
            launched: Vec::new(),
            devices_before: left::devices(),
        };
        if suite.uses_engine() {
            turns::engine();
        }
        suite
    }

    /// The same with further arguments when it is begun.
    pub(crate) fn with(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    /// Where everything of it is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a variable of the processes that measure.
    pub(crate) fn set(&mut self, name: &'static str, value: PathBuf) {
        self.environment.push((name, value));
    }

    /// The folder of results.
    pub(crate) fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    fn run(&self) -> Option<PathBuf> {
        let run = run_folder::runs(&self.results()).pop()?;
        Some(self.results().join(run))
    }

    /// The lines of the ledger that are complete.
    pub(crate) fn lines(&self) -> Vec<String> {
        let ledger = self.run().map(|run| run.join("samples.jsonl"));
        let text = ledger.and_then(|it| fs::read_to_string(it).ok());
        let text = text.unwrap_or_default();
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete.lines().map(str::to_owned).collect()
    }

    /// What stands in the ledger.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let run = self.run();
        let run = run.unwrap_or_else(|| panic!("no run was begun: {}", self.said()));
        ledger::read(&run.join("samples.jsonl")).unwrap().samples
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
        command
            .args(arguments)
            .arg("--out")
            .arg(self.results())
            .env("TMPDIR", self.folder.path().join("temporary"))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Begins the run, or goes on with it, and does not wait.
    pub(crate) fn launch(&mut self) -> Child {
        let samples = self.samples.to_string();
        let mut command = if self.run().is_some() {
            self.command(&["suite", "--resume", "latest"])
        } else {
            let begin = ["suite", "--only", self.only, "--samples", &samples];
            self.command(&[&begin, self.more].concat())
        };
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let child = command.stderr(log).spawn().unwrap();
        let began = machine::usage::began(child.id()).unwrap();
        self.launched.push((child.id(), began));
        child
    }

    /// Goes on with it to its end.
    pub(crate) fn finish(&mut self) -> Output {
        let child = self.launch();
        child.wait_with_output().unwrap()
    }

    /// Goes on with it to its end: everything that was planned was measured, once and well.
    pub(crate) fn finish_all_ok(&mut self) -> Vec<Sample> {
        let output = self.finish();
        let samples = self.assert_complete();
        let (status, said) = (output.status, self.said());
        assert_eq!(not_ok(&samples), [""; 0], "{status:?}: {said}");
        samples
    }

    /// What the last process that measured said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Checks that everything that was planned was measured, once.
    pub(crate) fn assert_complete(&self) -> Vec<Sample> {
        let samples = self.samples();
        let mut orders: Vec<_> = samples.iter().map(|sample| sample.order).collect();
        orders.sort_unstable();
        let cells: std::collections::BTreeSet<_> =
            samples.iter().map(|it| it.cell.to_string()).collect();
        let planned = cells.len() as u64 * u64::from(self.samples);
        let all: Vec<u64> = (0..planned).collect();
        assert_eq!(orders, all, "nothing lost, nothing twice");
        samples
    }

    /// Checks that nothing of any process that measured is left. What is cleaned up after a kill takes
    /// a moment.
    pub(crate) fn assert_nothing_left(&self) {
        let until_ns = now_ns() + HANG_NS;
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(now_ns() < until_ns, "left: {left:#?}");
            std::thread::sleep(10 * LOOK);
        }
    }

    fn left(&self) -> Vec<String> {
        let traces = Traces {
            folder: self.folder.path(),
            launched: &self.launched,
            devices_before: &self.devices_before,
            has_engine: self.uses_engine(),
        };
        let temporary = fs::read_dir(self.folder.path().join("temporary")).unwrap();
        let temporary = temporary.flatten().map(|entry| entry.path());
        let work = self.run().map(|run| run.join("work"));
        let files = temporary.chain(work.filter(|it| it.exists()));
        let files = files.map(|it| it.display().to_string());
        traces.left().into_iter().chain(files).collect()
    }

    /// Whether it needs coldphase's own engine, and has it alone.
    fn uses_engine(&self) -> bool {
        self.only.contains("docker")
    }
}

/// What did not end well, as a message shows it. One start in some hundreds is interrupted between two
/// phases where others use the machine, and fails by the sum rule, as it should; and a start from a
/// disk is skipped while somebody else runs its program. What of ours would still run is looked for
/// by itself.
fn not_ok(samples: &[Sample]) -> Vec<String> {
    const MAPPED: &str = "stays in memory: processes have it mapped";
    let is_others = |it: &Sample| it.reason.as_ref().is_some_and(|it| it.contains(MAPPED));
    let wrong = samples.iter().filter(|it| it.outcome != Outcome::Ok);
    let wrong = wrong.filter(|it| it.failure_kind() != Some(FailureKind::SumRule));
    let wrong = wrong.filter(|it| it.outcome != Outcome::Skipped || !is_others(it));
    wrong
        .map(|it| format!("{}: {:?} {:?}", it.cell, it.outcome, it.reason))
        .collect()
}
