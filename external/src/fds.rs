//! Waiting for file descriptors until an instant on the one clock.

use std::os::fd::{BorrowedFd, OwnedFd};

use machine::clock::now_ns;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

/// Waits until one of `fds` can be read or is over, or until `until_ns`; `None` waits for ever.
/// What each of them is, in order: empty is neither. They are looked at in that order, too.
///
/// With `until_ns` in the past it looks and does not wait.
pub(crate) fn wait(fds: &[BorrowedFd<'_>], until_ns: Option<u64>) -> nix::Result<Vec<PollFlags>> {
    let mut polled: Vec<_> = fds
        .iter()
        .map(|&fd| PollFd::new(fd, PollFlags::POLLIN))
        .collect();
    loop {
        let left = until_ns.map(|until| {
            TimeSpec::from_duration(std::time::Duration::from_nanos(
                until.saturating_sub(now_ns()),
            ))
        });
        match ppoll(&mut polled, left, None) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                return Ok(polled
                    .iter()
                    .map(|fd| fd.revents().unwrap_or(PollFlags::POLLERR))
                    .collect());
            }
        }
    }
}

/// Whether `fd` can be read or is over by `until_ns`. What cannot be waited for counts as not
/// ready.
pub(crate) fn ready(fd: BorrowedFd<'_>, until_ns: u64) -> bool {
    wait(&[fd], Some(until_ns)).is_ok_and(|ready| ready.iter().any(|flags| !flags.is_empty()))
}

/// A way to tell a thread that waits for descriptors to stop waiting: a pipe whose writing end is
/// closed.
#[derive(Debug)]
pub(crate) struct Stop(std::io::PipeWriter);

impl Stop {
    /// Both ends: the thread waits for the second, which is over once the first is dropped.
    pub(crate) fn new() -> std::io::Result<(Self, OwnedFd)> {
        let (reader, writer) = std::io::pipe()?;
        Ok((Self(writer), reader.into()))
    }

    /// Stops it.
    pub(crate) fn now(self) {
        drop(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_waiting_thread_is_stopped() {
        let (stop, stopped) = Stop::new().unwrap();
        assert!(!ready(stopped.as_fd(), now_ns() + 1_000_000));
        stop.now();
        assert!(ready(stopped.as_fd(), 0));
    }
}
