//! The signals that our programs rely on: a process inherits which are blocked and which are
//! ignored.
//!
//! Launchers that run on the JVM, .NET or Julia start their children with signals blocked, and some
//! service managers with signals ignored. A time limit whose signal never arrives is none, and a
//! server that ignores SIGTERM is never stopped.

use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};

/// The signals whose default action, or whose own handler, our programs rely on: the end of time
/// limits, of children, and of servers. Not SIGHUP, SIGINT and SIGQUIT: `nohup` and a shell's
/// background jobs ignore those for good reason.
const RELIED_ON: [Signal; 3] = [Signal::SIGALRM, Signal::SIGCHLD, Signal::SIGTERM];

/// Sets the mask and the dispositions that our programs rely on, for this process and for all that
/// it starts. The first thing that `main` does: threads inherit the mask too.
#[expect(
    unsafe_code,
    reason = "dispositions have no safe interface; the default one runs no code"
)]
pub fn establish() {
    // Neither can fail for signals and actions that exist.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    // A file that may not become any longer is an error of the write, which has words. By default the
    // process is killed without any.
    // SAFETY: as below.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    for relied_on in RELIED_ON {
        // SAFETY: the default action is no handler: nothing of ours runs in a signal's context.
        let _ = unsafe { signal(relied_on, SigHandler::SigDfl) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inherited_is_undone() {
        // In a thread of its own, since the mask is one's.
        std::thread::spawn(|| {
            SigSet::all().thread_block().unwrap();
            establish();
            assert_eq!(SigSet::thread_get_mask().unwrap(), SigSet::empty());
        })
        .join()
        .unwrap();
    }
}
