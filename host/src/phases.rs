//! `host phases`: from a command line to a run folder and its summary.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use campaign::identity::checkout;
use campaign::terminal::print;
use campaign::{Error, Exit, run};
use host_probe::settings::{Engine, Parameter as _};
use machine::clock;
use results::SCHEMA_VERSION;
use results::manifest::{ArtifactFact, Manifest, Origin, Setting, System};
use summary::{Style, View};
use summary::{Style, View};

use crate::bench::{self, Embedded, Limits, Unfit};
use crate::cli::Phases;
use crate::options::{self, Options};
use crate::plan::{self, Start};
use crate::programs::Programs;
use crate::target::Target;

/// Runs the subcommand.
pub(crate) fn run(arguments: &Phases) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let results = arguments.out.clone().unwrap_or_else(run::default_results);
    // Resolved once: another run may become the latest one meanwhile.
    let resume = arguments
        .resume
        .as_deref()
        .map(|run| run_folder::resolve(&results, run))
        .transpose()?;
    let (options, origins) = options::of(arguments, resume.as_ref().map(|run| results.join(run)))?;
    let targets = options::targets(&options)?;
    let selected = options::selected(&options)?;
    let all = plan::starts(options.profile, &selected, &targets, &[]);
    // Looking at a plan builds nothing, and shows every engine's cells whether they can be measured
    // or not.
    if arguments.list {
        return list(&options, &all, &targets);
    }
    let programs =
        Programs::find(|engine| all.iter().any(|start| start.configuration.of == engine))?;
    let cannot: Vec<_> = Engine::ALL
        .iter()
        .copied()
        .filter(|engine| programs.of(*engine).is_err())
        .collect();
    let starts = plan::starts(options.profile, &selected, &targets, &cannot);
    if starts.is_empty() {
        return Err(Error::new(
            Exit::Usage,
            "nothing is left to measure: no engine here has all that was selected",
        )
        .hint("`--list` shows the cells of a profile; select fewer parameters"));
    }
    let limits = Limits {
        time: Duration::from_millis(options.time_limit_ms),
        memory_bytes: options.memory_limit_bytes,
    };
    let unfit = rehearse(&targets, &starts, &programs, limits)?;
    let manifest = manifest(&options, &origins, &starts, &targets, &programs);
    let (folder, manifest) = run::open(resume.as_deref(), &results, manifest)?;
    let (samples, ended) = run::measure(&folder, &manifest, |work| {
        Embedded::new(work, &targets, &programs, &unfit, starts, limits)
    })?;
    let out = arguments
        .out
        .as_ref()
        .map_or_else(String::new, |out| format!(" --out {}", out.display()));
    let resume = format!("cargo run -p host -- phases --resume {}{out}", folder.run());
    let findings = summary::findings(&manifest, &samples);
    run::finish(
        arguments.format,
        &folder,
        &manifest.systems,
        (&samples, ended),
        &|_, format, width, colour| {
            summary::format(&findings, format, View::Phases, Style { width, colour })
        },
        &resume,
    )
}

/// Tries every target once. What Wasmtime cannot run is an error; what only another engine cannot
/// run is a row that says so.
fn rehearse(
    targets: &[Target],
    starts: &[Start],
    programs: &Programs,
    limits: Limits,
) -> Result<Unfit, Error> {
    let mut unfit = Unfit::new();
    for (at, target) in targets.iter().enumerate() {
        for engine in &target.engines {
            let planned = |start: &Start| start.target == at && start.configuration.of == *engine;
            let Ok(program) = programs.of(*engine) else {
                continue;
            };
            if !starts.iter().any(planned) {
                continue;
            }
            match bench::rehearse(&program.path, *engine, target, limits) {
                Ok(()) => {}
                Err(failure) if *engine == Engine::Wasmtime => {
                    return Err(bench::start_failed(
                        &target.path.display().to_string(),
                        &failure,
                    ));
                }
                Err(failure) => {
                    unfit.insert(
                        (at, *engine),
                        format!("{} cannot run it: {failure}", engine.name()),
                    );
                }
            }
        }
    }
    Ok(unfit)
}

fn list(options: &Options, starts: &[Start], targets: &[Target]) -> Result<Exit, Error> {
    let ms: f64 = starts
        .iter()
        .map(|start| plan::estimate_ms(start, targets))
        .sum::<f64>()
        * f64::from(options.samples);
    let mut text = String::new();
    for start in starts {
        text.push_str(&format!("{}\n", start.cell));
    }
    let samples = starts.len() as u64 * u64::from(options.samples);
    text.push_str(&format!(
        "{} cells × {} samples = {samples} starts, seed {}; about {} on two cores like the \
            authors'\n",
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
    let (commit, dirty) = checkout(run::workspace());
    let config =
        serde_json::to_value(options).expect("options are plain data: they always serialise");
    let config = config
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let origin = origins
                .get(key.as_str())
                .copied()
                .unwrap_or(Origin::Default);
            (
                key.clone(),
                Setting {
                    value: value.clone(),
                    origin,
                },
            )
        });
    let sha256 = programs
        .of(Engine::Wasmtime)
        .map_or_else(|_| String::new(), |program| program.sha256.clone());
    Manifest {
        schema: SCHEMA_VERSION,
        run: campaign::identity::new_run_name(options.seed),
        created_at: clock::wall_clock(),
        command_line: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        config: config.collect(),
        seed: options.seed,
        samples_per_cell: options.samples,
        cells: starts.iter().map(|start| start.cell.clone()).collect(),
        commit,
        dirty,
        build: campaign::run::build(sha256),
        machine: machine::facts::read(Path::new("/")),
        systems: systems(starts, programs),
        artifacts: artifacts(targets),
    }
}

/// Each system that has cells, under each of its names.
fn systems(starts: &[Start], programs: &Programs) -> Vec<System> {
    let mut systems: Vec<System> = Vec::new();
    for start in starts {
        if systems
            .iter()
            .any(|system| system.name == start.cell.system)
        {
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_engine_version_is_the_one_that_is_linked() {
        use host::engine::wasmtime::{MAJOR, VERSION};
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{VERSION}\"")));
        assert!(VERSION.starts_with(&format!("{MAJOR}.")));
    }
}
