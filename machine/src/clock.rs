//! The one clock of a run: `CLOCK_MONOTONIC`, in nanoseconds since boot.
//!
//! Every process on the machine reads the same clock, containers included, so an instant taken by a
//! parent and one taken by its child can be subtracted. `std::time::Instant` reads this clock too
//! but does not expose the number.

use nix::time::{ClockId, clock_gettime};

/// Now, in nanoseconds on `CLOCK_MONOTONIC`.
///
/// # Panics
/// Never on Linux: the clock has been there since 2.6 and a monotonic time is never negative.
#[inline]
pub fn now_ns() -> u64 {
    let now =
        clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC is always there on Linux");
    let seconds = u64::try_from(now.tv_sec()).expect("monotonic time is not negative");
    let nanos = u64::try_from(now.tv_nsec()).expect("monotonic time is not negative");
    seconds * 1_000_000_000 + nanos
}

/// Now by the wall clock, in nanoseconds since 1970: only to find what another program has dated by
/// that clock.
pub fn wall_ns() -> i64 {
    let now =
        clock_gettime(ClockId::CLOCK_REALTIME).map_or((0, 0), |now| (now.tv_sec(), now.tv_nsec()));
    now.0 * 1_000_000_000 + now.1
}

/// Now by the wall clock, as RFC 3339 in UTC with microseconds: for people, never for a difference.
pub fn wall_clock() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_runs_backwards() {
        let mut last = now_ns();
        for _ in 0..10_000 {
            let next = now_ns();
            assert!(next >= last);
            last = next;
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "it is what the clock is compared with"
    )]
    fn is_the_clock_that_std_reads() {
        // Bracketed from both sides, so that no delay between two readings can break it.
        let (outer, std) = (now_ns(), std::time::Instant::now());
        let inner = now_ns();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let inner = now_ns() - inner;
        let std = u64::try_from(std.elapsed().as_nanos()).unwrap();
        let outer = now_ns() - outer;
        assert!(inner <= std && std <= outer, "{inner} {std} {outer}");
    }

    #[test]
    fn tells_the_time_in_utc() {
        let now = wall_clock();
        assert!(
            now.ends_with('Z') && now.len() == "2026-11-23T07:42:01.123456Z".len(),
            "{now}"
        );
    }
}
