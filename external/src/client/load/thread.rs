//! What the generator's own thread costs.

use nix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread, user and system, in nanoseconds.
pub(super) fn cpu_ns() -> u64 {
    let Ok(time) = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID) else {
        return 0;
    };
    let [seconds, nanos] =
        [time.tv_sec(), time.tv_nsec()].map(|part| u64::try_from(part).unwrap_or(0));
    seconds * 1_000_000_000 + nanos
}
