//! What makes a guest give way: a timer whose signal advances the engine's epoch, while any guest
//! runs.
//!
//! A thread that ticks would be the usual way. It would have to be started before the first
//! request, it would compete for the cores with what serves, and it would wake an idle machine.
//! This timer is set when the first of several guests begins, and the signal's handler sets it
//! again only as long as one runs.

use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use wasmtime::Engine;

/// How long a guest runs before others get their turn. A request that meets an endless loop on its
/// thread waits for about four of these: to be accepted, read, started and answered.
const TURN_NS: libc::c_long = 5_000_000;

static ENGINE: OnceLock<Engine> = OnceLock::new();
static TIMER: AtomicPtr<libc::c_void> = AtomicPtr::new(null_mut());
/// Guests that run.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// Whether the timer is set, or its handler is about to set it.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Makes the timer, unset.
///
/// One process has one engine and one timer: a second call keeps both.
#[expect(
    unsafe_code,
    reason = "neither signal handlers nor timers have a safe interface"
)]
pub(super) fn prepare(engine: &Engine) -> std::io::Result<()> {
    if ENGINE.set(engine.clone()).is_err() {
        return Ok(());
    }
    let mut timer: libc::timer_t = null_mut();
    // SAFETY: the action is zeroed and then filled as sigaction(2) asks; the handler only does what
    // signal-safety(7) allows. SA_ONSTACK, because guests run on stacks of their own size. No event
    // means SIGALRM.
    let failed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = advance as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGALRM, &raw const action, null_mut()) != 0
            || libc::timer_create(libc::CLOCK_MONOTONIC, null_mut(), &raw mut timer) != 0
    };
    if failed {
        return Err(std::io::Error::last_os_error());
    }
    TIMER.store(timer.cast(), Ordering::SeqCst);
    Ok(())
}

/// While it lives, the epoch advances.
#[derive(Debug)]
pub(super) struct Running(());

impl Running {
    /// A guest begins to run. Of no effect where its code checks nothing, and nothing was prepared.
    pub(super) fn begin() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        // Either the handler sees the guest that was just counted, or this sees that the handler
        // stopped.
        if ENGINE.get().is_some() && !ARMED.swap(true, Ordering::SeqCst) {
            set();
        }
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Sets the timer for one turn.
#[expect(unsafe_code, reason = "timers have no safe interface")]
fn set() {
    let turn = libc::timespec {
        tv_sec: 0,
        tv_nsec: TURN_NS,
    };
    let once = libc::itimerspec {
        it_value: turn,
        it_interval: libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
    };
    // SAFETY: the timer was made by `prepare` and is never deleted; timer_settime(2) is
    // async-signal-safe. It fails only for a timer or a time that is none.
    unsafe {
        libc::timer_settime(
            TIMER.load(Ordering::SeqCst).cast(),
            0,
            &raw const once,
            null_mut(),
        );
    }
}

/// Wasmtime documents `increment_epoch` as signal-safe, and a filled `OnceLock` is read with one
/// atomic load.
extern "C" fn advance(_: libc::c_int) {
    if let Some(engine) = ENGINE.get() {
        engine.increment_epoch();
    }
    if RUNNING.load(Ordering::SeqCst) == 0 {
        ARMED.store(false, Ordering::SeqCst);
        if RUNNING.load(Ordering::SeqCst) == 0 || ARMED.swap(true, Ordering::SeqCst) {
            return;
        }
    }
    set();
}
