//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::command::{Exit, Format, Tool, params, share};
use campaign::{Programs, argument};
use results::{Params, Scenario};
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
    /// The folder with the runs [default: results/raw of the checkout; installed: ./results/raw]
    #[arg(long = "in", global = true, value_name = "FOLDER", value_parser = argument::path())]
    pub raw: Option<PathBuf>,
    /// The folder for the reports [default: results/processed of the checkout; installed:
    /// ./results/processed]
    #[arg(long = "out", global = true, value_name = "FOLDER", value_parser = argument::path())]
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
    /// code says so too. Systems beside each other: `external compare`
    // Its name is no other program's: behind the front door they are one.
    #[command(name = "compare-runs", alias = "compare")]
    Compare(CompareArguments),
    /// Keep runs under a name, to compare later ones with
    Baseline {
        /// What to do with it.
        #[command(subcommand)]
        action: BaselineAction,
    },
    /// Make a run of what another tool has measured; it is marked as foreign
    Import(ImportArguments),
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
    /// Write the samples or the figures of a run, for other tools
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

/// Which runs are compared.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// The earlier run and the later one; with --baseline the later one alone [default then:
    /// latest]
    #[arg(value_name = "RUN", num_args = 0..=2)]
    pub runs: Vec<String>,
    /// The runs that are kept under this name, as the earlier ones
    #[arg(long, value_name = "NAME", conflicts_with = "before")]
    pub baseline: Option<String>,
    /// Several earlier runs; five or more a side for a verdict on absolute times
    #[arg(long, value_name = "RUN", num_args = 1.., requires = "after",
        conflicts_with = "runs")]
    pub before: Vec<String>,
    /// Several later runs
    #[arg(long, value_name = "RUN", num_args = 1.., conflicts_with = "runs")]
    pub after: Vec<String>,
    /// The system that times are held against, as ratios within a run
    #[arg(long, value_name = "SYSTEM", default_value = BASELINE)]
    pub control: String,
    /// The form
    #[arg(long, value_enum, default_value_t = CompareForm::Text)]
    pub format: CompareForm,
}

/// What is imported.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The tool that wrote the file
    #[arg(value_enum)]
    pub tool: ImportTool,
    /// The file
    #[arg(value_parser = argument::path())]
    pub file: PathBuf,
    /// What was measured, where the file does not say
    #[arg(long, value_name = "NAME", default_value = "foreign")]
    pub workload: String,
    /// What a start found, where the file does not say
    #[arg(long, value_name = "SCENARIO", default_value = "warm-disk", value_parser = scenario)]
    pub scenario: Scenario,
    /// The parameters of the cells where the file does not say: `key=value`, parted by spaces
    #[arg(long, value_name = "PARAMETERS", default_value = "", value_parser = params)]
    pub params: Params,
    /// The system that a command is (repeatable) [default: a name made of the command]
    #[arg(long, value_name = "COMMAND=NAME", value_parser = renaming)]
    pub system: Vec<(String, String)>,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub enum BaselineAction {
    /// Keep runs under a name: copies, beside the folder of runs
    Save {
        /// The name
        name: String,
        /// The runs: names, or `latest`
        #[arg(default_value = "latest")]
        runs: Vec<String>,
        /// Replace the one that is there
        #[arg(long)]
        replace: bool,
    },
    /// Show all
    List,
    /// Remove one
    Remove {
        /// Its name
        name: String,
    },
}

/// Forms of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompareForm {
    /// Lines of text
    Text,
    /// A comment on a pull request
    Markdown,
}

/// Tools whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportTool {
    /// What `hyperfine --export-json` writes
    Hyperfine,
    /// A table with a row for each sample
    Csv,
}

impl From<ImportTool> for Tool {
    fn from(tool: ImportTool) -> Self {
        match tool {
            ImportTool::Hyperfine => Self::Hyperfine,
            ImportTool::Csv => Self::Csv,
        }
    }
}

/// A scenario of starts, by its name.
fn scenario(name: &str) -> Result<Scenario, String> {
    let starts = Scenario::ALL.into_iter().filter(|it| it.starts());
    Scenario::from_name(name)
        .filter(|scenario| scenario.starts())
        .ok_or_else(|| {
            let known: Vec<_> = starts.map(Scenario::name).collect();
            format!("there are {}", known.join(", "))
        })
}

/// `COMMAND=NAME`; the command may have such signs itself.
fn renaming(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=');
    let (command, name) = parts.ok_or("expected COMMAND=NAME")?;
    Ok((command.to_owned(), name.to_owned()))
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One row a sample, as text
    Csv,
    /// One row a sample, as columns
    Parquet,
    /// Starts, as hyperfine's --export-json has them
    Hyperfine,
    /// Bencher's metric format
    Bencher,
    /// The JSON of github-action-benchmark, customSmallerIsBetter
    Github,
    /// OpenMetrics' text, as Prometheus reads it
    Openmetrics,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Csv => Self::Csv,
            Form::Parquet => Self::Parquet,
            Form::Hyperfine => Self::Hyperfine,
            Form::Bencher => Self::Bencher,
            Form::Github => Self::Github,
            Form::Openmetrics => Self::Openmetrics,
        }
    }
}

fn exit_codes() -> String {
    let lines: Vec<_> = Exit::table_of(Programs::Analysis)
        .map(|(exit, text)| format!("  {:>3}  {text}", exit.code()))
        .collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}
