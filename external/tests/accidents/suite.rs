//! A campaign whose suites come to grief, and its ledger.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::clock::now_ns;
use machine::usage;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use results::reason::{FailureKind, SkipKind};
use results::record::Outcome;
use results::{Sample, ledger, run_folder};

/// What takes longer hangs. No test is about how long it is.
pub(crate) const HANG_NS: u64 = 300_000_000_000;

/// Waits for what must come, not for how long it takes.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until_ns = now_ns() + HANG_NS;
    while !holds() {
        assert!(now_ns() < until_ns, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether this is root; if not, the test says that it did not run.
pub(crate) fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        not_run("this needs root");
    }
    is_root
}

/// Says that a test did not run.
pub(crate) fn not_run(why: &str) {
    let text = format!("not run: {why}\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

/// A number from the environment.
pub(crate) fn variable(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |it| it.parse().expect(name))
}

/// The accidents of a test, the same for a seed.
pub(crate) fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The children of a process are one set, and so is what a process sees of its mounts: one test of these at
/// a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder for runs, one for what programs keep for a while, and what suites are asked for.
pub(crate) struct Campaign {
    folder: PathBuf,
    _owned: Option<tempfile::TempDir>,
    asked: Vec<String>,
}

/// How a suite ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// A suite that runs; a test that fails must not leave it measuring for hours.
pub(crate) struct Suite {
    pub(crate) child: Child,
    log: PathBuf,
}

impl Suite {
    /// What objects in engines, networks and firewalls are named after it.
    pub(crate) fn owner(&self) -> String {
        let pid = self.child.id();
        format!("{pid}-{}", usage::began(pid).unwrap_or(0))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn end(mut self) -> Ended {
        let until_ns = now_ns() + HANG_NS;
        while !self.has_ended() {
            assert!(now_ns() < until_ns, "it hangs: {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().unwrap();
        let stderr = self.said();
        Ended { status, stderr }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Campaign {
    /// One in a folder of its own, with what its suites are asked for.
    pub(crate) fn new(asked: &[&str]) -> Self {
        let owned = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let folder = owned.path().to_owned();
        Self {
            _owned: Some(owned),
            ..Self::within(&folder, asked)
        }
    }

    /// One in a folder that is there.
    pub(crate) fn within(folder: &Path, asked: &[&str]) -> Self {
        for name in ["raw", "tmp"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        Self {
            folder: folder.to_owned(),
            _owned: None,
            asked: asked.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    /// Where its runs are.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.join("raw")
    }

    /// Where its programs keep what is for a while.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    /// The run that has begun, if one has.
    pub(crate) fn run(&self) -> Option<PathBuf> {
        let runs = run_folder::runs(&self.out()).into_iter();
        let mut folders = runs.map(|run| self.out().join(run));
        folders.find(|folder| folder.join("manifest.json").exists())
    }

    /// The command that begins it, or goes on.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_external"));
        command.arg("suite").arg("--out").arg(self.out());
        match self.run() {
            Some(run) => command.arg("--resume").arg(run.file_name().unwrap()),
            None => command.args(&self.asked),
        };
        command.env("TMPDIR", self.temporary()).stdin(Stdio::null());
        command
    }

    /// Begins it, or goes on. What it says is kept outside of the folders that are looked at.
    pub(crate) fn start(&self) -> Suite {
        self.start_as(&mut self.command())
    }

    pub(crate) fn start_as(&self, command: &mut Command) -> Suite {
        let kept = tempfile::Builder::new()
            .prefix("said-")
            .tempfile_in(env!("CARGO_TARGET_TMPDIR"));
        let (file, log) = kept.unwrap().keep().unwrap();
        let child = command.stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Suite { child, log }
    }

    /// What its ledger holds; nothing where there is none yet.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        let file = self.run().map(|run| run.join("samples.jsonl"));
        let read = file
            .filter(|it| it.exists())
            .map(|file| ledger::read(&file));
        read.map_or_else(Vec::new, |read| read.unwrap().samples)
    }

    /// How many samples it plans.
    pub(crate) fn planned(&self) -> usize {
        let manifest = run_folder::read_manifest(&self.run().expect("it has begun")).unwrap();
        campaign::schedule::Plan::from(&manifest).order().len()
    }

    /// Nothing lost, nothing twice: what was recorded are the first places of the plan, each once.
    pub(crate) fn check_prefix(&self, told: &str) -> usize {
        let samples = self.samples();
        let orders: Vec<_> = samples.iter().map(|it| it.order).collect();
        let expected: Vec<_> = (0..orders.len() as u64).collect();
        assert_eq!(orders, expected, "{told}: lost or twice");
        orders.len()
    }

    /// The whole plan, each place once, and no outcome that an accident has made.
    pub(crate) fn check_whole(&self, told: &str) {
        assert_eq!(self.check_prefix(told), self.planned(), "{told}: lost");
        for sample in self.samples() {
            assert!(is_expected(&sample), "{told}: {sample:?}");
        }
    }
}

/// Whether a sample is as it would be without accidents: right, or one that the machine's other users made
/// one of no use, or of a system that is not here.
pub(crate) fn is_expected(sample: &Sample) -> bool {
    match sample.outcome {
        Outcome::Ok => true,
        Outcome::Failed => sample.failure_kind() == Some(FailureKind::SumRule),
        Outcome::Skipped => matches!(
            sample.skip_kind(),
            Some(SkipKind::NotInstalled | SkipKind::NotApplicable)
        ),
    }
}
