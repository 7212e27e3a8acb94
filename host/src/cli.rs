//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use campaign::run::Format;
use host_probe::settings::Value;

/// Where a Wasm cold start goes, phase by phase.
#[derive(Debug, Parser)]
#[command(name = "host", version, about, after_help = exit_codes())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take cold starts of an embedded engine apart.
    Phases(Box<Phases>),
    /// Measure what instances take in one process, from one to ten thousand: memory, and the time
    /// to start one more.
    Density(Density),
    /// Measure what the harness itself costs: a probe's launch beside that of a program that
    /// returns at once.
    Overhead(Overhead),
}

#[derive(Debug, Args)]
pub(crate) struct Phases {
    /// Which cells to measure [default: quick]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// Only this workload (repeatable): hello, cpu-hash, http-hello, http-cpu, http-echo,
    /// http-state
    #[arg(long, value_name = "NAME", conflicts_with = "artifact")]
    pub(crate) workload: Vec<String>,
    /// Set a parameter in every cell (repeatable; the same key twice measures both values)
    #[arg(long, value_name = "KEY=VALUE", value_parser = Value::parse, long_help = select_help())]
    pub(crate) select: Vec<Value>,
    /// Samples for each cell [default: by profile]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) samples: Option<u32>,
    /// What the order of samples is drawn from [default: drawn]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Bring your own: measure this core module or component instead of the built-in workloads
    #[arg(long, value_name = "FILE")]
    pub(crate) artifact: Option<PathBuf>,
    /// What to ask a service [default: "GET /"]
    #[arg(long, value_name = "METHOD /TARGET [BODY]", requires = "artifact")]
    pub(crate) request: Option<String>,
    /// What it must answer: a status or exit code, or a body; `status:` and `body:` say which
    #[arg(long, value_name = "ANSWER", requires = "artifact")]
    pub(crate) expect: Option<String>,
    /// An argument for a command (repeatable)
    #[arg(
        long,
        value_name = "ARGUMENT",
        requires = "artifact",
        allow_hyphen_values = true
    )]
    pub(crate) arg: Vec<String>,
    /// How long a guest may take to answer, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) time_limit: Option<Duration>,
    /// How large a guest's memory may become, in MiB [default: 1024]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4_194_304))]
    pub(crate) memory_limit: Option<u64>,
    /// The folder that runs are kept in [default: results/raw of the checkout]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run: its name, or `latest`
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = [
            "profile", "workload", "select", "samples", "seed", "artifact", "request", "expect", "arg", "time_limit",
            "memory_limit", "list",
        ]
    )]
    pub(crate) resume: Option<String>,
    /// Print what would be measured and about how long it would take, and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Density {
    /// Numbers of instances (repeatable, or with commas) [default: 1, 100, 1000, 5000, 10000]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) instances: Vec<u32>,
    /// The workload: one that answers requests [default: http-hello]
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,
    /// Samples for each cell [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) samples: Option<u32>,
    /// What the order of samples is drawn from [default: drawn]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The folder that runs are kept in [default: results/raw of the checkout]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run: its name, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["instances", "workload", "samples", "seed"])]
    pub(crate) resume: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Overhead {
    /// Launches of each kind
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(6..=10_000))]
    pub(crate) samples: u32,
}

/// Which cells are measured when nothing is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Profile {
    /// Two workloads, the values that matter most: under a minute.
    #[default]
    Quick,
    /// All workloads, each parameter varied on its own: some minutes.
    Standard,
    /// All workloads, all parameters crossed: some ten minutes.
    Full,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let duration = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let possible = Duration::from_millis(1)..=Duration::from_hours(24);
    duration
        .filter(|duration| possible.contains(duration))
        .ok_or_else(|| "expected seconds from 0.001 to 86400".to_owned())
}

fn select_help() -> String {
    use std::fmt::Write as _;
    let mut help = "Set a parameter in every cell (repeatable; the same key twice measures both \
        values):"
        .to_owned();
    for (key, values) in host_probe::settings::parameters() {
        let _ = write!(help, "\n  {key:<16} {}", values.join(", "));
    }
    help
}

fn exit_codes() -> String {
    use std::fmt::Write as _;
    // Three commands are parsed elsewhere and by hand, since a start would pay for this parser.
    let mut help =
        "And, each with a --help of its own:\n  serve     Serve a component over HTTP/1.1, and \
            start fast\n  run       Run a command to its end, and start fast\n  compile   Compile \
            a guest ahead of time for `serve` and `run`\n\nExit codes:"
            .to_owned();
    for (exit, meaning) in campaign::Exit::TABLE {
        let _ = write!(help, "\n  {:<4} {meaning}", exit as u8);
    }
    help
}
