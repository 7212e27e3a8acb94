//! The commands that measure.

use std::path::PathBuf;
use std::time::Duration;

use campaign::argument;
use campaign::duration::parse_seconds;
use campaign::run::Format;
use clap::{Args, ValueEnum};
use host_probe::settings::Value;
use serde::{Deserialize, Serialize};

use super::own::OwnArguments;

#[derive(Debug, Args)]
pub(crate) struct Phases {
    /// Which cells to measure [default: quick]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// Measure only this workload (repeatable): hello, cpu-hash, http-hello, http-cpu, http-echo,
    /// http-state
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Vec<String>,
    /// Set a parameter in every cell (repeatable; the same key twice measures both values)
    #[arg(long, value_name = "KEY=VALUE", value_parser = Value::parse, long_help = select_help())]
    pub(crate) select: Vec<Value>,
    /// Samples of each cell [default: by profile]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) samples: Option<u32>,
    /// Seed of the order of samples [default: random]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// A guest of one's own.
    #[command(flatten)]
    pub(crate) own: OwnArguments,
    /// Time limit of a guest's answer, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) time_limit: Option<Duration>,
    /// Limit of a guest's memory, in MiB [default: 1024]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=4_194_304))]
    pub(crate) memory_limit: Option<u64>,
    /// Set what a pooling allocator is given (repeatable): `table_elements`, `tables`, `memories`,
    /// `instance_bytes`, `slots`, `memory_kept_bytes`, `table_kept_bytes`, `stack_kept_bytes`,
    /// `pagemap_scan`, `warm_slots`, `decommit_batch`; or all of them: `tuned`, `default`
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) pool: Vec<String>,
    /// The folder that runs are kept in [default: results/raw of the checkout; installed: ./results/raw]
    #[arg(long, value_name = "FOLDER", value_parser = argument::path())]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run: its name, or `latest`. What its record masks of an own artifact's call, and
    /// of what it is given, is given again: --request, --header, --env, …
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = [
            "profile", "workload", "select", "samples", "seed", "artifact", "time_limit",
            "memory_limit", "pool", "list",
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
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) instances: Vec<u32>,
    /// Workload that answers requests [default: http-hello]
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,
    /// Measure only this allocator or this way to fill memories, or move a lever of the engine in every
    /// cell (repeatable; the same key twice measures both values): `allocator=pooling`, `memory_reservation=64MiB`
    #[arg(long, value_name = "KEY=VALUE", value_parser = Value::parse)]
    pub(crate) select: Vec<Value>,
    /// A service of one's own.
    #[command(flatten)]
    pub(crate) own: OwnArguments,
    /// Samples of each cell [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) samples: Option<u32>,
    /// Seed of the order of samples [default: random]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The folder that runs are kept in [default: results/raw of the checkout; installed: ./results/raw]
    #[arg(long, value_name = "FOLDER", value_parser = argument::path())]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an interrupted run: its name, or `latest`
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["instances", "workload", "select", "samples", "seed", "artifact"]
    )]
    pub(crate) resume: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Overhead {
    /// Launches of each kind
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(6..=10_000)
    )]
    pub(crate) samples: u32,
}

/// Which cells are measured where nothing is selected.
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
    /// What a pool costs a start, over its slots: under a minute.
    Slots,
    /// Two workloads, each setting of Wasmtime moved on its own from where it stands, and ranked by
    /// what that does: some two minutes. What should be switched on?
    Levers,
}

fn select_help() -> String {
    use std::fmt::Write as _;
    let mut help = "Set a parameter in every cell (repeatable; the same key twice measures both \
        values):"
        .to_owned();
    let parameters = host_probe::settings::parameters();
    let width = parameters.iter().map(|(key, _)| key.len()).max();
    let width = width.unwrap_or_default();
    for (key, values) in parameters {
        let names: Vec<_> = values.iter().map(|value| value.name()).collect();
        let _ = write!(help, "\n  {key:<width$}  {}", names.join(", "));
    }
    help
}
