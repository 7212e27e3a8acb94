//! A timer as fine as the kernel's.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::time::Duration;

use machine::clock::now_ns;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Wakes the thread at an instant, to the microsecond or as well as the kernel can. The runtime's
/// own timers count milliseconds. Nothing is burnt on the way: a thread that waits in a loop would
/// be as late for answers as it is early here.
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<Descriptor>);

/// The timer as the runtime takes it.
#[derive(Debug)]
struct Descriptor(TimerFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// To be made within a runtime.
    #[expect(
        unsafe_code,
        reason = "the runtime wants to be promised that the descriptor stays open"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(
            ClockId::CLOCK_MONOTONIC,
            TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
        )?;
        // SAFETY: the timer owns its descriptor, gives it to nobody, and lives as long as what it
        // is registered in.
        let registered =
            unsafe { AsyncFd::register_with_interest(Descriptor(timer), Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Waits until the clock shows `at_ns`, and returns what it shows then.
    pub(super) async fn wait_until(&self, at_ns: u64) -> io::Result<u64> {
        loop {
            let now = now_ns();
            if now >= at_ns {
                return Ok(now);
            }
            let at = TimeSpec::from_duration(Duration::from_nanos(at_ns));
            // Setting the timer takes back that it has fired, so nothing is ever read from it.
            self.0.get_ref().0.set(
                Expiration::OneShot(at),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )?;
            self.0.readable().await?.clear_ready();
        }
    }
}
