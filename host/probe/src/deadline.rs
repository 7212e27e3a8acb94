//! The time limit of a start: a timer of the kernel's. A thread that watches would compete with
//! what is measured.

use std::time::Duration;

/// How often the timer goes off again once it has.
pub const AGAIN: Duration = Duration::from_millis(100);

/// Has the kernel send SIGALRM to this process in `limit`, and then every 100 ms. Unless somebody
/// handles the signal, it ends the process, and the parent sees by which. A second call moves the
/// limit. setitimer(2).
#[expect(unsafe_code, reason = "interval timers have no safe interface")]
pub fn alarm(limit: Duration) {
    let timeval = |duration: Duration| libc::timeval {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(duration.subsec_micros()),
    };
    // A timer of zero would never fire.
    let limit = limit.max(Duration::from_millis(1));
    let timer = libc::itimerval {
        it_value: timeval(limit),
        it_interval: timeval(AGAIN),
    };
    // SAFETY: the timer is filled, and the old one is not asked for. It fails only for values that
    // are out of range.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
}
