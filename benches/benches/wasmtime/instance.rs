//! From a linked guest to its teardown. Most of it is asynchronous: all iterations of a sample run within one entry into
//! the executor, and each is timed by two readings of the clock, set-up before the first and drop after the second.

use benches::plain::Plain;
use benches::{Guest, each};
use criterion::Criterion;
use host::engine::wasmtime::new_executor;
use host_probe::settings::{Allocator, MemoryInit, Parameter as _};
use results::Phase;
use results::clock::now_ns;

use crate::group;

/// Settings → a store with WASI context, limiter, epoch deadline and timer.
pub(crate) fn store(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Store.name());
    let executor = new_executor().expect("an executor");
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        group.bench_function(guest.name, |bencher| {
            bencher.iter_custom(|iterations| {
                executor.block_on(each(iterations, async || {
                    let begun = now_ns();
                    let store = ready.store();
                    let ns = now_ns() - begun;
                    drop(store);
                    ns
                }))
            });
        });
    }
    group.finish();
}

/// A store → an instance in it.
pub(crate) fn instantiate(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Instantiate.name());
    let executor = new_executor().expect("an executor");
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        group.bench_function(guest.name, |bencher| {
            bencher.iter_custom(|iterations| {
                executor.block_on(each(iterations, async || {
                    let mut store = ready.store();
                    let begun = now_ns();
                    let live = ready.instantiate(&mut store).await;
                    let ns = now_ns() - begun;
                    drop((live, store));
                    ns
                }))
            });
        });
    }
    group.finish();
}

/// Both in one, by allocator and first contents of memories; and the same without the harness.
pub(crate) fn store_instantiate(criterion: &mut Criterion) {
    let mut group = group(criterion, "store_instantiate");
    let executor = new_executor().expect("an executor");
    for guest in Guest::all() {
        for &allocator in Allocator::ALL {
            for &memory_init in MemoryInit::ALL {
                let ready = guest.ready(benches::settings(allocator, memory_init));
                let name = format!("{}/{}-{}", guest.name, allocator.name(), memory_init.name());
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|iterations| {
                        executor.block_on(each(iterations, async || {
                            let begun = now_ns();
                            let mut store = ready.store();
                            let live = ready.instantiate(&mut store).await;
                            let ns = now_ns() - begun;
                            drop((live, store));
                            ns
                        }))
                    });
                });
            }
        }
        let plain = Plain::new(&guest, &Plain::precompile(&guest));
        group.bench_function(format!("{}/plain", guest.name), |bencher| {
            bencher.iter_custom(|iterations| {
                executor.block_on(each(iterations, async || {
                    let begun = now_ns();
                    let instantiated = plain.store_instantiate().await;
                    let ns = now_ns() - begun;
                    drop(instantiated);
                    ns
                }))
            });
        });
    }
    group.finish();
}

/// A new instance's first call → its complete answer. What the guest does after it is not timed.
pub(crate) fn first_request(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::FirstRequest.name());
    let executor = new_executor().expect("an executor");
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        group.bench_function(guest.name, |bencher| {
            bencher.iter_custom(|iterations| {
                executor.block_on(each(iterations, async || {
                    let mut store = ready.store();
                    let live = ready.instantiate(&mut store).await;
                    ready.call(&live, &mut store, 1).await
                }))
            });
        });
    }
    group.finish();
}

/// The same call again on the same instance. A command runs once.
pub(crate) fn second_request(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::SecondRequest.name());
    let executor = new_executor().expect("an executor");
    let guest = Guest::http();
    let ready = guest.ready(benches::BASELINE);
    group.bench_function(guest.name, |bencher| {
        bencher.iter_custom(|iterations| {
            executor.block_on(each(iterations, async || {
                let mut store = ready.store();
                let live = ready.instantiate(&mut store).await;
                ready.call(&live, &mut store, 1).await;
                ready.call(&live, &mut store, 2).await
            }))
        });
    });
    group.finish();
}

/// An instance that has answered → it and its store dropped.
pub(crate) fn teardown(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Teardown.name());
    let executor = new_executor().expect("an executor");
    for guest in Guest::all() {
        for &allocator in Allocator::ALL {
            let ready = guest.ready(benches::settings(allocator, MemoryInit::Cow));
            group.bench_function(format!("{}/{}", guest.name, allocator.name()), |bencher| {
                bencher.iter_custom(|iterations| {
                    executor.block_on(each(iterations, async || {
                        let mut store = ready.store();
                        let live = ready.instantiate(&mut store).await;
                        ready.call(&live, &mut store, 1).await;
                        let begun = now_ns();
                        drop((live, store));
                        now_ns() - begun
                    }))
                });
            });
        }
    }
    group.finish();
}
