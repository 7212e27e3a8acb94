//! How long samples are held back until the machine is quiet.

use std::time::Duration;

use machine::quiet::Quiet;
use results::{Attested, Evidence};
use serde_json::json;

/// The longest that a sample is held back.
const LONGEST: Duration = Duration::from_millis(500);

/// What it comes down to on a machine that is never quiet: long enough to see that it has become so.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long the next sample may be held back. On a machine that something else keeps busy all the
/// time, waiting for each of a thousand samples would take minutes and change nothing: each time in
/// vain halves it, and once the machine was quiet it is what it was.
#[derive(Debug)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(LONGEST)
    }
}

impl Patience {
    /// Waits by `wait`, which is told how long it may at most; the evidence of what that came to.
    pub(crate) fn wait(&mut self, wait: impl FnOnce(Duration) -> Option<Quiet>) -> Attested {
        let Some(quiet) = wait(self.0) else {
            return Attested::new();
        };
        self.0 = if quiet.reached {
            LONGEST
        } else {
            (self.0 / 2).max(SHORTEST)
        };
        Attested::from([
            (Evidence::Quiet, json!(quiet.reached)),
            (Evidence::QuietWaitNs, json!(quiet.waited_ns)),
        ])
    }
}
