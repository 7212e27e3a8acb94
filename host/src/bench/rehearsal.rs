//! Starts that are not part of any run: whether a target can be measured at all, and what a launch
//! costs.

use std::path::Path;

use campaign::{Error, Exit};
use host_probe::report::{Cause, Failure, Report};
use host_probe::request::PROBE;
use host_probe::settings::{Configuration, Engine};

use super::programs::THIS;
use super::target::Target;
use super::{Limits, check_answers, launch, spec};

/// One start of a target.
///
/// # Errors
/// Why the target cannot be measured. Found here it is one message; found by a campaign it would be
/// hundreds of failed samples.
pub(crate) fn rehearse(
    program: &Path,
    engine: Engine,
    target: &Target,
    limits: Limits,
) -> Result<(), Failure> {
    let spec = spec(
        target,
        &Configuration::baseline(engine),
        limits,
        target.path.clone(),
        None,
    );
    let report =
        launch::run::<Report>(program, PROBE, &spec.to_arguments(), limits.child_time()).report?;
    check_answers(target, &report).map_err(|failure| Failure::new(Cause::Guest, failure.reason))
}

/// The `process` phase of one start, in nanoseconds.
pub(crate) fn measure_process_phase(target: &Target, limits: Limits) -> Result<u64, Failure> {
    let spec = spec(
        target,
        &Configuration::BASELINE,
        limits,
        target.path.clone(),
        None,
    );
    let finished = launch::run::<Report>(
        Path::new(THIS),
        PROBE,
        &spec.to_arguments(),
        limits.child_time(),
    );
    Ok(finished
        .report?
        .recorded
        .first_statement_ns
        .saturating_sub(finished.launched_ns))
}

/// A start of `subject` that failed before any run.
pub(crate) fn start_failed(subject: &str, failure: &Failure) -> Error {
    let (exit, hint) = match failure.cause {
        Cause::Artifact => (
            Exit::Artifact,
            "is it built for WASI 0.1 (core module) or WASI 0.2 (component)?",
        ),
        Cause::Guest => (
            Exit::Samples,
            "nothing was recorded; run the guest alone, or set the expected answer with --expect",
        ),
        Cause::TimeLimit => (
            Exit::Samples,
            "nothing was recorded; --time-limit SECONDS allows more",
        ),
        Cause::MemoryLimit => (
            Exit::Samples,
            "nothing was recorded; --memory-limit MIB allows more",
        ),
        Cause::Machine => (
            Exit::Nothing,
            "the machine lacks what the engine needs; see ulimit -v and free memory",
        ),
        Cause::Harness => (
            Exit::Internal,
            "this is a fault of the harness: please report it with the command line",
        ),
    };
    Error::new(exit, format!("{subject}: {failure}")).hint(hint)
}
