//! From a run to its report: reads what was measured, starts nothing, connects nowhere.

use std::process::ExitCode;

use analysis::cli::{Arguments, Command, Form};
use analysis::command::{self, Error, Exit, Format};
use campaign::terminal;
use clap::Parser as _;
use findings::Options;
use findings::planning::Target;
use findings::questions::objectives;

/// Data goes to standard output, everything else to standard error.
fn print(text: &str) -> Result<(), Error> {
    terminal::print(&format!("{text}\n"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal::say(&error.to_string());
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
            report.notes.iter().for_each(|note| terminal::say(note));
            print(&report.folder.join("report.html").display().to_string())?;
            Ok(report.exit)
        }
        Command::Compare {
            earlier,
            later,
            before,
            after,
            control,
        } => {
            let compared = match (earlier, later) {
                (Some(earlier), Some(later)) => command::compare(&raw, earlier, later, control)?,
                _ => command::compare_several(&raw, before, after, control)?,
            };
            print(&compared.text)?;
            Ok(compared.exit)
        }
        Command::Verify { run } => {
            let verified = command::verify(&raw, &out, run)?;
            print(&verified.text())?;
            Ok(verified.exit)
        }
        Command::Bundle { run, redact } => {
            let bundle = if *redact {
                command::bundle_redacted
            } else {
                command::bundle
            };
            let bundled = bundle(&raw, &out, run)?;
            bundled.notes.iter().for_each(|note| terminal::say(note));
            print(&bundled.path.display().to_string())?;
            Ok(Exit::Ok)
        }
        Command::Export {
            run,
            format,
            redact,
        } => {
            let format = if *format == Form::Csv {
                Format::Csv
            } else {
                Format::Parquet
            };
            let export = if *redact {
                command::export_redacted
            } else {
                command::export
            };
            print(&export(&raw, &out, run, format)?.display().to_string())?;
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
            )?)?;
            Ok(Exit::Ok)
        }
    }
}
