//! `external compare`: questions about several systems at once.
//!
//! `embedded-vs-cli`: the same engine at the same version, embedded and under its own command line: with
//! everything equal that can be made so, and with each difference added back, one after another. `cold-start`: every system's start on one axis, and the
//! layers of a container's start.

use std::path::PathBuf;

use campaign::run::{self, Format};
use campaign::{Error, Exit};
use clap::{Args, ValueEnum};
use results::record::Scenario;
use summary::View;
use workloads::Workload;

use super::described;
use super::own_workloads;
use super::plan::{self, Observer, Planned, Without};
use super::settings::{self, Settings};
use super::{Campaign, Systems};
use crate::client::load::Amount;
use crate::system::{Acquire, System};
use crate::target::{self, TargetArguments};

/// The command line of `external compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArguments {
    /// What is compared with what; runs are compared by `analysis compare-runs`
    #[arg(value_enum)]
    comparison: Comparison,
    /// With `cold-start`: a TOML file that describes a system of your own, to be measured too
    /// (repeatable)
    #[arg(long, value_name = "FILE", value_parser = campaign::argument::path())]
    system: Vec<PathBuf>,
    /// Samples of each cell
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
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
        conflicts_with_all = ["samples", "seed", "system"],
        conflicts_with_all = TargetArguments::NAMES
    )]
    resume: Option<String>,
    /// The folder that runs are kept in [default: results/raw of the checkout; installed: ./results/raw]
    #[arg(long, value_name = "FOLDER", value_parser = campaign::argument::path())]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    own: TargetArguments,
}

/// A comparison.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Comparison {
    /// Each engine embedded, beside its own command line
    EmbeddedVsCli,
    /// Every system's cold start on one axis, and what each layer of a container adds
    ColdStart,
}

impl Comparison {
    const fn name(self) -> &'static str {
        match self {
            Self::EmbeddedVsCli => "embedded-vs-cli",
            Self::ColdStart => "cold-start",
        }
    }
}

/// The profile of `cold-start`.
const COLD_START: &str = include_str!("../../profiles/cold-start.toml");

/// Runs the comparison.
///
/// # Errors
/// What keeps it from beginning or from recording.
pub fn command(arguments: &CompareArguments) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let comparison = arguments.comparison;
    let out = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = run::resolve_resumed(&out, arguments.resume.as_deref())?;
    if let (Comparison::EmbeddedVsCli, [file, ..]) = (comparison, arguments.system.as_slice()) {
        let message = format!(
            "{}: `embedded-vs-cli` has no room for other systems",
            file.display()
        );
        return Err(Error::new(Exit::Usage, message).hint(
            "`compare cold-start --system FILE` measures a described system beside all others",
        ));
    }
    let targets = arguments.own.described()?;
    if matches!(comparison, Comparison::EmbeddedVsCli) && !targets.is_empty() {
        let message =
            "`embedded-vs-cli` is about what is built in, as every difference is added to it";
        return Err(Error::new(Exit::Usage, message).hint(
            "`compare cold-start --target FILE` and `external suite --target FILE` measure your own",
        ));
    }
    let own = described::register(&arguments.system)?;
    let mut settings = match (&resume, comparison) {
        (Some(run), _) => {
            let settings = settings::read_run(&out.join(run))?;
            target::load(&settings.targets)?;
            settings
        }
        (None, Comparison::EmbeddedVsCli) => {
            Settings::for_comparison(arguments.samples, arguments.seed)
        }
        (None, Comparison::ColdStart) => Settings::from_toml(
            comparison.name(),
            COLD_START,
            arguments.samples,
            arguments.seed,
        ),
    };
    own_workloads::ask_for(targets, &mut settings)?;
    described::ask_for(&arguments.system, &own, &mut settings)?;
    let cells = match comparison {
        Comparison::EmbeddedVsCli => cells(),
        Comparison::ColdStart => plan::cells(&settings)?,
    };
    let systems = Systems::find_for(
        resume.as_ref().map(|run| out.join(run)).as_deref(),
        own_workloads::needed(&cells),
    )?;
    let campaign = Campaign {
        settings: &settings,
        origins: &settings::Origins::new(),
        cells: &cells,
        systems: &systems,
        is_step: false,
    };
    let view = match comparison {
        Comparison::EmbeddedVsCli => View::EnginePairs,
        Comparison::ColdStart => View::ColdStart,
    };
    campaign
        .run(
            arguments.out.as_deref(),
            resume.as_deref(),
            arguments.format,
            view,
            &format!("compare {}", comparison.name()),
        )
        .map(|(exit, _)| exit)
}

/// Both systems of every engine that is there embedded and as a command line, and serves as both.
fn pairs() -> impl Iterator<Item = (System, System)> {
    systems::engine_pairs()
        .into_iter()
        .filter_map(|(_, embedded, cli)| {
            Some((System::from_name(&embedded)?, System::from_name(&cli)?))
        })
        .filter(|(embedded, cli)| {
            let serves = |system: &System| system.supports(Workload::HttpHello);
            serves(embedded) && serves(cli)
        })
}

/// The code acquisition modes that two systems have in common, of starts with something prepared: a
/// start that fills a cache is none.
fn common_modes(embedded: System, cli: System) -> Vec<Acquire> {
    let modes = embedded.acquire_modes().iter().copied();
    modes
        .filter(|mode| *mode != Acquire::CacheMiss && cli.acquire_modes().contains(mode))
        .collect()
}

fn cells() -> Vec<Planned> {
    let mut cells = Vec::new();
    for (embedded, cli) in pairs() {
        for acquire in common_modes(embedded, cli) {
            cells.extend(cells_of_pair(embedded, cli, acquire));
        }
    }
    let mut cells: Vec<_> = cells
        .into_iter()
        .map(|planned| planned.with_params(Amount::Requests(0)))
        .collect();
    // The same system twice under two names: no difference smaller than theirs is called one.
    let control = pairs().next().map(|(_, cli)| cli);
    let twin = cells
        .iter()
        .find(|planned| {
            Some(planned.system) == control
                && planned.observer == Observer::None
                && planned.without == Without::Nothing
        })
        .map(Planned::twin);
    cells.extend(twin);
    cells
}

/// The same start of both systems: as they usually are, and with one difference after another left out
/// until all are equal that can be. Both ends are taken apart too, by the same observer.
fn cells_of_pair(embedded: System, cli: System, acquire: Acquire) -> Vec<Planned> {
    let scenario = if acquire.compiles() {
        Scenario::CodeCold
    } else {
        Scenario::WarmDisk
    };
    let start = |system| Planned::start(system, Workload::HttpHello, Some(acquire), scenario);
    let observed = |system, observer| Planned {
        observer,
        ..start(system)
    };
    let mut cells = vec![observed(embedded, Observer::Own)];
    for system in [embedded, cli] {
        let differences = system.differences(Some(acquire));
        let without = |without| Planned {
            without,
            ..start(system)
        };
        cells.push(observed(system, Observer::None));
        cells.push(observed(system, Observer::Seccomp));
        let rungs = (1..=differences.len()).map(|n| Without::Differences(&differences[..n]));
        cells.extend(rungs.map(without));
        cells.push(without(Without::Work));
        if !differences.is_empty() {
            cells.push(Planned {
                observer: Observer::Seccomp,
                ..without(Without::Differences(differences))
            });
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use results::Param;

    use super::*;

    #[test]
    fn every_difference_is_one_rung_from_a_cell_that_is_planned_too() {
        let cells = cells();
        let mut names: Vec<_> = cells.iter().map(|it| it.cell.to_string()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "a cell is planned twice");
        for (embedded, cli) in pairs() {
            for acquire in common_modes(embedded, cli) {
                for system in [embedded, cli] {
                    let rungs: Vec<_> = cells
                        .iter()
                        .filter(|it| it.system == system && it.acquire == Some(acquire))
                        .filter(|it| it.observer == Observer::None && !it.cell.system.is_twin())
                        .filter(|it| it.without != Without::Work)
                        .map(|it| it.cell.params.get(Param::Without).unwrap_or_default())
                        .collect();
                    assert_eq!(rungs[0], "", "{}", system.name());
                    for (rung, before) in rungs[1..].iter().zip(&rungs) {
                        let added = rung.strip_prefix(before).unwrap();
                        let added = added.trim_start_matches('+');
                        assert!(!added.is_empty() && !added.contains('+'), "{rung}");
                    }
                }
            }
        }
    }
}
