//! `host phases`: from a command line to a run folder and its summary.

mod options;
mod rehearsals;

use std::time::Duration;

use campaign::manifest::{Identity, Measured};
use campaign::run::Format;
use campaign::terminal::{print, say};
use campaign::{Error, Exit, duration, report_offer, run};
use host_probe::settings::{Engine, Named as _};
use results::Skip;
use results::manifest::{Manifest, Order, System};
use summary::{Style, View};

use self::options::Options;
use self::rehearsals::Cast;
use super::{Origins, artifact_facts, config, read_config, resume_command};
use crate::bench::embedded::{self, Embedded};
use crate::bench::plan::{self, Start};
use crate::bench::programs::Programs;
use crate::bench::target::Target;
use crate::bench::{Limits, estimate};
use crate::cli::Phases;

/// Runs the subcommand.
pub(super) fn run(arguments: &Phases) -> Result<Exit, Error> {
    run::refuse_debug_build(cfg!(debug_assertions))?;
    let results = arguments.out.clone().unwrap_or_else(run::default_results);
    let resume = run::resolve_resumed(&results, arguments.resume.as_deref())?;
    let (options, origins) = match &resume {
        Some(run) => {
            let recorded: Options = read_config(&results.join(run))?;
            (recorded.resumed(arguments)?, Origins::new())
        }
        None => options::parse(arguments)?,
    };
    let targets = options.targets()?;
    let selected = options.selected()?;
    let mut all = plan::starts(options.profile, &selected, &targets, &[]);
    plan::set_pool(&mut all, options.pool);
    // Looking at a plan builds nothing, and shows every engine's cells whether they can be measured
    // or not.
    if arguments.list {
        return list(&options, &all, &targets);
    }
    let programs = Programs::find(&selected, |engine| {
        all.iter().any(|start| start.configuration.engine == engine)
    })?;
    let mut unavailable = Engine::ALL.to_vec();
    unavailable.retain(|engine| programs.get(*engine).is_err());
    let mut starts = plan::starts(options.profile, &selected, &targets, &unavailable);
    plan::set_pool(&mut starts, options.pool);
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
    if resume.is_none() {
        say(&format!(
            "measuring {}; Ctrl-C ends it after a sample, and `--resume latest` goes on",
            amount(&options, &starts, &targets)
        ));
    }
    let unsupported = rehearsals::rehearse(Cast {
        targets: &targets,
        starts: &starts,
        programs: &programs,
        limits,
    })?;
    let manifest = Manifest::from(Measured {
        config: config(&options.recorded()?, &origins),
        order: Order::by_comparison(),
        seed: options.seed,
        samples_per_cell: options.samples,
        cells: starts.iter().map(|start| start.cell.clone()).collect(),
        program_sha256: programs.this().sha256.clone(),
        systems: systems(&starts, &programs),
        artifacts: artifact_facts(&targets),
    });
    let (folder, manifest) = run::open(resume.as_deref(), &results, manifest)?;
    let subjects = embedded::Subjects {
        targets: &targets,
        programs: &programs,
        unsupported: &unsupported,
    };
    let (samples, ended) = run::measure(&folder, &manifest, |work, _| {
        Embedded::new(work, subjects, starts, limits)
    })?;
    let findings = summary::findings(&manifest, &samples);
    let exit = run::finish(
        arguments.format,
        &folder,
        &manifest.systems,
        (&samples, ended),
        &|_, format, width, colour| {
            summary::format(&findings, format, View::Phases, Style { width, colour })
        },
        &resume_command("phases", folder.run(), arguments.out.as_ref()),
    )?;
    if arguments.format == Format::Table {
        report_offer::offer(&folder, exit);
    }
    Ok(exit)
}

fn list(options: &Options, starts: &[Start], targets: &[Target]) -> Result<Exit, Error> {
    let mut text = String::new();
    for start in starts {
        text.push_str(&format!("{}\n", start.cell));
    }
    text.push_str(&amount(options, starts, targets));
    text.push('\n');
    print(&text)?;
    Ok(Exit::Ok)
}

/// How much there is to do, and about how long it takes.
fn amount(options: &Options, starts: &[Start], targets: &[Target]) -> String {
    let ms = starts
        .iter()
        .map(|start| estimate::estimate_ms(start, targets));
    let ms = ms.sum::<f64>() * f64::from(options.samples);
    let samples = starts.len() as u64 * u64::from(options.samples);
    format!(
        "{} cells × {} samples = {samples} starts, seed {}; about {} on two cores like the authors'",
        starts.len(),
        options.samples,
        options.seed,
        duration::format_estimate(ms / 1000.0),
    )
}

/// Each system that has cells, under each of its names.
fn systems(starts: &[Start], programs: &Programs) -> Vec<System> {
    campaign::manifest::systems(starts, |start: &Start| {
        let program = programs.get(start.configuration.engine);
        let program = program.map_err(Skip::to_string)?;
        Ok(Identity {
            version: program.version.clone(),
            engine_version: None,
            sha256: program.sha256.clone(),
        })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_engine_version_is_the_one_that_is_linked() {
        use crate::engine::wasmtime::{MAJOR, VERSION};
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{VERSION}\"")));
        assert!(VERSION.starts_with(&format!("{MAJOR}.")));
    }
}
