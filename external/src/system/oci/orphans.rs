//! Processes of sandboxes that became this process's children, and are reaped by nobody else.
//!
//! A sandbox consists of several: its kernel, what hands it files, what its programs run in. Their
//! parent, the runtime's `create`, has ended long before them. A runtime that deletes a container
//! waits until all are gone, which a zombie is not.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use machine::processes::ended_daemons;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// First processes of containers, whose ends others wait for.
static AWAITED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Says that somebody waits for the end of a process, until this is dropped.
#[derive(Debug)]
pub(super) struct Awaited(u32);

impl Awaited {
    pub(super) fn new(pid: u32) -> Self {
        let mut awaited = AWAITED.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.insert(pid);
        Self(pid)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut awaited = AWAITED.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.remove(&self.0);
    }
}

/// Reaps those that have ended. What this process launches itself is in its own session, and let be.
pub(in crate::system) fn reap() {
    let awaited = AWAITED.lock().unwrap_or_else(PoisonError::into_inner);
    for pid in ended_daemons(std::process::id()) {
        if !awaited.contains(&pid) {
            let _ = waitpid(Pid::from_raw(pid.cast_signed()), Some(WaitPidFlag::WNOHANG));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command};

    use machine::processes::Stat;

    use super::*;

    #[expect(
        unsafe_code,
        reason = "what is done between fork and exec must be safe there, which nothing checks"
    )]
    fn ended(own_session: bool) -> Child {
        let mut command = Command::new("/bin/true");
        if own_session {
            // SAFETY: one system call, and nothing is allocated.
            unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
        }
        let child = command.spawn().unwrap();
        while Stat::of(child.id()).is_some_and(|stat| stat.lives) {
            std::thread::yield_now();
        }
        child
    }

    #[test]
    fn only_daemons_are_reaped_that_nobody_waits_for() {
        let (daemon, awaited, mut own) = (ended(true), ended(true), ended(false));
        let waiting = Awaited::new(awaited.id());
        reap();
        assert_eq!(Stat::of(daemon.id()), None);
        assert!(Stat::of(awaited.id()).is_some());
        assert!(own.wait().unwrap().success());
        drop(waiting);
        reap();
        assert_eq!(Stat::of(awaited.id()), None);
    }
}
