//! Starts before the campaign: what can never work is found here once, and is a typed skip.

use campaign::Error;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{
    Acquire, Allocator, Compiler, Configuration, Engine, EngineSettings, Interrupt, Named as _,
};
use results::{Evidence, Param, Skip, SkipKind};

use crate::bench::embedded::{Unsupported, key};
use crate::bench::plan::Start;
use crate::bench::programs::Programs;
use crate::bench::target::Target;
use crate::bench::{Limits, rehearsal};
use crate::error::{Advice, artifact_failed};

/// What is rehearsed, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast<'a> {
    pub(super) targets: &'a [Target],
    pub(super) starts: &'a [Start],
    pub(super) programs: &'a Programs,
    pub(super) limits: Limits,
}

/// Starts every target once on each engine, and on Wasmtime once in every configuration of the
/// engine that the plan has. What Wasmtime cannot run as it is usually configured is an error; what
/// only another engine or another configuration cannot run are rows that show why.
pub(super) fn rehearse(cast: Cast<'_>) -> Result<Unsupported, Error> {
    let mut unsupported = Unsupported::default();
    for (position, target) in cast.targets.iter().enumerate() {
        for engine in &target.engines {
            if target.inspected.serves && !engine.serves() {
                let skip = cannot_serve(*engine);
                unsupported.engines.insert((position, *engine), skip);
                continue;
            }
            let Ok(program) = cast.programs.get(*engine) else {
                continue;
            };
            let planned = cast.planned(position, *engine);
            if planned.is_empty() {
                continue;
            }
            let baseline = Configuration::baseline(*engine);
            if baseline.acquire == Acquire::Interpret && target.too_much_for_interpreters.is_some()
            {
                // One of ours, which is known to run.
                continue;
            }
            match rehearsal::rehearse(&program.path, &baseline, target, cast.limits) {
                Ok(report) => {
                    let lingers = report.attested.contains_key(&Evidence::AfterAnswer);
                    for start in planned {
                        cast.rehearse_settings(start, lingers, &mut unsupported);
                    }
                }
                Err(failure) if *engine == Engine::Wasmtime => {
                    return Err(artifact_failed(
                        &target.given,
                        &target.path,
                        &failure,
                        Advice::MEASURED,
                    ));
                }
                Err(failure) => {
                    let reason = format!("{} cannot run it: {failure}", engine.name());
                    let skip = Skip::new(failure.skip_kind(), reason);
                    unsupported.engines.insert((position, *engine), skip);
                }
            }
        }
    }
    Ok(unsupported)
}

impl Cast<'_> {
    fn planned(&self, target: usize, engine: Engine) -> Vec<&Start> {
        let starts = self.starts.iter();
        starts
            .filter(|start| start.target == target && start.configuration.engine == engine)
            .collect()
    }

    /// One start with the settings of this one, unless they are the usual ones or have been tried.
    fn rehearse_settings(&self, start: &Start, lingers: bool, unsupported: &mut Unsupported) {
        let key = key(start);
        let settings = key.settings;
        if start.configuration.engine != Engine::Wasmtime
            || settings == Configuration::BASELINE.settings
            || unsupported.tried.contains_key(&key)
        {
            return;
        }
        let tried = if lingers && settings.interrupt == Interrupt::None {
            Some(cannot_be_stopped())
        } else {
            let configuration = Configuration {
                settings,
                ..Configuration::BASELINE
            };
            let target = &self.targets[start.target];
            let program = &self.programs.this().path;
            rehearsal::rehearse(program, &configuration, target, self.limits)
                .err()
                .map(|failure| skip(&failure, settings))
        };
        unsupported.tried.insert(key, tried);
    }
}

/// A service on an engine whose program runs commands.
fn cannot_serve(engine: Engine) -> Skip {
    let reason = format!(
        "it serves, and the guests of {} have no sockets here: its program runs commands",
        engine.name()
    );
    Skip::new(SkipKind::NotApplicable, reason)
        .remedy("`--workload hello` and `--workload cpu-hash` are commands")
}

/// A guest that went on after its answer until it was stopped, compiled so that nothing stops it.
fn cannot_be_stopped() -> Skip {
    Skip::new(
        SkipKind::NotApplicable,
        "it goes on after its answer until it is stopped, and with interrupt=none nothing stops it",
    )
    .remedy("measure it with interrupt=epoch")
}

/// Why all starts with these settings are skipped.
fn skip(failure: &Failure, settings: EngineSettings) -> Skip {
    let kind = match failure.cause {
        Cause::Machine => SkipKind::MachineLimit,
        // The usual configuration runs it, so that it is this one which never will.
        Cause::Artifact | Cause::Guest | Cause::MemoryLimit | Cause::OutputLimit => {
            SkipKind::NotApplicable
        }
        Cause::TimeLimit | Cause::Harness => SkipKind::NotPrepared,
    };
    let skip = Skip::new(kind, format!("this configuration cannot run it: {failure}"));
    match failure.cause {
        Cause::Machine => skip.remedy(machine::limits::hint()),
        Cause::TimeLimit => skip.remedy("--time-limit SECONDS allows more"),
        _ if settings.allocator == Allocator::Pooling
            && settings.levers.is_moved(&Param::MemoryReservation) =>
        {
            skip.remedy(
                "measure it with memory_reservation=4GiB: a place has room for a memory of what it \
                    reserves",
            )
        }
        _ if settings.allocator == Allocator::Pooling => skip.remedy(
            "`--pool NAME=N` makes room for it: table_elements, tables, memories, instance_bytes",
        ),
        _ if settings.compiler == Compiler::Winch => {
            skip.remedy("measure it with compiler=cranelift")
        }
        _ => skip,
    }
}
