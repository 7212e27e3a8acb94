//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::command::{Exit, share};
use campaign::Programs;
use systems::BASELINE;

/// The command line's definition: help, completions and man pages are made of it.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// From samples to findings. Reads results/raw, writes results/processed; starts no process, opens
/// no socket.
#[derive(Debug, Parser)]
#[command(name = "analysis", version, after_help = exit_codes())]
pub struct Arguments {
    /// Folders.
    #[command(flatten)]
    pub folders: Folders,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where runs are, and where reports go.
#[derive(Debug, Args)]
pub struct Folders {
    /// The folder with the runs [default: results/raw of this checkout]
    #[arg(long = "in", global = true, value_name = "FOLDER")]
    pub raw: Option<PathBuf>,
    /// The folder for the reports [default: results/processed of this checkout]
    #[arg(long = "out", global = true, value_name = "FOLDER")]
    pub processed: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the whole report of a run: a page, Markdown, LaTeX, tables, pictures
    Report {
        /// Its name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// Show which systems meet this, such as "disk-cold p95 < 20ms, memory < 10MB"; may be given
        /// several times
        #[arg(long, value_name = "CONDITIONS")]
        objective: Vec<String>,
    },
    /// Check whether a build is slower than an earlier one, from one run of each or several; the exit
    /// code says so too
    Compare {
        /// The earlier run
        #[arg(required_unless_present = "before", requires = "later")]
        earlier: Option<String>,
        /// The later run
        later: Option<String>,
        /// Several earlier runs; five or more a side for a verdict on absolute times
        #[arg(long, value_name = "RUN", num_args = 1.., requires = "after",
            conflicts_with = "earlier")]
        before: Vec<String>,
        /// Several later runs
        #[arg(long, value_name = "RUN", num_args = 1.., requires = "before",
            conflicts_with = "earlier")]
        after: Vec<String>,
        /// The system that times are held against, as ratios within a run
        #[arg(long, value_name = "SYSTEM", default_value = BASELINE)]
        control: String,
    },
    /// Check a run and its report: schema, plan, sums, counts, checksums, every published number
    Verify {
        /// Its name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
    },
    /// Pack a run and its report into one archive
    Bundle {
        /// Its name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// For strangers: without paths, the names of user and machine, the values of command lines
        #[arg(long)]
        redact: bool,
    },
    /// Write one row a sample, for other tools
    Export {
        /// Its name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// The form
        #[arg(long, value_enum, default_value_t = Form::Csv)]
        format: Form,
        /// For strangers: without paths, and the names of user and machine
        #[arg(long)]
        redact: bool,
    },
    /// From a pilot run: what so many samples can find, and how many a difference needs
    Plan {
        /// The pilot's name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// Planned samples per cell
        #[arg(long, value_name = "N")]
        samples: usize,
        /// The relative difference to find
        #[arg(long, default_value = "5%", value_parser = share)]
        effect: f64,
    },
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Text
    Csv,
    /// Columns
    Parquet,
}

fn exit_codes() -> String {
    let lines: Vec<_> = Exit::table_of(Programs::Analysis)
        .map(|(exit, text)| format!("  {:>3}  {text}", exit.code()))
        .collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}
