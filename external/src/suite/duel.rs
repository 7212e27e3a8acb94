//! `external duel`: two builds of one workload under one system, interleaved in one campaign, with
//! the first of them measured a second time as the control.
//!
//! Two runs on one machine differ by more than many a change does, even seconds apart. Here both
//! builds, and the control, are in every block, in an order that is drawn anew for each, so that
//! what changes on the machine changes for all three.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use campaign::run::{self, Format};
use campaign::terminal::say;
use campaign::{Error, Exit};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use findings::questions::duel::Outcome;
use results::manifest::Origin;
use results::record::Scenario;
use results::scenario::RENAMED;
use results::values::{Build, Named as _};
use summary::View;
use workloads::Workload;

use super::builds;
pub(super) use super::builds::crossed;
pub use super::builds::{OwnBuild, Role};
use super::described;
use super::own_workloads;
use super::plan;
use super::renamed;
use super::settings::{self, Origins, Settings};
use super::{Campaign, Systems};
use crate::nearest::nearest;
use crate::system::{Contents, OwnArtifact, System, listens};
use crate::target::{self, Described};

/// The command line of `external duel`.
#[derive(Debug, Clone, Args)]
pub struct DuelArguments {
    /// The build that is judged by: WebAssembly, or a native program
    #[arg(
        long,
        value_name = "PATH",
        required_unless_present_any = ["resume", "host_a", "host_b"],
        value_parser = campaign::argument::path()
    )]
    a: Option<PathBuf>,
    /// The build that is judged: is it slower than the other?
    #[arg(
        long,
        value_name = "PATH",
        required_unless_present_any = ["resume", "host_a", "host_b"],
        value_parser = campaign::argument::path()
    )]
    b: Option<PathBuf>,
    /// In place of --a: a build of the program `host` or `host-wasmedge`, which runs the workload as
    /// it is built here
    #[arg(
        long,
        value_name = "PATH",
        requires = "host_b",
        conflicts_with_all = ["a", "b"],
        value_parser = campaign::argument::path()
    )]
    host_a: Option<PathBuf>,
    /// In place of --b: the build of that program that is judged
    #[arg(
        long,
        value_name = "PATH",
        requires = "host_a",
        conflicts_with_all = ["a", "b"],
        value_parser = campaign::argument::path()
    )]
    host_b: Option<PathBuf>,
    /// The TOML file that describes your own workload, which both are builds of: they take the place of
    /// the guest or program that it names, and are asked what it says
    #[arg(long, value_name = "FILE.toml", value_parser = campaign::argument::path())]
    target: Option<PathBuf>,
    /// The system that runs both, or the file that describes it [default: wasmtime-embedded; native
    /// for programs]
    #[arg(long, value_name = "SYSTEM|FILE", long_help = system_help())]
    system: Option<String>,
    /// The workload that both are builds of: it is checked what they answer [default: http-hello; that of
    /// --target]
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// What is measured (repeatable, or with commas) [default: warm-disk and warm]
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',', value_parser = scenarios())]
    scenario: Vec<String>,
    /// Samples of each build and scenario, and as many of the control; 40 find a build that is 10 %
    /// slower, on a machine that does nothing else
    #[arg(
        long,
        value_name = "N",
        default_value_t = 40,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    samples: u32,
    /// Seed of the order of samples [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Go on with an interrupted run: its name, or `latest`
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = [
            "a", "b", "host_a", "host_b", "target", "system", "workload", "scenario", "samples", "seed"
        ]
    )]
    resume: Option<String>,
    /// The folder that runs are kept in [default: results/raw of the checkout; installed: ./results/raw]
    #[arg(long, value_name = "FOLDER", value_parser = campaign::argument::path())]
    out: Option<PathBuf>,
    /// End with 10 if B is slower than A by time, and with 11 if that cannot be told
    #[arg(long)]
    fail_on_slower: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The profile of a duel.
const DUEL: &str = include_str!("../../profiles/duel.toml");

/// What can be measured of two builds.
const SCENARIOS: [Scenario; 5] = [
    Scenario::DiskCold,
    Scenario::CodeCold,
    Scenario::WarmDisk,
    Scenario::Warm,
    Scenario::Throughput,
];

/// The systems that run a person's own builds.
fn takers() -> Vec<&'static str> {
    let systems = System::all().into_iter();
    let takes = systems.filter(|system| system.takes().is_some());
    takes.map(|system| system.name()).collect()
}

fn system_help() -> String {
    format!(
        "The system that runs both, or the file that describes it [default: wasmtime-embedded; \
            native for programs]\n\nSystems: {}",
        takers().join(", ")
    )
}

/// The system that runs both builds, by its name or by the file that describes it, which is given
/// back too.
fn runner(named: &str) -> Result<(System, Option<PathBuf>), Error> {
    let unknown = |message: String| {
        let nearest = nearest(named, takers());
        let meant = nearest.map_or_else(String::new, |it| format!("did you mean {it}? "));
        let hint = format!(
            "{meant}--system takes {}, or a TOML file",
            takers().join(", ")
        );
        Error::new(Exit::Usage, message).hint(hint)
    };
    let (system, file) = match System::from_name(named) {
        Some(system) => (system, None),
        None if Path::new(named).extension().is_some_and(|it| it == "toml") => {
            let file = std::path::absolute(named).unwrap_or_else(|_| named.into());
            match described::register(std::slice::from_ref(&file))?.as_slice() {
                [system] => (*system, Some(file)),
                several => {
                    let message = format!("{named} describes {} systems", several.len());
                    return Err(Error::new(Exit::Usage, message).hint("a duel is under one"));
                }
            }
        }
        None => return Err(unknown(format!("there is no system `{named}`"))),
    };
    if system.takes().is_none() {
        let message = format!(
            "a duel cannot give {} a build of yours: it runs what coldphase builds, or an image",
            system.name()
        );
        return Err(Error::new(Exit::Usage, message).hint(format!(
            "--system takes {}; two images are two workloads of one file, which `external suite --target` \
                measures in the same blocks",
            takers().join(", ")
        )));
    }
    Ok((system, file))
}

/// The workload that both are builds of: of a file, the one that it describes or the one that is named.
///
/// # Errors
/// There is none of that name, or a file describes several and none is named.
fn workload(arguments: &DuelArguments, settings: &mut Settings) -> Result<Workload, Error> {
    let among: Vec<Workload> = match &arguments.target {
        None => Workload::ALL.to_vec(),
        Some(path) => {
            let file = Described::of_file(path)?;
            own_workloads::ask_for(vec![file], settings)?;
            let names = settings.values.workloads.iter();
            names.filter_map(|it| Workload::from_name(it)).collect()
        }
    };
    let names = || among.iter().map(|it| it.name());
    let usual = match (&arguments.target, among.as_slice()) {
        (None, _) => Some(Workload::HttpHello),
        (Some(_), [only]) => Some(*only),
        (Some(_), _) => None,
    };
    let asked = match &arguments.workload {
        Some(name) => among.iter().copied().find(|it| it.name() == name),
        None => usual,
    };
    asked.ok_or_else(|| {
        let message = match &arguments.workload {
            Some(name) => {
                let meant = nearest(name, names());
                let meant = meant.map_or_else(String::new, |it| format!("; did you mean {it}?"));
                format!("there is no workload `{name}`{meant}")
            }
            None => "the file describes several workloads, and a duel is of one".to_owned(),
        };
        let names: Vec<_> = names().collect();
        Error::new(Exit::Usage, message).hint(format!("--workload takes {}", names.join(", ")))
    })
}

fn scenarios() -> PossibleValuesParser {
    let value = |scenario: Scenario| {
        let old = RENAMED.into_iter().filter(move |(_, new)| *new == scenario);
        PossibleValue::new(scenario.name()).aliases(old.map(|(old, _)| old))
    };
    PossibleValuesParser::new(SCENARIOS.map(value))
}

/// Runs the duel.
///
/// # Errors
/// A build cannot be measured, or what keeps a run from beginning or from recording.
pub fn command(arguments: &DuelArguments) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let out = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = run::resolve_resumed(&out, arguments.resume.as_deref())?;
    let (settings, origins) = match &resume {
        Some(run) => (read_run(&out.join(run))?, Origins::new()),
        None => settings(arguments)?,
    };
    let cells = plan::cells(&settings)?;
    builds::notes(&cells)?.iter().for_each(|note| say(note));
    let systems = match builds::host(&cells)? {
        Some((system, found)) => Systems::known(system, found),
        None => Systems::find(cells.iter().map(|planned| planned.system)),
    };
    let measured: Vec<_> = cells.iter().map(|planned| planned.system).collect();
    systems.require(&measured)?;
    let campaign = Campaign {
        settings: &settings,
        origins: &origins,
        cells: &cells,
        systems: &systems,
        is_step: false,
    };
    let (exit, findings) = campaign.run(
        arguments.out.as_deref(),
        resume.as_deref(),
        arguments.format,
        View::Duel,
        "duel",
    )?;
    let outcome = findings.duel.map(|duel| duel.outcome);
    Ok(if arguments.fail_on_slower {
        judged(exit, outcome)
    } else {
        exit
    })
}

/// How a run ends that fails for a slower build. What keeps a verdict from being a good one comes
/// before the lack of one.
fn judged(exit: Exit, outcome: Option<Outcome>) -> Exit {
    match (exit, outcome) {
        (Exit::Ok | Exit::Samples, Some(Outcome::Slower)) => Exit::Regression,
        (Exit::Ok, Some(Outcome::Undecided) | None) => Exit::Inconclusive,
        (exit, _) => exit,
    }
}

/// The settings of a run that was begun.
fn read_run(folder: &Path) -> Result<Settings, Error> {
    let settings = settings::read_run(folder)?;
    if settings.builds.is_empty() && settings.hosts.is_empty() {
        let message = "the run does not measure two builds against each other";
        return Err(Error::new(Exit::Resume, message)
            .hint("it is resumed by the command that began it, which its manifest has"));
    }
    target::load(&settings.targets)?;
    Ok(settings)
}

/// The settings of a new run, and where they came from.
fn settings(arguments: &DuelArguments) -> Result<(Settings, Origins), Error> {
    let are_hosts = arguments.host_a.is_some();
    let named = if are_hosts {
        [&arguments.host_a, &arguments.host_b]
    } else {
        [&arguments.a, &arguments.b]
    };
    let mut files = BTreeMap::new();
    for (build, path) in [Build::A, Build::B].into_iter().zip(named) {
        let path = path.as_deref().expect("the command line requires both");
        files.insert(build.name().to_owned(), described::recorded(path)?);
    }
    let usual = if are_hosts {
        Contents::Component.usual_system()
    } else {
        contents(&files)?.usual_system()
    };
    let (system, file) = runner(arguments.system.as_deref().unwrap_or(usual))?;
    let mut settings = Settings::from_toml("duel", DUEL, arguments.samples, arguments.seed);
    let (key, builds) = if are_hosts {
        ("hosts", &mut settings.hosts)
    } else {
        ("builds", &mut settings.builds)
    };
    *builds = files;
    if let Some(file) = file {
        described::ask_for(&[file], &[system], &mut settings)?;
    }
    let workload = workload(arguments, &mut settings)?;
    let values = &mut settings.values;
    values.systems = vec![system.name().to_owned()];
    values.workloads = vec![workload.name().to_owned()];
    if !arguments.scenario.is_empty() {
        values.scenarios.clone_from(&arguments.scenario);
        let notes: Vec<_> = values
            .scenarios
            .iter_mut()
            .filter_map(renamed::rename_one)
            .collect();
        notes.iter().for_each(|note| say(note));
        check_scenarios(workload, &values.scenarios)?;
    }
    let mut origins = Origins::from([(key.to_owned(), Origin::CommandLine)]);
    let mut given = |key: &str, is_given: bool, otherwise| {
        let origin = if is_given {
            Origin::CommandLine
        } else {
            otherwise
        };
        origins.insert(key.to_owned(), origin);
    };
    given("seed", arguments.seed.is_some(), Origin::Drawn);
    given("systems", arguments.system.is_some(), Origin::Default);
    given("targets", arguments.target.is_some(), Origin::Default);
    let is_named = arguments.workload.is_some() || arguments.target.is_some();
    given("workloads", is_named, Origin::Default);
    given("scenarios", !arguments.scenario.is_empty(), Origin::Profile);
    Ok((settings, origins))
}

/// What both builds hold.
fn contents(files: &BTreeMap<String, String>) -> Result<Contents, Error> {
    let of = |build: Build| {
        OwnArtifact::open(Path::new(&files[build.name()])).map(|artifact| artifact.contents)
    };
    let (a, b) = (of(Build::A)?, of(Build::B)?);
    if a == b {
        return Ok(a);
    }
    Err(Error::new(
        Exit::Usage,
        format!("--a holds {a} and --b holds {b}: that is no comparison of two builds"),
    )
    .hint("`external compare` and `external suite` compare systems"))
}

/// A command takes no requests after its start.
fn check_scenarios(workload: Workload, scenarios: &[String]) -> Result<(), Error> {
    let ends = !listens(workload);
    let starts = |name: &&String| {
        let mut starts = SCENARIOS.into_iter().filter(|scenario| scenario.starts());
        starts.any(|scenario| scenario.name() == *name)
    };
    match scenarios.iter().find(|scenario| !starts(scenario)) {
        Some(scenario) if ends => Err(Error::new(
            Exit::Usage,
            format!("{} runs to its end: it has no {scenario}", workload.name()),
        )
        .hint("--scenario disk-cold, code-cold and warm-disk measure its starts")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_build_outranks_failed_samples_and_those_a_missing_verdict() {
        use Outcome::{Faster, Slower, Unchanged, Undecided};
        for (exit, outcome, wanted) in [
            (Exit::Ok, Some(Slower), Exit::Regression),
            (Exit::Samples, Some(Slower), Exit::Regression),
            (Exit::Samples, Some(Undecided), Exit::Samples),
            (Exit::Ok, Some(Undecided), Exit::Inconclusive),
            (Exit::Ok, None, Exit::Inconclusive),
            (Exit::Ok, Some(Unchanged), Exit::Ok),
            (Exit::Ok, Some(Faster), Exit::Ok),
            (Exit::Interrupted, Some(Slower), Exit::Interrupted),
            (Exit::Nothing, None, Exit::Nothing),
        ] {
            assert_eq!(judged(exit, outcome), wanted, "{exit:?} {outcome:?}");
        }
    }
}
