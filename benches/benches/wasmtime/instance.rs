//! From a linked guest to its teardown. Most of it is asynchronous: all iterations of a sample run
//! within one entry into the executor, and each is timed by two readings of the clock, set-up
//! before the first and drop after the second.

use benches::plain::Plain;
use benches::{Guest, each, timed};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use host::engine::wasmtime::new_executor;
use host_probe::settings::{Allocator, MemoryInit, Named as _};
use results::Phase;

use crate::group;

/// A benchmark, each of whose iterations is `once`, which returns how many nanoseconds of it count.
fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, once: impl AsyncFn() -> u64) {
    let executor = new_executor().expect("an executor");
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| executor.block_on(each(iterations, &once)));
    });
}

/// Settings → a store with WASI context, limiter, epoch deadline and time limit.
pub(crate) fn store(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Store.name());
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        bench(&mut group, guest.name, async || {
            timed(async || ready.store()).await
        });
    }
    group.finish();
}

/// A store → an instance in it.
pub(crate) fn instantiate(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Instantiate.name());
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        bench(&mut group, guest.name, async || {
            let mut store = ready.store();
            timed(async || ready.instantiate(&mut store).await).await
        });
    }
    group.finish();
}

/// Both in one, by allocator and first contents of memories; and the same without the harness.
pub(crate) fn store_instantiate(criterion: &mut Criterion) {
    let mut group = group(criterion, "store_instantiate");
    for guest in Guest::all() {
        for &allocator in Allocator::ALL {
            for &memory_init in MemoryInit::ALL {
                let ready = guest.ready(benches::settings(allocator, memory_init));
                let name = format!("{}/{}-{}", guest.name, allocator.name(), memory_init.name());
                bench(&mut group, &name, async || {
                    timed(async || ready.store_instantiate().await).await
                });
            }
        }
        let plain = Plain::new(&guest, &Plain::precompile(&guest));
        let name = format!("{}/plain", guest.name);
        bench(&mut group, &name, async || {
            timed(async || plain.store_instantiate().await).await
        });
    }
    group.finish();
}

/// A new instance's first call → its complete answer. What the guest does after it is not timed.
pub(crate) fn first_request(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::FirstRequest.name());
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        bench(&mut group, guest.name, async || {
            let (mut store, instance) = ready.store_instantiate().await;
            ready.call(&instance, &mut store, 1).await
        });
    }
    group.finish();
}

/// The same call again on the same instance. A command runs once.
pub(crate) fn second_request(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::SecondRequest.name());
    let guest = Guest::http();
    let ready = guest.ready(benches::BASELINE);
    bench(&mut group, guest.name, async || {
        let (mut store, instance) = ready.store_instantiate().await;
        ready.call(&instance, &mut store, 1).await;
        ready.call(&instance, &mut store, 2).await
    });
    group.finish();
}

/// An instance that has answered → it and its store dropped.
pub(crate) fn teardown(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Teardown.name());
    for guest in Guest::all() {
        for &allocator in Allocator::ALL {
            let ready = guest.ready(benches::settings(allocator, MemoryInit::Cow));
            bench(
                &mut group,
                &format!("{}/{}", guest.name, allocator.name()),
                async || {
                    let (mut store, instance) = ready.store_instantiate().await;
                    ready.call(&instance, &mut store, 1).await;
                    timed(async || drop((instance, store))).await
                },
            );
        }
    }
    group.finish();
}
