//! The time limit inside the process: a timer whose signal advances the engine's epoch.
//!
//! A thread that ticks would be the usual way. On two cores it would also compete with what is measured; a timer costs
//! two system calls at the beginning and nothing until it fires.

use std::sync::OnceLock;
use std::time::Duration;

use wasmtime::Engine;

static ENGINE: OnceLock<Engine> = OnceLock::new();

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
#[expect(unsafe_code, reason = "neither signal handlers nor interval timers have a safe interface")]
pub(super) fn arm(engine: &Engine, limit: Duration, then: Then) {
    let _ = ENGINE.set(engine.clone());
    let timeval = |duration: Duration| libc::timeval {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(duration.subsec_micros()),
    };
    // A timer of zero would never fire.
    let limit = limit.max(Duration::from_millis(1));
    let timer = libc::itimerval { it_value: timeval(limit), it_interval: timeval(Duration::from_millis(100)) };
    // SAFETY: the action is zeroed and then filled as sigaction(2) asks; the handler only does what signal-safety(7)
    // allows. SA_ONSTACK, because guests run on stacks of their own size.
    unsafe {
        if then == Then::Interrupt {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = advance as *const () as usize;
            action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
        }
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}

/// Wasmtime documents `increment_epoch` as signal-safe, and a filled `OnceLock` is read with one atomic load.
extern "C" fn advance(_: libc::c_int) {
    if let Some(engine) = ENGINE.get() {
        engine.increment_epoch();
    }
}
