//! Starts that are not part of any run: whether a target can be measured at all, and what a launch
//! costs.

use std::path::Path;

use host_probe::report::{Cause, Failure, Report};
use host_probe::request::PROBE;
use host_probe::settings::Configuration;

use super::programs::THIS;
use super::target::Target;
use super::{Limits, check_answers, launch, spec};

/// One start of a target, in a configuration that loads nothing precompiled.
///
/// # Errors
/// Why the target cannot be measured. Found here it is one message; found by a campaign it would be
/// hundreds of failed samples.
pub(crate) fn rehearse(
    program: &Path,
    configuration: &Configuration,
    target: &Target,
    limits: Limits,
) -> Result<Report, Failure> {
    let spec = spec(target, configuration, limits, target.path.clone(), None);
    let report =
        launch::run::<Report>(program, PROBE, &spec.to_message(), limits.child_time()).report?;
    check_answers(target, &report).map_err(|failure| Failure::new(Cause::Guest, failure.reason))?;
    Ok(report)
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
        &spec.to_message(),
        limits.child_time(),
    );
    Ok(finished
        .report?
        .recorded
        .first_statement_ns
        .saturating_sub(finished.launched_ns))
}
