//! The command line, and which command does what.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::command::{self, Error, Exit, Format, Target};
use campaign::Programs;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use findings::Options;
use findings::questions::objectives;

/// From samples to findings. Reads results/raw, writes results/processed; starts no process, opens
/// no socket.
#[derive(Debug, Parser)]
#[command(name = "analysis", version, after_help = exit_codes())]
struct Arguments {
    #[command(flatten)]
    folders: Folders,
    #[command(subcommand)]
    command: Command,
}

/// Where runs are, and where reports go.
#[derive(Debug, Args)]
struct Folders {
    /// The folder with the runs [default: results/raw of this checkout]
    #[arg(long = "in", global = true, value_name = "FOLDER")]
    raw: Option<PathBuf>,
    /// The folder for the reports [default: results/processed of this checkout]
    #[arg(long = "out", global = true, value_name = "FOLDER")]
    processed: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write the whole report of a run: a page, Markdown, LaTeX, tables, pictures
    Report {
        /// Its name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// Show which systems meet this, such as "cold p95 < 20ms, memory < 10MB"; may be given
        /// several times
        #[arg(long, value_name = "CONDITIONS")]
        objective: Vec<String>,
    },
    /// Check whether a run is slower than an earlier one; the exit code says so too
    Compare {
        /// The earlier run
        earlier: String,
        /// The later run
        later: String,
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
    },
    /// Write one row a sample, for other tools
    Export {
        /// Its name, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// The form
        #[arg(long, value_enum, default_value_t = Form::Csv)]
        format: Form,
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
        #[arg(long, default_value = "5%", value_parser = command::share)]
        effect: f64,
    },
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
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

/// Data goes to standard output, everything else to standard error.
fn print(text: &str) {
    // A reader that has gone away is no failure of the report.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) => {
            warn(&error.to_string());
            error.exit.into()
        }
    }
}

fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let results = results::checkout::root().join("results");
    let raw = arguments
        .folders
        .raw
        .clone()
        .unwrap_or_else(|| results.join("raw"));
    let out = arguments
        .folders
        .processed
        .clone()
        .unwrap_or_else(|| results.join("processed"));
    match &arguments.command {
        Command::Report { run, objective } => {
            for conditions in objective {
                objectives::parse(conditions)
                    .map_err(|error| Error::new(Exit::Usage, error.to_string()))?;
            }
            let report = command::report(
                &raw,
                &out,
                run,
                Options {
                    objectives: objective.clone(),
                },
            )?;
            report.notes.iter().for_each(|note| warn(note));
            print(&report.folder.join("report.html").display().to_string());
            Ok(report.exit)
        }
        Command::Compare { earlier, later } => {
            let compared = command::compare(&raw, earlier, later)?;
            print(&compared.text);
            Ok(compared.exit)
        }
        Command::Verify { run } => {
            let verified = command::verify(&raw, &out, run)?;
            print(&verified.text());
            Ok(verified.exit)
        }
        Command::Bundle { run } => {
            print(&command::bundle(&raw, &out, run)?.display().to_string());
            Ok(Exit::Ok)
        }
        Command::Export { run, format } => {
            let format = if *format == Form::Csv {
                Format::Csv
            } else {
                Format::Parquet
            };
            print(
                &command::export(&raw, &out, run, format)?
                    .display()
                    .to_string(),
            );
            Ok(Exit::Ok)
        }
        Command::Plan {
            run,
            samples,
            effect,
        } => {
            print(&command::plan(
                &raw,
                run,
                Target {
                    samples: *samples,
                    effect: *effect,
                },
            )?);
            Ok(Exit::Ok)
        }
    }
}

/// Every command with its flags: the source of `--help`, of shell completions and of man pages.
pub fn command() -> clap::Command {
    Arguments::command()
}
