//! What systems with an engine of their own have in common: something lives between the launch and
//! the first answer that was there before and is there after, such as a container engine or an
//! orchestrator.
//!
//! An [`Engine`] lives as long as a run. It is brought into the state that a cell's starts find,
//! starts one instance of a workload after another, and is asked whether anything of them is left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use results::record::{Resources, Scenario};
use results::{Phase, PhaseTime};
use serde::Deserialize;
use serde_json::Value;
use workloads::Workload;

use super::{Acquire, Found};
use crate::observe::janitor::Janitor;
use crate::observe::ready::{FirstAnswer, Patience, Target};

/// The parameters of a cell that only its system understands, such as a network or a pool.
pub type Variant = BTreeMap<String, String>;

/// What a start is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The program under test.
    pub workload: Workload,
    /// How its code is come by; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// One of those that the system has for the scenario.
    pub variant: Variant,
    /// Whether the engine must not have run anything since it was started.
    pub cold: bool,
    /// Whether the workload's files are out of the page cache.
    pub evicted: bool,
    /// Whether it is to tell its own milestones, so that the start can be taken apart.
    pub told: bool,
    /// The one core that it may run on. `None` leaves it all.
    pub core: Option<usize>,
    /// When the start is given up, on the clock.
    pub deadline_ns: u64,
}

/// What an engine is made with.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// A folder of the run's own.
    pub work: &'a Path,
    /// What puts away what this process leaves behind if it is killed.
    pub janitor: &'a Janitor,
    /// As it was found.
    pub found: &'a Found,
    /// Which of several of this system in the run, from 0: each has one instance at a time, under
    /// names of its own.
    pub nth: usize,
}

impl Place<'_> {
    /// A folder and a name of its own for this engine of a system.
    pub(super) fn own(&self, name: &str) -> (PathBuf, String) {
        let (name, owner) = match self.nth {
            0 => (name.to_owned(), super::owner()),
            nth => (format!("{name}-{nth}"), format!("{}-{nth}", super::owner())),
        };
        (self.work.join(name), owner)
    }
}

/// A system with an engine of its own.
pub trait Hosted: Sync {
    /// Connects to the engine, or starts it. Once a run.
    ///
    /// # Errors
    /// A sentence with the remedy.
    fn engine(&self, place: Place<'_>) -> Result<Box<dyn Engine>, String>;

    /// The variants of a scenario, of which the first is the usual one. A `service` listens.
    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Variant>;

    /// The programs that a start runs, beside the workload: those of the engine that live on are in
    /// use, and stay in memory.
    fn programs(&self, found: &Found) -> Vec<PathBuf>;

    /// Whether one engine has several instances at a time, by [`Instance::another`]. If not, each
    /// instance has an engine object of its own in this process, all of which speak to the one
    /// engine that there is.
    fn shares_engine(&self) -> bool {
        false
    }

    /// The port that a service listens on behind a published one: packets to and from it cross a
    /// link more.
    fn behind(&self, _: &Variant) -> Option<u16> {
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
    /// Brings the engine, and what it needs of the workload, into the state that the order's starts
    /// find: builds images, restarts what must be new, evicts pages, brings back what has died. Not
    /// timed.
    ///
    /// # Errors
    /// Why the order cannot be carried out: the sample is skipped with it.
    fn prepare(&mut self, order: &Order) -> Result<Prepared, String>;

    /// Starts an instance, which listens on `port` of the loopback, or runs to its end if there is
    /// none. Timed: the clock of the instance begins here. Returns as soon as the engine says that
    /// it has started.
    ///
    /// # Errors
    /// A sentence. Nothing of the instance is left then.
    fn start(&mut self, order: &Order, port: Option<u16>)
    -> Result<Box<dyn Instance + '_>, String>;

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
pub struct Prepared {
    /// The digest of what is started: of the module, or of the native program.
    pub sha256: String,
    /// Evidence that the start is what its cell says.
    pub attested: BTreeMap<String, Value>,
}

/// What runs, from its launch to its removal. Dropping it removes it too.
pub trait Instance {
    /// The clock right before the launch.
    fn launched_ns(&self) -> u64;

    /// Where it is asked.
    fn target(&self, port: u16) -> Target {
        Target::loopback(port)
    }

    /// How it is asked again until it answers.
    fn patience(&self, deadline_ns: u64) -> Patience {
        Patience::until(deadline_ns)
    }

    /// Starts another one like it beside it, which lives and ends with it; where that one is asked.
    ///
    /// # Errors
    /// A sentence.
    fn another(&mut self, _: &Order) -> Result<Target, String> {
        Err("it is alone in its engine".to_owned())
    }

    /// The processes that it consists of, and that would not run without it.
    fn processes(&mut self) -> Vec<u32>;

    /// How it ended, if it has. Asked between two attempts to connect, so it must be quick.
    fn ended(&mut self) -> Option<String>;

    /// Waits for the end of a command.
    ///
    /// # Errors
    /// A sentence: it did not end by `deadline_ns`, or the engine does not tell how.
    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, String>;

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
    fn answers_on(&mut self, port: u16) -> Result<(), String>;

    /// Evidence that was gathered while it started.
    fn attested(&mut self) -> BTreeMap<String, Value> {
        BTreeMap::new()
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
        .filter_map(|name| super::find_program(name, &[]))
        .collect()
}

/// A folder, made anew and empty.
pub(super) fn fresh(folder: PathBuf) -> Result<PathBuf, String> {
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
                "the start cannot be taken apart: {name} ended {} ns before it began",
                before_ns - end_ns
            )
        })?;
        before_ns = end_ns;
        Ok(PhaseTime { name, ns })
    };
    ends.iter().map(phase).collect()
}

/// What the native service tells of its own start, on the one clock, which containers share with
/// the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those in the file, and say their unit"
)]
pub(super) struct Account {
    first_statement_ns: u64,
    listening_ns: u64,
    first_accepted_ns: u64,
}

impl Account {
    /// Reads it once it is there, which is when the first connection is over. The start is over
    /// then, so that waiting for it decides nothing that is timed.
    ///
    /// # Errors
    /// It is not there by `until_ns`, or it is something else.
    pub(super) fn read(file: &Path, until_ns: u64) -> Result<Self, String> {
        let wrong =
            |error: &dyn std::fmt::Display| format!("its own milestones cannot be read: {error}");
        while !file.exists() && now_ns() < until_ns {
            std::thread::sleep(Duration::from_millis(1));
        }
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    /// The phases of its container's start: what the engine did until it was created and started,
    /// and then its own.
    ///
    /// # Errors
    /// As [`partition`].
    pub(super) fn phases(
        &self,
        launched_ns: u64,
        created_ns: u64,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        let ends = [
            (Phase::Create, created_ns),
            (Phase::Start, self.first_statement_ns),
            (Phase::Init, self.listening_ns),
            (Phase::Connect, self.first_accepted_ns),
            (Phase::Respond, answered_ns),
        ];
        partition(launched_ns, &ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_start_is_taken_apart_by_its_own_account() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("milestones");
        let told = r#"{"first_statement_ns":60,"listening_ns":65,"first_accepted_ns":85}"#;
        std::fs::write(&file, told).unwrap();
        let account = Account::read(&file, 0).unwrap();
        let phases = account.phases(10, 30, 100).unwrap();
        let ns: Vec<_> = phases.iter().map(|phase| phase.ns).collect();
        assert_eq!(
            (ns.as_slice(), ns.iter().sum::<u64>()),
            (&[20, 30, 5, 20, 15][..], 90)
        );
        let early = account.phases(10, 70, 100).unwrap_err();
        assert!(
            early.contains("start ended 10 ns before it began"),
            "{early}"
        );
        assert!(
            Account::read(&folder.path().join("none"), 0)
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
