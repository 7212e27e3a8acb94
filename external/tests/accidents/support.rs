//! A run of the suite that something happens to, and what it must not leave.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use external::system::System;
use machine::clock::now_ns;
use machine::processes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use results::record::Outcome;
use results::{FailureKind, Sample, ledger, run_folder};
use tempfile::TempDir;

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
    samples: u32,
    /// What is set in their environment.
    environment: Vec<(&'static str, PathBuf)>,
    /// The processes that measured, with the ticks at which they began.
    launched: Vec<(u32, u64)>,
}

impl Suite {
    pub(crate) fn new(only: &'static str, samples: u32) -> Self {
        if only.contains("docker") {
            turns::engine();
        }
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["results", "temporary"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self {
            folder,
            only,
            samples,
            environment: Vec::new(),
            launched: Vec::new(),
        }
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
        let run = self.run().expect("a run was begun");
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
            self.command(&["suite", "--only", self.only, "--samples", &samples])
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
        let mut left = processes_below(self.folder.path());
        left.extend(mounts_below(self.folder.path()));
        left.extend(self.containers());
        let named = |name: &str| {
            let ours =
                |(pid, began): &(u32, u64)| name.contains(&format!("coldphase-{pid}-{began}"));
            self.launched.iter().any(ours)
        };
        let namespaces = fs::read_dir("/run/netns").into_iter().flatten().flatten();
        let namespaces = namespaces.map(|entry| entry.file_name().to_string_lossy().into_owned());
        left.extend(
            namespaces
                .filter(|name| named(name))
                .map(|name| format!("namespace {name}")),
        );
        let temporary = fs::read_dir(self.folder.path().join("temporary")).unwrap();
        left.extend(
            temporary
                .flatten()
                .map(|entry| entry.path().display().to_string()),
        );
        let work = self.run().map(|run| run.join("work"));
        left.extend(
            work.filter(|it| it.exists())
                .map(|it| it.display().to_string()),
        );
        left
    }

    /// Containers of Docker's in any state.
    fn containers(&self) -> Vec<String> {
        let Ok(docker) = System::from_name("docker").unwrap().find() else {
            return Vec::new();
        };
        let mut arguments = vec!["ps".to_owned(), "--all".into(), "--format".into()];
        arguments.push("{{.Names}} {{.State}}".into());
        for (pid, began) in &self.launched {
            let filter = format!("name=^coldphase-{pid}-{began}");
            arguments.extend(["--filter".to_owned(), filter]);
        }
        let host = format!("unix://{}", docker.program.display());
        let listed = Command::new("docker")
            .args(["--host", &host])
            .args(&arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&listed.stdout);
        text.lines()
            .map(|line| format!("container {line}"))
            .collect()
    }
}

/// Every process that has to do with a folder: by its arguments, its environment or where it works.
fn processes_below(folder: &Path) -> Vec<String> {
    let name = folder.as_os_str().as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|it| it == name);
    let others = processes::numbers().into_iter();
    let others = others.filter(|&pid| pid != std::process::id());
    let has_to_do = |pid: &u32| {
        let entry = PathBuf::from(format!("/proc/{pid}"));
        let read = |name| fs::read(entry.join(name)).is_ok_and(|bytes| holds(&bytes));
        let link = |name| {
            let target = fs::read_link(entry.join(name));
            target.is_ok_and(|target| target.starts_with(folder))
        };
        read("cmdline") || read("environ") || link("cwd") || link("root")
    };
    let told = |pid: u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        format!("process {pid}: {words}")
    };
    others.filter(has_to_do).map(told).collect()
}

fn mounts_below(folder: &Path) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let name = folder.to_str().unwrap();
    let below = mounts.lines().filter(|line| line.contains(name));
    below.map(|line| format!("mount {line}")).collect()
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
