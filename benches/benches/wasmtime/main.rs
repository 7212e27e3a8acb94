//! Wasmtime, phase by phase: the functions that a probe runs once in a fresh process, a thousand
//! times in a warm one.
//!
//! Names are `wasmtime/<phase>/<guest>[/<variant>]`, and stable. the guide lists what each times.

mod acquire;
mod instance;
mod threads;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main,
};
use host::engine::wasmtime::{new_engine, new_engine_without_compiler, new_executor};
use host_probe::settings::{Allocator, MemoryInit, Named as _};
use results::Phase;

/// The group of a phase, and how long each of its benchmarks takes.
fn group<'a>(criterion: &'a mut Criterion, phase: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("wasmtime/{phase}"));
    group
        .sample_size(50)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sampling_mode(SamplingMode::Flat)
        .nresamples(10_000);
    group
}

/// Nothing → executor. Its drop is not timed.
fn async_runtime(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::AsyncRuntime.name());
    group.bench_function("current_thread", |bencher| {
        bencher.iter_batched(
            || (),
            |()| new_executor().expect("an executor"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Settings → engine. Its drop is not timed.
fn engine(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Engine.name());
    for &allocator in Allocator::ALL {
        let settings = benches::settings(allocator, MemoryInit::Cow);
        group.bench_function(allocator.name(), |bencher| {
            bencher.iter_batched(
                || settings,
                |settings| new_engine(settings, None).expect("an engine"),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("{}-no_compiler", allocator.name()), |bencher| {
            bencher.iter_batched(
                || settings,
                |settings| new_engine_without_compiler(settings).expect("an engine"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(
    benches,
    async_runtime,
    engine,
    acquire::compile,
    acquire::serialize,
    acquire::deserialize,
    acquire::deserialize_file,
    acquire::link,
    acquire::instantiate_pre,
    instance::store,
    instance::instantiate,
    instance::store_instantiate,
    threads::store_instantiate,
    instance::first_request,
    instance::second_request,
    instance::teardown
);
criterion_main!(benches);
