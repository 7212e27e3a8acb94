//! The suite: plan → doctor → prepare → campaign → summary.

mod also;
mod as_text;
mod asked;
pub mod bench;
pub mod budget;
mod builds;
mod check;
pub mod compare;
mod described;
pub mod duel;
pub mod environment;
mod eviction;
mod instancing;
mod list;
pub mod loads;
mod manifest;
pub mod network;
mod own_workloads;
pub mod plan;
pub mod profile;
mod renamed;
mod search;
mod selection;
pub mod settings;
mod systems;
pub mod variables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use campaign::duration::parse_seconds;
use campaign::run::{self, Format, NoBench};
use campaign::terminal::say;
use campaign::{Error, Exit, errno, front_door, report_offer};
use clap::Args;
use findings::Findings;
use results::values::PageCache;
use summary::{Style, View};

use self::bench::{NetworkBench, SystemBench};
use self::budget::Budget;
pub use self::check::{SystemArguments, system};
pub use self::described::register as register_systems;
use self::plan::Planned;
use self::settings::{Origins, Settings};
pub use self::systems::Systems;
use self::variables::Variables;
use crate::doctor::{Finding, Report, Severity, Trials};
use crate::network::firewall::{self, Level};
use crate::process;
use crate::process::reaper::Reaper;
use crate::target::TargetArguments;

/// Headings in the help of the suite.
const LOAD: &str = "Load";
const NETWORK: &str = "Network";

/// The command line of `external suite`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = environment_help())]
pub struct SuiteArguments {
    /// The profile: quick, standard, paper, reference, load, scale, density, or a TOML file like
    /// theirs
    /// [default: by command]
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Only cells with this property (repeatable, or with commas): system, workload, scenario, or a
    /// parameter
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// A TOML file that describes a system of your own, to be measured beside those of the profile
    /// (repeatable)
    #[arg(long, value_name = "FILE", value_parser = campaign::argument::path())]
    pub system: Vec<PathBuf>,
    /// End with an error if this system cannot be measured (repeatable, or with commas)
    #[arg(long, value_name = "SYSTEM", value_delimiter = ',')]
    pub require: Vec<String>,
    /// Samples of each cell [default: by profile]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub samples: Option<u32>,
    /// How long measuring may take, such as 90s, 30m or 4h: chooses samples and cells to fit
    #[arg(long, value_name = "TIME")]
    pub budget: Option<Budget>,
    /// Requests over each connection before those that are recorded [default: by profile]
    #[arg(long, help_heading = LOAD, value_name = "N")]
    pub warm_up: Option<u64>,
    /// For how many seconds requests are recorded, of each sample under load [default: by profile]
    #[arg(long, help_heading = LOAD, value_name = "SECONDS", value_parser = parse_seconds)]
    pub duration: Option<Duration>,
    /// How many requests are recorded, whatever time they take
    #[arg(long, help_heading = LOAD, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with = "duration")]
    pub requests: Option<u64>,
    /// Connections at once under `throughput` (repeatable, or with commas) [default: by profile]
    #[arg(long, help_heading = LOAD, value_name = "N", value_delimiter = ',')]
    pub connections: Vec<usize>,
    /// How many seconds a start may take, and a request [default: by profile]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub time_limit: Option<u64>,
    /// What starts find in the page cache (repeatable, or with commas) [default: by scenario]
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = eviction::parser())]
    pub page_cache: Vec<PageCache>,
    /// Instances at once under `scaling` and `density` (repeatable, or with commas) [default: by
    /// profile]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub instances: Vec<usize>,
    /// Variants of systems that have several [default: by profile]
    #[arg(long, value_enum)]
    pub variants: Option<settings::Variants>,
    /// Levels of a firewall in front of services (repeatable, or with commas): off, baseline,
    /// rules:N [default: by profile]
    #[arg(long, help_heading = NETWORK, value_name = "LEVEL", value_delimiter = ',')]
    pub firewall: Vec<Level>,
    /// Network path from client to service (repeatable, or with commas) [default: by profile]
    #[arg(long, help_heading = NETWORK, value_enum, value_delimiter = ',')]
    pub path: Vec<network::PathKind>,
    /// With --path veth or tun: how long each side holds a packet back, such as 10ms (repeatable, or
    /// with commas)
    #[arg(long, help_heading = NETWORK, value_name = "MS", value_delimiter = ',')]
    pub delay: Vec<network::Delay>,
    /// With --delay: by how much it varies either way, such as 2ms; packets do not overtake each other
    #[arg(long, help_heading = NETWORK, value_name = "MS")]
    pub jitter: Option<network::Delay>,
    /// With --path veth or tun: how many megabits a second go through, each way
    #[arg(long, help_heading = NETWORK, value_name = "MBIT")]
    pub rate: Option<u32>,
    /// Skip the phase breakdown of starts: report totals only
    #[arg(long)]
    pub no_observer: bool,
    /// Seed of the order of samples [default: random]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The folder that runs are kept in [default: results/raw of the checkout; installed: ./results/raw]
    #[arg(long, value_name = "FOLDER", value_parser = campaign::argument::path())]
    pub out: Option<PathBuf>,
    /// Go on with an interrupted run: its name, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = [
        "profile", "only", "samples", "budget", "warm_up", "duration", "requests", "connections", "time_limit",
        "instances", "variants", "no_observer", "seed", "list", "firewall", "path", "delay", "jitter", "rate",
        "page_cache", "system",
    ], conflicts_with_all = TargetArguments::NAMES)]
    pub resume: Option<String>,
    /// Print what would be measured and about how long it would take, and measure nothing
    #[arg(long)]
    pub list: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// A person's own workloads: last, since what followed would stand below their heading in the help.
    #[command(flatten)]
    pub own: TargetArguments,
}

fn environment_help() -> String {
    let mut help =
        "Variables of the environment, below the command line and above the profile:".to_owned();
    variables::table()
        .iter()
        .for_each(|(name, meaning)| help.push_str(&format!("\n  {name:<25} {meaning}")));
    help
}

/// The command line of `external scale`.
#[derive(Debug, Clone, Default, Args)]
pub struct ScaleArguments {
    /// Search for the first number of instances, up to N, at which throughput falls: in several
    /// runs
    #[arg(long, value_name = "N", conflicts_with_all = ["resume", "list", "instances"])]
    search: Option<usize>,
    #[command(flatten)]
    suite: SuiteArguments,
}

/// Runs the suite for several instances at once.
///
/// # Errors
/// As [`command`].
pub fn scale(arguments: &ScaleArguments) -> Result<Exit, Error> {
    measure(&arguments.suite, "scale", "scale", arguments.search)
}

/// Runs the suite. `name` is the command's, and `usual` the profile where none is named.
///
/// # Errors
/// What keeps it from beginning or from recording; what goes wrong in single samples is in the
/// ledger.
pub fn command(arguments: &SuiteArguments, name: &str, usual: &str) -> Result<Exit, Error> {
    measure(arguments, name, usual, None)
}

fn measure(
    arguments: &SuiteArguments,
    name: &str,
    usual: &str,
    most: Option<usize>,
) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let out = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = run::resolve_resumed(&out, arguments.resume.as_deref())?;
    let folder = resume.as_ref().map(|run| out.join(run));
    let variables = Variables::from_process();
    let (settings, origins) = settings::resolve(arguments, &variables, folder.as_deref(), usual)?;
    variables
        .without_effect()
        .iter()
        .for_each(|sentence| say(sentence));
    let cells = plan::cells(&settings)?;
    for (what, n) in plan::left_out(&settings)? {
        say(&format!(
            "left out to keep to the budget: {n} cells, {what}"
        ));
    }
    plan::systems_left_out(&settings, &cells)
        .iter()
        .for_each(|sentence| say(sentence));
    if arguments.list {
        return list::list(&cells, &settings);
    }
    let required = systems::required(&arguments.require, &cells)?;
    let systems = Systems::find_for(folder.as_deref(), own_workloads::needed(&cells))?;
    systems.require(&required)?;
    let campaign = Campaign {
        settings: &settings,
        origins: &origins,
        cells: &cells,
        systems: &systems,
        is_step: false,
    };
    if let Some(most) = most {
        return search::search(&campaign, arguments, most);
    }
    campaign
        .run(
            arguments.out.as_deref(),
            resume.as_deref(),
            arguments.format,
            View::Suite,
            name,
        )
        .map(|(exit, _)| exit)
}

/// What is measured, on what.
pub(crate) struct Campaign<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) origins: &'a Origins,
    pub(crate) cells: &'a [Planned],
    pub(crate) systems: &'a Systems,
    /// Whether this is one run of several, between which nobody is asked anything.
    pub(crate) is_step: bool,
}

impl Campaign<'_> {
    /// From a run's folder to its summary, with what was found. `command` is the command that resumes
    /// it, without its program's name.
    pub(crate) fn run(
        &self,
        out: Option<&Path>,
        resume: Option<&str>,
        format: Format,
        view: View,
        command: &str,
    ) -> Result<(Exit, Findings), Error> {
        let results = out.map_or_else(run::default_results, Path::to_owned);
        warn(&results);
        if let Some(notice) = list::few_samples(self.cells, &self.settings.values) {
            say(&notice);
        }
        if let Some(notice) = loads::too_short(self.cells, &self.settings.values) {
            say(&notice);
        }
        for (name, why) in self.systems.absent() {
            say(&format!("{}: cannot be measured here: {why}", name.name()));
        }
        if let Some(notice) = firewall::notice() {
            say(&notice);
        }
        if resume.is_none() {
            say(&list::announcement(self.cells, &self.settings.values));
        }
        let reaper = start_reaper()?;
        let manifest = manifest::build(self.settings, self.origins, self.cells, self.systems)?;
        let (folder, manifest) = run::open(resume, &results, manifest)?;
        let (samples, ended) = run::measure(&folder, &manifest, |work, stop| {
            let unbegun = resume.is_none().then(|| reaper.guard_folder(folder.path()));
            let unbegun = unbegun.transpose()?;
            let mut bench =
                SystemBench::new(work, self.settings, self.cells, self.systems, &reaper)?;
            own_workloads::try_all(&mut bench, self.cells, stop)?;
            Ok::<_, NoBench>(NetworkBench::new(bench.until_begun(unbegun)))
        })?;
        let place = out.map_or_else(String::new, |out| format!(" --out {}", out.display()));
        let resume = format!("{command} --resume {}{place}", folder.run());
        let resume = front_door::command("external", &resume);
        let findings = summary::findings(&manifest, &samples);
        let exit = run::finish(
            format,
            &folder,
            &manifest.systems,
            (&samples, ended),
            &|_, format, width, colour| {
                summary::format(&findings, format, view, Style { width, colour })
            },
            &resume,
        )?;
        if !self.is_step && format == Format::Table {
            report_offer::offer(&folder, exit);
        }
        Ok((exit, findings))
    }
}

/// Prints what the doctor finds wrong, before anything is measured.
fn warn(results: &Path) {
    // The trial of the page cache belongs where runs are kept, which need not be there yet.
    let _ = std::fs::create_dir_all(results);
    let trials = Trials::here(results, process::observable());
    let report = Report::new(Path::new("/"), &trials, Vec::new());
    let worth_saying =
        |finding: &&Finding| matches!(finding.severity, Severity::Bad | Severity::Warning);
    for finding in report.findings.iter().filter(worth_saying) {
        let remedy = finding
            .remedy
            .as_ref()
            .map_or_else(String::new, |remedy| format!(" ({remedy})"));
        say(&format!(
            "{}: {}; {}{remedy}",
            finding.check, finding.found, finding.effect
        ));
    }
}

/// Starts what cleans up if this process is killed.
pub(crate) fn start_reaper() -> Result<Reaper, Error> {
    let start = || Reaper::start(&std::env::current_exe()?);
    start().map_err(|error| {
        Error::new(
            Exit::Internal,
            format!("cannot start the process that cleans up after a kill: {error}"),
        )
        .hint(format!(
            "{}; without it, a killed suite would leave servers behind",
            errno::hint(&error).unwrap_or("see ulimit -u")
        ))
    })
}
