//! `external system check`: whether a description of a system holds, tried on the workloads that it
//! takes, by the same bench that measures.

use std::path::PathBuf;

use campaign::schedule::{self, Bench as _};
use campaign::terminal::print;
use campaign::{Error, Exit};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use results::record::Scenario;
use results::values::Named as _;
use results::{FailureKind, Skip, SkipKind};
use workloads::Workload;

use super::bench::SystemBench;
use super::described;
use super::plan::{Observer, Planned};
use super::settings::Settings;
use super::systems::Systems;
use crate::client::load::Amount;
use crate::process;
use crate::system::{Acquire, System, listens};

/// The command line of `external system`.
#[derive(Debug, Clone, Args)]
pub struct SystemArguments {
    #[command(subcommand)]
    command: SystemCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum SystemCommand {
    /// Try a description on the built-in workloads that it takes, and say what is missing.
    ///
    /// Each is started in each of its modes; services are sent a few requests too. Ends with 0 if
    /// everything went as described, with 4 if something did not, with 8 if the system is not there.
    Check(CheckArguments),
}

/// The command line of `external system check`.
#[derive(Debug, Clone, Args)]
struct CheckArguments {
    /// The TOML file that describes one or several systems
    #[arg(value_name = "FILE", value_parser = campaign::argument::path())]
    file: PathBuf,
    /// Only these workloads (repeatable, or with commas) [default: all that the system takes]
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Workload::ALL.map(Workload::name))
    )]
    workload: Vec<String>,
    /// How many seconds a start may take, and an answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    time_limit: u64,
}

/// How many requests a service is sent.
const REQUESTS: u64 = 20;

/// Runs it.
///
/// # Errors
/// The file describes no system, or nothing can be tried here.
pub fn system(arguments: &SystemArguments) -> Result<Exit, Error> {
    let SystemCommand::Check(arguments) = &arguments.command;
    let own = described::register(std::slice::from_ref(&arguments.file))?;
    let mut settings = Settings::for_comparison(1, Some(0));
    settings.values.requests = Some(REQUESTS);
    settings.values.time_limit_s = arguments.time_limit;
    let trials: Vec<_> = own
        .iter()
        .flat_map(|system| trials(*system, &arguments.workload))
        .collect();
    let systems = Systems::find(own.iter().copied());
    let folder = tempfile::tempdir().map_err(|error| nowhere(&error))?;
    let reaper = super::start_reaper()?;
    let cells: Vec<_> = trials.iter().map(|trial| trial.planned.clone()).collect();
    let work = folder.path().to_owned();
    let mut bench = SystemBench::new(work, &settings, &cells, &systems, &reaper)
        .map_err(|error| nowhere(&error))?;
    let mut missing = 0;
    for system in &own {
        let found = match systems.get(*system) {
            Ok(found) => found,
            Err(skip) => {
                print(&format!("{}: {skip}\n", system.name()))?;
                missing += 1;
                continue;
            }
        };
        let program = found.program.display();
        print(&format!("{} {}: {program}\n", system.name(), found.version))?;
        for trial in trials.iter().filter(|it| it.planned.system == *system) {
            let result = trial.run(&mut bench);
            missing += usize::from(matches!(result, Tried::Missing(_)));
            print(&trial.line(&result))?;
        }
    }
    let all_absent = own.iter().all(|system| systems.get(*system).is_err());
    let (exit, verdict) = match missing {
        _ if all_absent => (Exit::Nothing, "nothing could be tried".to_owned()),
        0 if trials.is_empty() => (Exit::Nothing, "it takes none of these workloads".to_owned()),
        0 => (Exit::Ok, "everything went as described".to_owned()),
        n => (
            Exit::Samples,
            format!("not as described: {n} of {}", trials.len()),
        ),
    };
    print(&format!("{verdict}\n"))?;
    Ok(exit)
}

fn nowhere(error: &std::io::Error) -> Error {
    let message = format!("there is no folder to try it in: {error}");
    Error::new(Exit::Results, message).hint("TMPDIR names another folder for temporary files")
}

/// Something of a description that is tried.
struct Trial {
    planned: Planned,
    part: Part,
}

/// Which.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A start, with its answer and what proves its mode.
    Start,
    /// The same, with its milestones.
    Milestones,
    /// Requests at a service.
    Requests,
}

/// What came of it.
enum Tried {
    /// It went as described: a start in milliseconds.
    Well(Option<f64>),
    /// It cannot be asked of this system.
    NotAsked(String),
    /// Something is missing, and which keys say something about that.
    Missing(String),
}

/// Everything that is tried of a system.
fn trials(system: System, only: &[String]) -> Vec<Trial> {
    let workloads = Workload::ALL.into_iter().filter(|it| {
        let named = only.is_empty() || only.iter().any(|name| name == it.name());
        named && system.supports(*it)
    });
    let modes: Vec<_> = match system.acquire_modes() {
        [] => vec![None],
        modes => modes.iter().copied().map(Some).collect(),
    };
    let observable = process::observable().is_ok();
    let mut trials = Vec::new();
    for workload in workloads {
        for mode in &modes {
            trials.extend(of_mode(system, workload, *mode, observable));
        }
    }
    trials
}

fn of_mode(
    system: System,
    workload: Workload,
    mode: Option<Acquire>,
    observable: bool,
) -> Vec<Trial> {
    let scenario = if mode.is_some_and(Acquire::from_source) {
        Scenario::CodeCold
    } else {
        Scenario::WarmDisk
    };
    let trial = |part, scenario, observer| {
        let start = Planned::start(system, workload, mode, scenario);
        let planned = Planned { observer, ..start }.with_params(Amount::Requests(REQUESTS));
        Trial { planned, part }
    };
    let mut trials = vec![trial(Part::Start, scenario, Observer::None)];
    if observable {
        trials.push(trial(Part::Milestones, scenario, Observer::Seccomp));
    }
    let counts = workload != Workload::HttpState || system.keeps_state().is_ok();
    if listens(workload) && counts {
        trials.push(trial(Part::Requests, Scenario::Warm, Observer::None));
    }
    trials
}

impl Trial {
    fn run(&self, bench: &mut SystemBench<'_>) -> Tried {
        let planned = schedule::Planned {
            order: 0,
            block: 0,
            cell: self.planned.cell.clone(),
        };
        if let Err(skip) = bench.prepare(&planned) {
            return self.not_begun(&skip);
        }
        let measured = bench.sample(&planned);
        let cleaned = bench.clean(&planned);
        match (measured.verdict, cleaned) {
            (Err(failure), _) => {
                let keys = self.keys(failure.kind);
                Tried::Missing(format!("{}; see {keys}", failure.reason))
            }
            (Ok(()), Err(reason)) => Tried::Missing(reason),
            (Ok(()), Ok(())) => Tried::Well(measured.total_ns.map(|ns| ns as f64 / 1e6)),
        }
    }

    fn not_begun(&self, skip: &Skip) -> Tried {
        match skip.kind {
            SkipKind::NotApplicable | SkipKind::MachineLimit => Tried::NotAsked(skip.to_string()),
            _ => Tried::Missing(format!("{skip}; see {}", self.key("launch"))),
        }
    }

    /// The keys of the description that say what was not so.
    fn keys(&self, kind: FailureKind) -> String {
        let cached = matches!(
            self.planned.acquire,
            Some(Acquire::CacheMiss | Acquire::CacheHit)
        );
        match (kind, self.part) {
            (FailureKind::NotAsPlanned, Part::Requests) => "`lifecycle`".to_owned(),
            (FailureKind::NotAsPlanned, _) if cached => "`cache`".to_owned(),
            (FailureKind::NotAsPlanned, _) => self.key("proves"),
            (FailureKind::SystemFailed, Part::Milestones) => self.key("opens"),
            _ => self.key("launch"),
        }
    }

    /// A key of this trial's mode.
    fn key(&self, key: &str) -> String {
        let mode = self.planned.acquire;
        let mode = mode.map_or_else(String::new, |mode| format!(".{}", mode.name()));
        format!("`{key}{mode}`")
    }

    fn line(&self, result: &Tried) -> String {
        let mode = self.planned.acquire.map_or("machine code", Acquire::name);
        let part = match self.part {
            Part::Start => "a start",
            Part::Milestones => "its milestones",
            Part::Requests => "requests",
        };
        let (sign, said) = match result {
            Tried::Well(Some(ms)) => ("ok", format!(": {ms:.1} ms")),
            Tried::Well(None) => ("ok", String::new()),
            Tried::NotAsked(why) => ("--", format!(": {why}")),
            Tried::Missing(what) => ("MISSING", format!(": {what}")),
        };
        let workload = self.planned.workload.name();
        format!("  {sign:<8}{workload}, {mode}, {part}{said}\n")
    }
}
