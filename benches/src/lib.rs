//! What the benchmarks share: the guests, and a loop over the engine's API that knows nothing of
//! the harness.

mod code;
mod guest;
pub mod plain;

pub use code::{Compiled, HostFunctions};
pub use guest::{BASELINE, Guest, Ready, TIME_LIMIT, settings};

use std::hint::black_box;
use std::time::Duration;

use machine::clock::now_ns;

/// The nanoseconds of `part`. What it made is dropped after the clock was read.
#[inline]
pub async fn timed<T>(part: impl AsyncFnOnce() -> T) -> u64 {
    let begun = now_ns();
    let made = part().await;
    let ns = now_ns() - begun;
    drop(black_box(made));
    ns
}

/// Adds up what `once` returns, over so many calls: nanoseconds of the timed part of one iteration,
/// whose set-up and teardown are in it and not timed.
///
/// Runs inside an executor that was entered once, so that entering it is in no figure.
pub async fn each(iterations: u64, mut once: impl AsyncFnMut() -> u64) -> Duration {
    let mut ns = 0;
    for _ in 0..iterations {
        ns += once().await;
    }
    Duration::from_nanos(ns)
}
