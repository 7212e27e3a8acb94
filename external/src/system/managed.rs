//! What systems with an engine of their own have in common: something lives between the launch and
//! the first answer that was there before and is there after, such as a container engine or an
//! orchestrator.
//!
//! An [`Engine`] lives as long as a run. It is brought into the state that a cell's starts find,
//! starts one instance of a workload after another, and is checked for anything that is left of
//! them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use machine::page_cache::{self, Residency};
use results::record::{Resources, Scenario};
use results::values::PageCache;
use results::{Attested, Failure, FailureKind, Params, Phase, PhaseTime, Skip};
use workloads::Workload;

use super::{Acquire, Found};
use crate::client::readiness::{FirstAnswer, RetryPolicy, Target};
use crate::process::cleanup::owner;
use crate::process::reaper::Reaper;

/// The value of [`results::Param::Engine`] of a start that is the first one after the engine's own.
pub const NEW_ENGINE: &str = "new";

/// What a start is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRequest {
    /// The program under test.
    pub workload: Workload,
    /// Its code acquisition mode; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// Parameters that only the system understands, such as a network or a pool: one of the
    /// variants that it has for the scenario, and how a service meets requests where it has a choice.
    pub variant: Params,
    /// What of its files is in the page cache.
    pub page_cache: PageCache,
    /// Whether it is to report its own milestones, so that the start can be divided into phases.
    pub own_milestones: bool,
    /// The one core that it, and what of its engine works for it, may run on. `None` leaves it all.
    pub core: Option<usize>,
    /// The machine's address that a service is reached at.
    pub address: IpAddr,
    /// When the start is given up, on the clock.
    pub deadline_ns: u64,
}

impl StartRequest {
    /// Where the pages of the workload's files are to be.
    pub fn residency(&self) -> Residency {
        residency(self.page_cache)
    }

    /// Brings a file of the workload into the state that the start finds; how many of its pages are
    /// in the page cache then; nothing where the kernel does not tell.
    ///
    /// # Errors
    /// Its pages cannot be evicted or read.
    pub(super) fn place_pages(&self, file: &Path) -> Result<Option<usize>, String> {
        Ok(page_cache::put(file, self.residency())?.resident)
    }
}

/// Where the pages of the workload's files are in a state of the page cache.
pub const fn residency(page_cache: PageCache) -> Residency {
    match page_cache {
        PageCache::Hot => Residency::Hot,
        PageCache::Evicted | PageCache::EvictedAll => Residency::Evicted,
    }
}

/// What an engine is made with.
#[derive(Debug, Clone, Copy)]
pub struct EngineContext<'a> {
    /// A folder of the run's own.
    pub work: &'a Path,
    /// What removes what this process leaves behind if it is killed.
    pub reaper: &'a Reaper,
    /// As it was found.
    pub found: &'a Found,
    /// Which of several of this system in the run, from 0: each has one instance at a time, under
    /// names of its own.
    pub nth: usize,
}

impl EngineContext<'_> {
    /// A folder and a name of its own for this engine of a system.
    pub(super) fn own(&self, name: &str) -> (PathBuf, String) {
        let (name, owner) = match self.nth {
            0 => (name.to_owned(), owner()),
            nth => (format!("{name}-{nth}"), format!("{}-{nth}", owner())),
        };
        (self.work.join(name), owner)
    }
}

/// The programs of a system with an engine of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Programs {
    /// Those that a start runs anew.
    pub started: Vec<PathBuf>,
    /// Those of the engine, which live on: what of them is in use stays in memory.
    pub live_on: Vec<PathBuf>,
}

/// A system with an engine of its own.
pub trait ManagedSystem: Sync {
    /// Connects to the engine, or starts it. Once a run.
    ///
    /// # Errors
    /// A sentence with the remedy.
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String>;

    /// The variants of a scenario, of which the first is the usual one. A `service` listens.
    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Params>;

    /// How many of these, from the first, every profile has: one, unless what they differ in is what
    /// is asked of the system.
    fn usual_variants(&self, _: bool, _: Scenario) -> usize {
        1
    }

    /// Whether its services can be reached at any address of the machine's, and not at the loopback
    /// alone.
    fn reaches_any_address(&self) -> bool {
        false
    }

    /// The programs that a start needs, beside the workload.
    fn programs(&self, found: &Found) -> Programs;

    /// Whether one engine has several instances at a time, by [`Instance::another`]. If not, each
    /// instance has an engine object of its own in this process, all of which speak to the one
    /// engine that there is.
    fn shares_engine(&self) -> bool {
        false
    }

    /// The port that a service listens on in its container, behind a published one: packets to and
    /// from it cross another link.
    fn container_port(&self, _: &Params) -> Option<u16> {
        None
    }
}

/// Waits for asynchronous work on this thread.
///
/// # Errors
/// The system gives no means to wait with.
pub(super) fn on_this_thread<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    Ok(runtime
        .map_err(|error| format!("cannot make a runtime: {error}"))?
        .block_on(work))
}

/// An engine in a run. Dropping it leaves nothing behind that was not there before.
pub trait Engine {
    /// Brings the engine, and what it needs of the workload, into the state that the requested
    /// starts find: builds images, restarts what must be new, evicts pages, brings back what has
    /// died. Not timed.
    ///
    /// # Errors
    /// Why there can be no such start: the sample is skipped with it.
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip>;

    /// Starts an instance, which listens on `port` of the request's address, or runs to its end if
    /// there is none. Timed: the clock of the instance begins here. Returns as soon as the engine says that
    /// it has started.
    ///
    /// # Errors
    /// A sentence. Nothing of the instance is left then.
    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String>;

    /// The port that it listens on already for what it will start, whatever port a start is given;
    /// known once it is prepared.
    fn port(&self) -> Option<u16> {
        None
    }

    /// Whether nothing of any sample is left.
    ///
    /// # Errors
    /// What is left.
    fn clean(&mut self) -> Result<(), String>;
}

/// What a preparation found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preparation {
    /// The digest of what is started: of the module, or of the native program.
    pub sha256: String,
    /// Evidence that the start is what its cell says.
    pub attested: Attested,
    /// The port of the machine's network that its service listens on whatever it is told; nothing where
    /// there can be several.
    pub fixed_port: Option<u16>,
}

/// What runs, from its launch to its removal. Dropping it removes it too.
pub trait Instance {
    /// The clock right before the launch.
    fn launched_ns(&self) -> u64;

    /// Where it answers.
    fn target(&self, port: u16) -> Target {
        Target::loopback(port)
    }

    /// How requests are retried until it answers.
    fn retry_policy(&self, deadline_ns: u64) -> RetryPolicy {
        RetryPolicy::until(deadline_ns)
    }

    /// Starts another one like it beside it, which lives and ends with it; where that one answers.
    ///
    /// # Errors
    /// A sentence.
    fn start_sibling(&mut self, _: &StartRequest) -> Result<Target, String> {
        Err("its engine has one instance at a time".to_owned())
    }

    /// The processes that it consists of, and that would not run without it.
    fn processes(&mut self) -> Vec<u32>;

    /// The processes of its engine that work for it while it starts, and serve others too or have
    /// nothing to do afterwards: daemons, a shim.
    fn engine_processes(&mut self) -> Vec<u32> {
        Vec::new()
    }

    /// The one of its processes that is its engine's and lives for it alone: a container's shim.
    fn shim(&mut self) -> Option<u32> {
        None
    }

    /// How it ended, if it has. Called between two attempts to connect, so it must be quick.
    fn ended(&mut self) -> Option<String>;

    /// Waits for the end of a command.
    ///
    /// # Errors
    /// A sentence: it did not end by `deadline_ns`, or the engine does not say how.
    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, Failure>;

    /// The phases of the start, which partition it; of a command `first` is nothing.
    ///
    /// # Errors
    /// A sentence: what was not seen.
    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String>;

    /// What it has cost until now.
    fn usage(&mut self) -> Usage;

    /// Checks that it and nothing else answers on `port`.
    ///
    /// # Errors
    /// Who does instead.
    fn verify_port(&mut self, port: u16) -> Result<(), Failure>;

    /// Checks that what answers was started as its cell says, by what others than its engine say of
    /// it: evidence. After the first answer, of what lives on.
    ///
    /// # Errors
    /// What is not so.
    fn verify(&mut self) -> Result<Attested, Failure> {
        Ok(Attested::new())
    }

    /// What has come to it until now; nothing if there is no other way to it than its own socket.
    fn traffic(&mut self) -> Option<Traffic> {
        None
    }

    /// Evidence that was gathered while it started.
    fn attested(&mut self) -> Attested {
        Attested::new()
    }

    /// The end of its log, for the reason of a failure.
    fn log_tail(&mut self) -> String;

    /// Ends and removes it. Returns once nothing of it is left, with the nanoseconds that the
    /// engine took for it.
    ///
    /// # Errors
    /// A sentence: what could not be removed.
    fn remove(&mut self) -> Result<u64, String>;
}

/// What has come to an instance that is reached by a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// CPU time of processes that pass bytes on between client and instance.
    pub passing_cpu_ns: u64,
    /// Packets that its own network device received.
    pub packets: u64,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The code that it exited with.
    pub code: i64,
    /// What it printed to standard output.
    pub printed: Vec<u8>,
    /// The clock when the engine's answer that it had ended was there.
    pub seen_ns: u64,
}

/// That a command has not ended in time.
pub(crate) fn ended_late() -> Failure {
    Failure::new(
        FailureKind::TimeLimit,
        "it did not end within its time limit",
    )
}

/// What an instance has cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// Of the system: everything that must run for the workload to be served and would not run
    /// without it.
    pub resources: Resources,
    /// Of single parts of it, and of what serves others too and is not counted in it: by name.
    pub parts: BTreeMap<String, Resources>,
}

/// Those of the programs that are on the path.
pub(super) fn programs(names: &[&str]) -> Vec<PathBuf> {
    names
        .iter()
        .filter_map(|name| machine::programs::find(name, &[]))
        .collect()
}

/// All files below a folder.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(read) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let of = |entry: std::fs::DirEntry| {
        let path = entry.path();
        if path.is_dir() {
            files_in(&path)
        } else {
            vec![path]
        }
    };
    read.flatten().flat_map(of).collect()
}

/// A folder, made anew and empty.
pub(super) fn make_empty(folder: PathBuf) -> Result<PathBuf, String> {
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Phases from the launch on, each from where the one before it ended.
///
/// # Errors
/// One that ended before it began.
pub(super) fn partition(launched_ns: u64, ends: &[(Phase, u64)]) -> Result<Vec<PhaseTime>, String> {
    let mut before_ns = launched_ns;
    let phase = |&(name, end_ns): &(Phase, u64)| {
        let ns = end_ns.checked_sub(before_ns).ok_or_else(|| {
            format!(
                "the start cannot be divided into phases: {name} ended {} ns before it began",
                before_ns - end_ns
            )
        })?;
        before_ns = end_ns;
        Ok(PhaseTime { name, ns })
    };
    ends.iter().map(phase).collect()
}
