//! `external compare`: questions that are asked of several systems at once.
//!
//! `embedded-vs-cli`: the same engine at the same version, embedded and under its own command line,
//! aligned where both do the same work. `cold-start`: every system's start on one axis, and a
//! container's start peeled into its layers.

use std::path::PathBuf;

use campaign::run::{self, Format};
use campaign::{Error, Exit};
use clap::{Args, ValueEnum};
use results::record::Scenario;
use results::run_folder;
use summary::View;
use workloads::Workload;

use crate::suite::plan::{self, Observer, Planned};
use crate::suite::settings::Settings;
use crate::suite::{Campaign, Systems, settings};
use crate::system::{Acquire, Name, WORK};

/// The command line of `external compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArguments {
    /// What is compared with what
    #[arg(value_enum)]
    what: What,
    /// Samples of each cell
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    samples: u32,
    /// What the order of samples is drawn from [default: drawn]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Go on with an interrupted run: its name, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["samples", "seed"])]
    resume: Option<String>,
    /// The folder that runs are kept in [default: results/raw of the checkout]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A comparison.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Each engine embedded, beside its own command line
    EmbeddedVsCli,
    /// Every system's cold start on one axis, and what each layer of a container adds
    ColdStart,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::EmbeddedVsCli => "embedded-vs-cli",
            Self::ColdStart => "cold-start",
        }
    }
}

/// What `cold-start` measures, in the words of a profile.
const COLD_START: &str = include_str!("../../profiles/cold-start.toml");

/// An engine under both of its systems, and the ways of coming by code that both have.
const PAIRS: [(Name, Name, &[Acquire]); 2] = [
    (
        Name::WasmtimeEmbedded,
        Name::WasmtimeCli,
        &[
            Acquire::Compile,
            Acquire::CacheHit,
            Acquire::DeserializeFile,
        ],
    ),
    (
        Name::WasmEdgeEmbedded,
        Name::WasmEdgeCli,
        &[Acquire::Interpret, Acquire::Aot],
    ),
];

/// Runs the comparison.
///
/// # Errors
/// What keeps it from beginning or from recording.
pub fn command(arguments: &CompareArguments) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let what = arguments.what;
    let out = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = arguments
        .resume
        .as_deref()
        .map(|run| run_folder::resolve(&out, run))
        .transpose()?;
    let settings = match (&resume, what) {
        (Some(run), _) => settings::of_run(&out.join(run))?,
        (None, What::EmbeddedVsCli) => Settings::of_comparison(arguments.samples, arguments.seed),
        (None, What::ColdStart) => {
            Settings::of_text(what.name(), COLD_START, arguments.samples, arguments.seed)
        }
    };
    let cells = match what {
        What::EmbeddedVsCli => cells(),
        What::ColdStart => plan::cells(&settings)?,
    };
    let systems = Systems::find(cells.iter().map(|planned| planned.system));
    let campaign = Campaign {
        settings: &settings,
        origins: &settings::Origins::new(),
        cells: &cells,
        systems: &systems,
    };
    let view = match what {
        What::EmbeddedVsCli => View::EnginePairs,
        What::ColdStart => View::ColdStart,
    };
    campaign
        .run(
            arguments.out.as_deref(),
            resume.as_deref(),
            arguments.format,
            view,
            &format!("external compare {}", what.name()),
        )
        .map(|(exit, _)| exit)
}

fn cells() -> Vec<Planned> {
    let mut cells = Vec::new();
    for (embedded, cli, acquires) in PAIRS {
        for &acquire in acquires {
            let start = |system| {
                Planned::start(
                    system,
                    Workload::HttpHello,
                    Some(acquire),
                    Scenario::RuntimeCold,
                )
            };
            for observer in [Observer::None, Observer::Seccomp, Observer::Own] {
                cells.push(Planned {
                    observer,
                    ..start(embedded)
                });
            }
            for observer in [Observer::None, Observer::Seccomp] {
                cells.push(Planned {
                    observer,
                    ..start(cli)
                });
            }
            cells.extend([embedded, cli].map(|system| Planned {
                without: Some(WORK),
                ..start(system)
            }));
            cells.extend(cli.adapter().extras().iter().map(|extra| Planned {
                without: Some(extra.name),
                ..start(cli)
            }));
        }
    }
    let mut cells: Vec<_> = cells.into_iter().map(|planned| planned.named(0)).collect();
    // The same system twice under two names: no difference smaller than theirs is called one.
    let twin = cells.iter().find(|planned| {
        planned.system == Name::WasmtimeCli
            && planned.observer == Observer::None
            && planned.without.is_none()
    });
    if let Some(mut twin) = twin.cloned() {
        twin.cell.system.push_str("-aa");
        cells.push(twin);
    }
    cells
}
