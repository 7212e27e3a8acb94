//! The time limit inside the process: one timer, whose signal advances the engine's epoch or ends
//! the process.
//!
//! A thread that ticks would be the usual way. On two cores it would also compete with what is
//! measured; a timer costs two system calls at the first store and nothing until it goes off. Later
//! stores only move the deadline: a system call for each of them was a twentieth to a tenth of what
//! a store and its instance cost a warm process. So the timer may go off before the deadline that
//! holds by then, and its handler sets it again for what is left.
//!
//! A guest that has begun to answer is asked to give way now and then: whether its answer is
//! complete is only seen while it does not run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use campaign::Error;
use host_probe::deadline::{AGAIN, alarm};
use machine::clock::now_ns;
use wasmtime::Engine;

static ENGINE: OnceLock<Engine> = OnceLock::new();
static HANDLED: Once = Once::new();
static ENDS: AtomicBool = AtomicBool::new(false);
/// What a process says that ends itself, and its exit code.
static LAST_WORDS: OnceLock<(String, libc::c_int)> = OnceLock::new();
static DEADLINE_NS: AtomicU64 = AtomicU64::new(NEVER);
/// When the timer goes off next.
static DUE_NS: AtomicU64 = AtomicU64::new(NEVER);
const NEVER: u64 = u64::MAX;
/// Whether the guest is asked to give way.
static TURNS: AtomicBool = AtomicBool::new(false);
/// How long a guest that has begun to answer goes on before it gives way. The instant of the answer
/// does not depend on it; what the guest does until then counts into its processor time.
const TURN: Duration = Duration::from_millis(1);

/// What happens when the limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The engine's epoch advances, again every 100 ms: a guest compiled to check it traps.
    Interrupt,
    /// The process ends, by the words of [`end_with`] or by the signal's default action: then its
    /// parent sees by which signal. For guests whose code checks nothing.
    End,
}

/// Moves the deadline to `limit` from now.
///
/// One process has one engine and one deadline: a second call moves the deadline and keeps the
/// engine. Nothing orders the atomics, since the timer goes off milliseconds after the stores that
/// its handler has to see.
#[inline]
pub(super) fn arm(engine: &Engine, limit: Duration, then: Then) {
    ENGINE.get_or_init(|| engine.clone());
    ENDS.store(then == Then::End, Ordering::Relaxed);
    let deadline_ns = after(now_ns(), limit);
    TURNS.store(false, Ordering::Relaxed);
    DEADLINE_NS.store(deadline_ns, Ordering::Relaxed);
    if deadline_ns < DUE_NS.load(Ordering::Relaxed) {
        HANDLED.call_once(handle);
        set(deadline_ns, limit);
    }
}

/// Has a process whose time is up end with these words and their exit code, in place of the signal.
///
/// Before [`arm`]: a handler can neither format nor allocate.
pub(crate) fn end_with(error: &Error) {
    let words = || results::text::lines(&error.to_string()).into_owned() + "\n";
    LAST_WORDS.get_or_init(|| (words(), error.exit.code().into()));
}

/// Has the guest give way every millisecond from now on, until the deadline is moved. A guest whose
/// code checks nothing cannot.
///
/// What has called [`arm`] before: the handler is there.
pub(super) fn give_way() {
    if !ENDS.load(Ordering::Relaxed) && !TURNS.swap(true, Ordering::Relaxed) {
        set(after(now_ns(), TURN), TURN);
    }
}

/// The answer is there: the guest need not give way any more.
pub(super) fn settle() {
    TURNS.store(false, Ordering::Relaxed);
}

/// Whether the deadline has passed.
pub(super) fn passed() -> bool {
    now_ns() >= DEADLINE_NS.load(Ordering::Relaxed)
}

/// Sets the timer. On Linux setitimer(2) is the bare system call: the handler may make it.
fn set(due_ns: u64, limit: Duration) {
    DUE_NS.store(due_ns, Ordering::Relaxed);
    alarm(limit);
}

fn after(now_ns: u64, limit: Duration) -> u64 {
    now_ns.saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(NEVER))
}

#[expect(unsafe_code, reason = "signal handlers have no safe interface")]
fn handle() {
    // SAFETY: the action is zeroed and then filled as sigaction(2) asks; the handler only does what
    // signal-safety(7) allows. SA_ONSTACK, because guests run on stacks of their own size.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = gone_off as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut());
    }
}

/// Wasmtime documents `increment_epoch` as signal-safe, and a filled `OnceLock` is read with one
/// atomic load.
extern "C" fn gone_off(_: libc::c_int) {
    let (now_ns, deadline_ns) = (now_ns(), DEADLINE_NS.load(Ordering::Relaxed));
    if now_ns < deadline_ns && TURNS.load(Ordering::Relaxed) {
        let turn = TURN.min(Duration::from_nanos(deadline_ns - now_ns));
        set(after(now_ns, turn), turn);
        advance();
    } else if now_ns < deadline_ns {
        set(deadline_ns, Duration::from_nanos(deadline_ns - now_ns));
    } else if ENDS.load(Ordering::Relaxed) {
        end();
    } else {
        // By itself. A store that is made meanwhile, with a limit that ends before that, has to
        // know.
        DUE_NS.store(after(now_ns, AGAIN), Ordering::Relaxed);
        advance();
    }
}

fn advance() {
    if let Some(engine) = ENGINE.get() {
        engine.increment_epoch();
    }
}

/// Ends the process with its last words, or by the signal that it is handling, as if nobody handled it.
#[expect(unsafe_code, reason = "signal handlers have no safe interface")]
fn end() {
    if let Some((words, code)) = LAST_WORDS.get() {
        // SAFETY: both are async-signal-safe, and the text lives as long as the process. Nobody is
        // left to be told that standard error is closed.
        unsafe {
            libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
            libc::_exit(*code);
        }
    }
    // SAFETY: both are async-signal-safe. The signal waits until this handler has returned, and
    // then finds its default action.
    unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        libc::raise(libc::SIGALRM);
    }
}

#[cfg(test)]
mod tests {
    use host_probe::settings::Configuration;
    use wasmtime::{Instance, Module, Store, Trap};

    use super::*;
    use crate::engine::wasmtime::new_engine;

    #[test]
    fn every_store_has_its_own_limit_from_when_it_was_made() {
        let engine = new_engine(Configuration::BASELINE.settings, None).unwrap();
        let guest = wat::parse_str(r#"(module (func (export "run") (loop (br 0))))"#).unwrap();
        let module = Module::from_binary(&engine, &guest).unwrap();
        // How long a guest that loops was let loop.
        let looped = |limit: Duration| {
            let mut store = Store::new(&engine, ());
            let begun = now_ns();
            arm(&engine, limit, Then::Interrupt);
            store.set_epoch_deadline(1);
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance
                .get_typed_func::<(), ()>(&mut store, "run")
                .unwrap();
            let trap = run.call(&mut store, ()).unwrap_err();
            assert_eq!(trap.downcast::<Trap>().unwrap(), Trap::Interrupt);
            Duration::from_nanos(now_ns() - begun)
        };
        let ms = Duration::from_millis;
        // A store of which nothing came, and then: the timer is set already, for earlier than the
        // guest's limit …
        arm(&engine, ms(150), Then::Interrupt);
        let took = looped(ms(400));
        assert!(took >= ms(400), "{took:?}");
        // … has gone off, and does so again later than the limit. A busy machine may take as long
        // as that once, not always …
        let looped_soon = || {
            let took = looped(ms(20));
            assert!(took >= ms(20), "{took:?}");
            took < ms(90)
        };
        assert!((0..1_000).any(|_| looped_soon()));
        // … goes off by itself before the limit …
        let took = looped(ms(300));
        assert!(took >= ms(300), "{took:?}");
        // … and is set for much later than the limit, until when nobody waits.
        arm(&engine, Duration::from_hours(1), Then::Interrupt);
        let took = looped(ms(50));
        assert!(
            (ms(50)..Duration::from_mins(30)).contains(&took),
            "{took:?}"
        );
    }
}
