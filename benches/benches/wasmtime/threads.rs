//! Instances made by several threads at once, as a server makes them.

use std::num::NonZero;
use std::sync::Barrier;
use std::time::Duration;

use benches::{Guest, Ready};
use criterion::{Criterion, Throughput};
use host::engine::wasmtime::new_executor;
use host_probe::settings::{Allocator, MemoryInit, Named as _};
use machine::clock::now_ns;

use crate::group;

/// Throughput: the time from which all threads run until the last has made its share, divided by
/// the instances that all of them made. Each makes a store and an instance, drops both, and makes
/// the next, so teardown is in it; with one thread too, which is what the others compare with.
pub(crate) fn store_instantiate(criterion: &mut Criterion) {
    let mut group = group(criterion, "store_instantiate");
    group.sample_size(20).throughput(Throughput::Elements(1));
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    for guest in Guest::all() {
        for &allocator in Allocator::ALL {
            let ready = guest.ready(benches::settings(allocator, MemoryInit::Cow));
            let mut threads = 1;
            while threads <= 2 * cores {
                let name = format!("{}/{}-threads-{threads}", guest.name, allocator.name());
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|iterations| together(&ready, threads, iterations));
                });
                threads *= 2;
            }
        }
    }
    group.finish();
}

/// The time of `iterations` instances at the rate at which so many threads make them. Starting the
/// threads is not in it.
fn together(ready: &Ready<'_>, threads: usize, iterations: u64) -> Duration {
    let share = iterations.div_ceil(threads as u64);
    let (started, done) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let work = || {
        let executor = new_executor().expect("an executor");
        executor.block_on(async {
            started.wait();
            for _ in 0..share {
                let mut store = ready.store();
                let instance = ready.instantiate(&mut store).await;
                drop((instance, store));
            }
            done.wait();
        });
    };
    let ns = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
        started.wait();
        let begun = now_ns();
        done.wait();
        now_ns() - begun
    });
    let made = share * threads as u64;
    Duration::from_nanos(
        u64::try_from(u128::from(ns) * u128::from(iterations) / u128::from(made))
            .unwrap_or(u64::MAX),
    )
}
