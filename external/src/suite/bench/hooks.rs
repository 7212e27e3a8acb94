//! What a description has run before and after a sample.

use crate::system::Untimed;

/// Runs it, if there is something. `key` is what the description calls it.
///
/// # Errors
/// It cannot be started, did not end in time, or did not end well.
pub(super) fn run(key: &str, hook: Option<&Untimed>) -> Result<(), String> {
    hook.map_or(Ok(()), |hook| {
        let ran = hook.run().map(drop);
        ran.map_err(|why| format!("{key}: {why}"))
    })
}
