//! `host phases`: from a command line to a run folder and its summary.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use analysis::Summary;
use host_probe::settings::{Engine, Parameter as _};
use results::campaign::{self, Ended, Plan};
use results::ledger::Ledger;
use results::machine::Machine;
use results::manifest::{ArtifactFact, Build, Manifest, Origin, Setting, System, checkout};
use results::record::Outcome;
use results::run_folder::{self, RunFolder};
use results::{SCHEMA_VERSION, Sample, clock};

use crate::bench::{self, Embedded, Limits, Unfit};
use crate::cli::{Format, Phases};
use crate::error::{Error, Exit};
use crate::options::{self, Options};
use crate::plan::{self, Start};
use crate::programs::Programs;
use crate::progress::Progress;
use crate::target::Target;

/// Different reasons for unusable samples that are printed: the ledger has all.
const REASONS_SHOWN: usize = 8;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Phases) -> Result<Exit, Error> {
    refuse_debug_build(cfg!(debug_assertions))?;
    let results = arguments.out.clone().unwrap_or_else(default_results);
    // Resolved once: another run may become the latest one meanwhile.
    let resume = arguments.resume.as_deref().map(|run| run_folder::resolve(&results, run)).transpose()?;
    let (options, origins) = options::of(arguments, resume.as_ref().map(|run| results.join(run)))?;
    let targets = options::targets(&options)?;
    let selected = options::selected(&options)?;
    let all = plan::starts(options.profile, &selected, &targets, &[]);
    // Looking at a plan builds nothing, and shows every engine's cells whether they can be measured or not.
    if arguments.list {
        return list(&options, &all, &targets);
    }
    let programs = Programs::find(|engine| all.iter().any(|start| start.configuration.of == engine))?;
    let cannot: Vec<_> = Engine::ALL.iter().copied().filter(|engine| programs.of(*engine).is_err()).collect();
    let starts = plan::starts(options.profile, &selected, &targets, &cannot);
    if starts.is_empty() {
        return Err(Error::new(Exit::Usage, "nothing is left to measure: no engine here has all that was selected")
            .hint("`--list` shows the cells of a profile; select fewer parameters"));
    }
    let limits =
        Limits { time: Duration::from_millis(options.time_limit_ms), memory_bytes: options.memory_limit_bytes };
    let unfit = rehearse(&targets, &starts, &programs, limits)?;
    let manifest = manifest(&options, &origins, &starts, &targets, &programs);
    let (folder, manifest) = open(resume.as_deref(), &results, manifest)?;
    let (samples, ended) =
        measure(&options, &folder, &manifest, |work| Embedded::new(work, &targets, &programs, &unfit, starts, limits))?;
    finish(arguments, &folder, &manifest, &samples, ended)
}

/// Tries every target once. What Wasmtime cannot run is an error; what only another engine cannot run is a row that says so.
fn rehearse(targets: &[Target], starts: &[Start], programs: &Programs, limits: Limits) -> Result<Unfit, Error> {
    let mut unfit = Unfit::new();
    for (at, target) in targets.iter().enumerate() {
        for engine in &target.engines {
            let planned = |start: &Start| start.target == at && start.configuration.of == *engine;
            let Ok(program) = programs.of(*engine) else { continue };
            if !starts.iter().any(planned) {
                continue;
            }
            match bench::rehearse(&program.path, *engine, target, limits) {
                Ok(()) => {}
                Err(failure) if *engine == Engine::Wasmtime => {
                    return Err(Error::of_start(&target.path.display().to_string(), &failure));
                }
                Err(failure) => {
                    unfit.insert((at, *engine), format!("{} cannot run it: {failure}", engine.name()));
                }
            }
        }
    }
    Ok(unfit)
}

/// Debug assertions are in the engine too and would be measured with it.
fn refuse_debug_build(debug_assertions: bool) -> Result<(), Error> {
    if debug_assertions {
        return Err(Error::new(
            Exit::Usage,
            "this binary has debug assertions on: its figures would be those of another program",
        )
        .hint("build it with the profiles as they are in the repository: `cargo run -p host -- phases`"));
    }
    Ok(())
}

/// The checkout's own folder of runs.
fn default_results() -> PathBuf {
    workspace().join("results/raw")
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

fn list(options: &Options, starts: &[Start], targets: &[Target]) -> Result<Exit, Error> {
    let ms: f64 =
        starts.iter().map(|start| plan::estimate_ms(start, targets)).sum::<f64>() * f64::from(options.samples);
    let mut text = String::new();
    for start in starts {
        text.push_str(&format!("{}\n", start.cell));
    }
    let samples = starts.len() as u64 * u64::from(options.samples);
    text.push_str(&format!(
        "{} cells × {} samples = {samples} starts, seed {}; about {} on two cores like the authors'\n",
        starts.len(),
        options.samples,
        options.seed,
        if ms < 120_000.0 {
            format!("{:.0} s", (ms / 1000.0).ceil())
        } else {
            format!("{:.0} min", (ms / 60_000.0).ceil())
        },
    ));
    print(&text)?;
    Ok(Exit::Ok)
}

fn manifest(
    options: &Options,
    origins: &BTreeMap<&'static str, Origin>,
    starts: &[Start],
    targets: &[Target],
    programs: &Programs,
) -> Manifest {
    let (commit, dirty) = checkout(workspace());
    let config = serde_json::to_value(options).expect("options are plain data: they always serialise");
    let config = config.as_object().into_iter().flatten().map(|(key, value)| {
        let origin = origins.get(key.as_str()).copied().unwrap_or(Origin::Default);
        (key.clone(), Setting { value: value.clone(), origin })
    });
    let sha256 = programs.of(Engine::Wasmtime).map_or_else(|_| String::new(), |program| program.sha256.clone());
    Manifest {
        schema: SCHEMA_VERSION,
        run: run_folder::new_run_name(options.seed),
        created_at: clock::wall_clock(),
        command_line: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        config: config.collect(),
        seed: options.seed,
        samples_per_cell: options.samples,
        cells: starts.iter().map(|start| start.cell.clone()).collect(),
        commit,
        dirty,
        build: Build {
            profile: env!("COLDPHASE_PROFILE").to_owned(),
            opt_level: env!("COLDPHASE_OPT_LEVEL").to_owned(),
            debug_assertions: cfg!(debug_assertions),
            target: env!("COLDPHASE_TARGET").to_owned(),
            rustc: env!("COLDPHASE_RUSTC_VERSION").to_owned(),
            sha256,
        },
        machine: Machine::read(Path::new("/")),
        systems: systems(starts, programs),
        artifacts: artifacts(targets),
    }
}

/// Each system that has cells, under each of its names.
fn systems(starts: &[Start], programs: &Programs) -> Vec<System> {
    let mut systems: Vec<System> = Vec::new();
    for start in starts {
        if systems.iter().any(|system| system.name == start.cell.system) {
            continue;
        }
        let program = programs.of(start.configuration.of);
        systems.push(System {
            name: start.cell.system.clone(),
            version: program.map_or_else(|_| "none".to_owned(), |program| program.version.clone()),
            sha256: program.ok().map(|program| program.sha256.clone()),
            unavailable: program.err().map(str::to_owned),
        });
    }
    systems
}

/// Each file once, with the workloads that it serves.
fn artifacts(targets: &[Target]) -> Vec<ArtifactFact> {
    let mut facts: Vec<ArtifactFact> = Vec::new();
    for target in targets {
        let path = target.path.display().to_string();
        match facts.iter_mut().find(|fact| fact.path == path) {
            Some(fact) => fact.workloads.push(target.name.clone()),
            None => facts.push(ArtifactFact {
                workloads: vec![target.name.clone()],
                path,
                bytes: target.bytes,
                sha256: target.sha256.clone(),
            }),
        }
    }
    facts
}

/// A new run's folder, or that of an earlier one if what is measured now belongs into it.
fn open(resume: Option<&str>, results: &Path, now: Manifest) -> Result<(RunFolder, Manifest), Error> {
    let Some(run) = resume else { return Ok((RunFolder::create(results, &now)?, now)) };
    let (folder, then) = RunFolder::open(results, run)?;
    if let Some(difference) = then.differs_from(&now) {
        return Err(Error::new(Exit::Resume, format!("{} cannot be resumed: {difference}", then.run))
            .hint("its samples stay as they are; start a new run"));
    }
    Ok((folder, then))
}

/// The campaign. Returns all samples of the run, earlier ones first.
fn measure<'a>(
    options: &Options,
    folder: &RunFolder,
    manifest: &Manifest,
    bench: impl FnOnce(PathBuf) -> std::io::Result<Embedded<'a>>,
) -> Result<(Vec<Sample>, Ended), Error> {
    let stop = stop_on_signals()?;
    let (mut ledger, contents) = Ledger::open(&folder.ledger())?;
    if let Some(torn) = contents.torn {
        say(&format!(
            "line {} of the ledger was never finished ({} bytes): it is measured again",
            torn.line, torn.bytes
        ));
    }
    let plan = Plan { cells: manifest.cells.clone(), samples_per_cell: options.samples, seed: options.seed };
    let work = folder.work()?;
    let mut bench = bench(work.clone()).map_err(|error| {
        Error::new(Exit::Results, format!("cannot prepare {}: {error}", work.display()))
            .hint("--out FOLDER puts runs elsewhere; it needs a writable disk with room")
    })?;
    let ended =
        campaign::run(&plan, folder.run(), &mut ledger, &contents.samples, &mut bench, &mut Progress::new(), &stop)?;
    if ended == Ended::Complete {
        // Caches and compiled code served their purpose; the records stay.
        let _ = std::fs::remove_dir_all(&work);
    }
    Ok((results::ledger::read(&folder.ledger())?.samples, ended))
}

/// The first interrupt ends the campaign after the sample that runs; the second one ends the program.
fn stop_on_signals() -> Result<Arc<AtomicBool>, Error> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Error::new(Exit::Internal, format!("cannot watch for signals: {error}")))?;
    }
    Ok(stop)
}

fn finish(
    arguments: &Phases,
    folder: &RunFolder,
    manifest: &Manifest,
    samples: &[Sample],
    ended: Ended,
) -> Result<Exit, Error> {
    let summary = Summary::of(samples);
    let path = folder.path().display();
    match arguments.format {
        Format::Table => {
            let (width, colour) = terminal();
            print(&format!("{}\nrun: {path}\n", analysis::report(&summary, width, colour)))?;
        }
        Format::Json => {
            let text = serde_json::to_string_pretty(&summary).expect("a summary is plain data: it always serialises");
            print(&(text + "\n"))?;
            say(&format!("run: {path}"));
        }
        Format::Csv => {
            print(&analysis::csv(&summary))?;
            say(&format!("run: {path}"));
        }
    }
    let unusable = samples.iter().filter(|sample| sample.outcome != Outcome::Ok);
    let reasons = bench::reasons(unusable.filter_map(|sample| sample.reason.as_deref()));
    for (reason, n) in reasons.iter().take(REASONS_SHOWN) {
        say(&format!("{n} × {reason}"));
    }
    if reasons.len() > REASONS_SHOWN {
        say(&format!("and {} other reasons: see {}", reasons.len() - REASONS_SHOWN, folder.ledger().display()));
    }
    if ended == Ended::Interrupted {
        let out = arguments.out.as_ref().map_or_else(String::new, |out| format!(" --out {}", out.display()));
        say(&format!("interrupted; go on with `cargo run -p host -- phases --resume {}{out}`", folder.run()));
        return Ok(Exit::Interrupted);
    }
    Ok(verdict(samples, &manifest.systems))
}

/// A system that this machine does not have is no failure of a run: its rows say so. A run of nothing else is one.
fn verdict(samples: &[Sample], systems: &[System]) -> Exit {
    let absent = |sample: &&Sample| {
        systems.iter().any(|system| system.name == sample.cell.system && system.unavailable.is_some())
    };
    let present: Vec<_> = samples.iter().filter(|sample| !absent(sample)).collect();
    let any = |outcome| present.iter().any(|sample| sample.outcome == outcome);
    if !any(Outcome::Ok) && !any(Outcome::Failed) {
        Exit::Nothing
    } else if any(Outcome::Failed) || any(Outcome::Skipped) {
        Exit::Samples
    } else {
        Exit::Ok
    }
}

/// Columns and whether to use colours.
fn terminal() -> (usize, bool) {
    let out = std::io::stdout();
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let on_terminal = out.is_terminal();
    let width = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    (columns.or(width).unwrap_or(120), on_terminal && !no_colour)
}

fn print(text: &str) -> Result<(), Error> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // `host phases | head` is no mistake.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Exit::Internal, format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_debug_assertions_refuses_to_measure() {
        assert!(refuse_debug_build(false).is_ok());
        assert_eq!(refuse_debug_build(true).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_engine_version_is_the_one_that_is_linked() {
        use host::engine::wasmtime::{MAJOR, VERSION};
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{VERSION}\"")));
        assert!(VERSION.starts_with(&format!("{MAJOR}.")));
    }
}
