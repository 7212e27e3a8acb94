//! What can be measured here, and how the machine affects results.
//!
//! Nothing is changed: what is wrong is reported, with how it affects results and the command that
//! fixes it. Checks read `/proc` and `/sys` below a root that tests fake; what has to be tried or
//! timed comes in as [`Trials`], so that every finding is a function of its inputs.

mod activity;
mod clock;
mod finding;
mod memory;
mod permissions;
mod processor;
mod root;
mod system;
mod text;
mod virtualisation;

use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::run::default_results;
use campaign::terminal::{print, say, terminal};
use campaign::{Error, Exit};
use machine::clock::now_ns;
use nix::errno::Errno;
use results::machine::Machine;
use results::values::Virtualisation;
use serde::Serialize;

pub use activity::{Activity, Background, NoiseSources, Reading};
pub use clock::ClockCost;
pub use finding::{Finding, Severity};
pub use memory::PageCache;
pub use system::SystemState;

use root::Root;

use crate::system::microvm::{KvmFound, kvm};

/// The time between the two readings of the kernel's counters. They count in ticks of 10 ms: this
/// is 2 % of a core.
const INTERVAL: Duration = Duration::from_millis(500);

/// The command line of `external doctor`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DoctorArguments {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// End with 4 if a system cannot be measured or a finding is bad or a warning, with 8 if no
    /// system can be measured
    #[arg(long)]
    pub strict: bool,
    /// A TOML file that describes a system of your own, to be looked for too (repeatable)
    #[arg(long, value_name = "FILE", value_parser = campaign::argument::path())]
    pub system: Vec<PathBuf>,
    /// The folder that runs will be kept in, where the page cache is tried [default: results/raw of
    /// the checkout; installed: ./results/raw]
    #[arg(long, value_name = "FOLDER", value_parser = campaign::argument::path())]
    pub out: Option<PathBuf>,
}

/// What has to be tried or timed, and cannot be read out of a file.
#[derive(Debug, Clone)]
pub struct Trials {
    /// The cores that this process may run on.
    pub allowed: Vec<usize>,
    /// What went on between two readings of the kernel's counters.
    pub activity: Activity,
    /// What the kernel tells of what disturbs a sample.
    pub noise: NoiseSources,
    /// What reading the clock costs.
    pub clock: ClockCost,
    /// Whether files can be put out of the page cache.
    pub page_cache: PageCache,
    /// Whether a network namespace can be made.
    pub network_namespace: Result<(), Errno>,
    /// Whether system calls can be watched, or why not.
    pub observer: Result<(), String>,
    /// What executes virtual machines, or why there can be none.
    pub virtualisation: Result<Virtualisation, String>,
}

impl Trials {
    /// Tries everything on this machine, which takes half a second. `results` is the folder that
    /// runs will be kept in.
    pub fn here(results: &Path, observer: Result<(), String>) -> Self {
        let reading = || Reading::take(Path::new("/proc"), std::process::id(), now_ns());
        // Before all else: what the other trials do is no background of the machine's.
        let before = reading();
        std::thread::sleep(INTERVAL);
        let activity = reading().since(&before);
        Self {
            allowed: machine::cores::allowed(),
            activity,
            noise: NoiseSources::here(),
            clock: ClockCost::measure(),
            page_cache: PageCache::try_in(results),
            network_namespace: permissions::try_network_namespace(),
            observer,
            virtualisation: kvm().as_ref().map(KvmFound::kind).map_err(Clone::clone),
        }
    }
}

/// Everything that `doctor` says.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Facts of the machine, as a run's manifest records them.
    pub machine: Machine,
    /// What was found, in the order of the checks.
    pub findings: Vec<Finding>,
    /// The systems, in the order given.
    pub systems: Vec<SystemState>,
}

impl Report {
    /// Looks at the machine whose `proc` and `sys` lie below `root`, which is `/` but in tests.
    pub fn new(root: &Path, trials: &Trials, systems: Vec<SystemState>) -> Self {
        let machine = machine::facts::read(root);
        Self {
            findings: examine(Root(root), &machine, trials),
            machine,
            systems,
        }
    }

    /// With which code a strict `doctor` ends: 8 if no system can be measured; 4 if one cannot, or
    /// if a finding is bad or a warning; otherwise 0.
    pub fn verdict(&self) -> Exit {
        let absent = self
            .systems
            .iter()
            .filter(|system| system.state.is_err())
            .count();
        if absent > 0 && absent == self.systems.len() {
            Exit::Nothing
        } else if absent > 0
            || self
                .findings
                .iter()
                .any(|finding| finding.severity >= Severity::Warning)
        {
            Exit::Samples
        } else {
            Exit::Ok
        }
    }
}

/// All checks, in the order of a person's questions: processor, who uses it, memory, clock,
/// permissions.
fn examine(root: Root, machine: &Machine, trials: &Trials) -> Vec<Finding> {
    let virtualised = machine.virtualised == Some(true);
    let mut findings = vec![
        processor::virtualised(root, machine),
        processor::governor(root, virtualised),
    ];
    findings.extend(processor::turbo(root));
    findings.extend([
        processor::smt(root, virtualised),
        processor::count(&trials.allowed),
        processor::quota(root),
        processor::mitigations(machine),
    ]);
    findings.extend(trials.activity.findings(trials.allowed.len()));
    findings.push(trials.noise.finding());
    findings.extend([
        memory::huge_pages(machine),
        memory::swap(root),
        memory::free(root),
        memory::page_cache(&trials.page_cache),
        clock::source(machine),
        clock::cost(trials.clock),
    ]);
    findings.extend(clock::timer_slack(root));
    findings.push(permissions::namespaces(root, trials.network_namespace));
    findings.push(permissions::observer(&trials.observer));
    findings.push(virtualisation::kind(&trials.virtualisation));
    findings.extend(permissions::open_files(root));
    findings.extend(permissions::address_layout(root));
    findings
}

/// `doctor`: looks at everything and prints it. `systems` is what the adapters found, `observer`
/// whether system calls can be watched.
///
/// Ends with 0 whatever was found, unless it is strict: then see [`Report::verdict`].
///
/// # Errors
/// If standard output cannot be written.
pub fn command(
    arguments: &DoctorArguments,
    systems: Vec<SystemState>,
    observer: Result<(), String>,
) -> Result<Exit, Error> {
    let results = arguments.out.clone().unwrap_or_else(default_results);
    let report = Report::new(Path::new("/"), &Trials::here(&results, observer), systems);
    if arguments.json {
        let text = serde_json::to_string_pretty(&report)
            .expect("a report is plain data: it always serialises");
        print(&(text + "\n"))?;
    } else {
        print(&report.text(terminal().0))?;
    }
    if !arguments.strict {
        return Ok(Exit::Ok);
    }
    let verdict = report.verdict();
    if verdict != Exit::Ok {
        let absent = report
            .systems
            .iter()
            .filter(|system| system.state.is_err())
            .count();
        let findings = report
            .findings
            .iter()
            .filter(|finding| finding.severity >= Severity::Warning)
            .count();
        say(&format!(
            "strict: systems that cannot be measured: {absent}; findings that are bad or \
                warnings: {findings}"
        ));
    }
    Ok(verdict)
}
