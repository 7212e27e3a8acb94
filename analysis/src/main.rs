//! From a run to its report: reads what was measured, starts nothing, connects nowhere.

use std::path::Path;
use std::process::ExitCode;

use analysis::cli::{
    Arguments, BaselineAction, Command, CompareArguments, CompareForm, ImportArguments,
};
use analysis::command::{self, Error, Exit, Meaning, Runs};
use campaign::front_door::Manner;
use campaign::terminal;
use clap::FromArgMatches as _;
use findings::Options;
use findings::planning::Target;
use findings::questions::objectives;
use results::installation::Installation;

/// Data goes to standard output, everything else to standard error.
fn print(text: &str) -> Result<(), Error> {
    terminal::print(&format!("{text}\n"))
}

fn main() -> ExitCode {
    let command = Manner::here().reword_help(analysis::cli::command());
    let arguments = Arguments::from_arg_matches(&command.get_matches());
    match run(&arguments.unwrap_or_else(|error| error.exit())) {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal::say(&error.to_string());
            error.exit.into()
        }
    }
}

fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let results = Installation::here().results();
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
        Command::Compare(arguments) => compare(&raw, arguments),
        Command::Baseline { action } => baseline(&raw, action),
        Command::Import(arguments) => import(&raw, arguments),
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
            let export = if *redact {
                command::export_redacted
            } else {
                command::export
            };
            print(
                &export(&raw, &out, run, (*format).into())?
                    .display()
                    .to_string(),
            )?;
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

fn compare(raw: &Path, arguments: &CompareArguments) -> Result<Exit, Error> {
    let (before, after) = sides(raw, arguments)?;
    let compared = command::compare_sides(&before, &after, &arguments.control)?;
    print(match arguments.format {
        CompareForm::Text => &compared.text,
        CompareForm::Markdown => &compared.markdown,
    })?;
    Ok(compared.exit)
}

/// The runs of both sides, as the command line names them.
fn sides(raw: &Path, arguments: &CompareArguments) -> Result<(Runs, Runs), Error> {
    let here = |names: &[String]| Runs {
        folder: raw.to_owned(),
        names: names.to_vec(),
    };
    let CompareArguments { before, after, .. } = arguments;
    let kept = arguments.baseline.as_deref();
    let kept = kept.map(|name| command::kept(raw, name)).transpose()?;
    match (kept, arguments.runs.as_slice(), after.as_slice()) {
        (Some(kept), [], []) => Ok((kept, here(&["latest".to_owned()]))),
        (Some(kept), [later], []) => Ok((kept, here(std::slice::from_ref(later)))),
        (Some(kept), [], after) => Ok((kept, here(after))),
        (None, [earlier, later], []) => Ok((
            here(std::slice::from_ref(earlier)),
            here(std::slice::from_ref(later)),
        )),
        (None, [], after) if !before.is_empty() => Ok((here(before), here(after))),
        _ => Err(
            Error::new(Exit::Usage, "it is not said which runs are compared").hint(
                "`analysis compare-runs EARLIER LATER`, `analysis compare-runs --baseline NAME`, or --before and --after \
                    with several runs each",
            ),
        ),
    }
}

fn import(raw: &Path, arguments: &ImportArguments) -> Result<Exit, Error> {
    let meaning = Meaning {
        workload: arguments.workload.clone(),
        scenario: arguments.scenario,
        params: arguments.params.clone(),
        systems: arguments.system.clone(),
    };
    let imported = command::import(raw, arguments.tool.into(), &arguments.file, &meaning)?;
    imported.notes.iter().for_each(|note| terminal::say(note));
    print(&imported.folder.display().to_string())?;
    Ok(Exit::Ok)
}

fn baseline(raw: &Path, action: &BaselineAction) -> Result<Exit, Error> {
    match action {
        BaselineAction::Save {
            name,
            runs,
            replace,
        } => {
            let kept = command::save_baseline(raw, name, runs, *replace)?;
            terminal::say(&format!(
                "{} is kept as `{}`; `analysis compare-runs --baseline {}` compares the latest run with it",
                kept.runs.join(", "),
                kept.name,
                kept.name
            ));
        }
        BaselineAction::List => {
            for kept in command::baselines(raw) {
                print(&format!("{}: {}", kept.name, kept.runs.join(", ")))?;
            }
        }
        BaselineAction::Remove { name } => command::remove_baseline(raw, name)?,
    }
    Ok(Exit::Ok)
}
