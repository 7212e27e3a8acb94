//! The time limit inside the process: a timer whose signal advances the engine's epoch.
//!
//! A thread that ticks would be the usual way. On two cores it would also compete with what is measured; a timer costs
//! two system calls at the beginning and nothing until it fires.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use wasmtime::Engine;

static ENGINE: OnceLock<Engine> = OnceLock::new();
static HANDLED: Once = Once::new();

/// What happens when the limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The engine's epoch advances, again every 100 ms: a guest compiled to check it traps.
    Interrupt,
    /// The signal's default action: the process ends, and its parent sees by which signal. For guests whose code checks
    /// nothing.
    End,
}

/// Sets the timer to `limit` from now.
///
/// One process has one engine: a second call moves the limit and keeps the engine.
pub(super) fn arm(engine: &Engine, limit: Duration, then: Then) {
    let _ = ENGINE.set(engine.clone());
    if then == Then::Interrupt {
        // Once: in a warm process a system call more for each store is a twentieth of what a store costs.
        HANDLED.call_once(handle);
    }
    host_probe::deadline::alarm(limit);
}

#[expect(unsafe_code, reason = "signal handlers have no safe interface")]
fn handle() {
    // SAFETY: the action is zeroed and then filled as sigaction(2) asks; the handler only does what signal-safety(7)
    // allows. SA_ONSTACK, because guests run on stacks of their own size.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = advance as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
    }
}

/// Wasmtime documents `increment_epoch` as signal-safe, and a filled `OnceLock` is read with one atomic load.
extern "C" fn advance(_: libc::c_int) {
    if let Some(engine) = ENGINE.get() {
        engine.increment_epoch();
    }
}
