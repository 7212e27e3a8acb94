//! Whether starts can be observed on this machine, found out by observing one.

use machine::clock::now_ns;

use super::Launch;
use crate::observe;

/// How long the trial may take.
const TIMEOUT_NS: u64 = 5_000_000_000;

/// Whether starts can be observed here.
///
/// # Errors
/// The reason: what the kernel or the container lacks. A start can still be launched unobserved
/// then.
pub fn observable() -> Result<(), String> {
    if !observe::KNOWS_ARCHITECTURE {
        return Err(format!(
            "the observer does not know the system calls of {}",
            std::env::consts::ARCH
        ));
    }
    observe::supported()?;
    let mut trial = Launch::new("/bin/sh", "/", "/dev/null");
    trial.arguments = vec!["-c".into(), ":".into()];
    trial.observed = true;
    let refused =
        |error: &dyn std::fmt::Display| format!("a trial of the observer failed: {error}");
    let mut running = trial.launch().map_err(|error| refused(&error))?;
    let end = running
        .wait_end(now_ns() + TIMEOUT_NS)
        .ok_or_else(|| refused(&"it did not end"))?;
    let milestones = running.milestones().unwrap_or_default();
    match (end.code, milestones.phases_of_run(end.seen_ns, true)) {
        (Some(0), Ok(_)) => Ok(()),
        (Some(0), Err(error)) => Err(refused(&error)),
        _ => Err(refused(&end)),
    }
}
