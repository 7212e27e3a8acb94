//! Time, for the timers of TCP only: nothing that is measured depends on it.

use smoltcp::time::Instant;

/// A clock over the processor's time stamp counter.
pub struct Clock {
    ticks_per_ms: u64,
}

impl Clock {
    /// One whose counter counts so fast; as fast as most do if that is not known: then timers are some tenths
    /// early or late.
    pub fn new(khz: Option<u64>) -> Self {
        Self {
            ticks_per_ms: khz.filter(|&khz| khz > 0).unwrap_or(2_500_000),
        }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        // SAFETY: reads a counter that every processor of this kind has.
        let ticks = unsafe { core::arch::x86_64::_rdtsc() };
        Instant::from_millis((ticks / self.ticks_per_ms).cast_signed())
    }
}
