//! Simulated runs on every core: each follows from its seed alone.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::thread;

/// What follows from each seed, in the order of the seeds.
pub fn each<T: Send>(seeds: Range<u64>, of_seed: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = Mutex::new(seeds);
    let work = || {
        let mut done = Vec::new();
        loop {
            // A panic elsewhere ends the test, whatever is taken here.
            let Some(seed) = next.lock().ok().and_then(|mut seeds| seeds.next()) else {
                return done;
            };
            done.push((seed, of_seed(seed)));
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .flat_map(|it| it.expect("no simulation panics"))
            .collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, it)| it).collect()
}
