//! From bytes to a linked guest. All of it is synchronous: set-up and drop of each iteration are
//! outside its timing.

use std::time::Duration;

use benches::{Compiled, Guest, HostFunctions};
use criterion::{BatchSize, Criterion};
use host::engine::wasmtime::new_engine;
use host_probe::settings::{CompileThreads, Engine, EngineSettings, Named as _};
use results::Phase;

use crate::group;

/// Wasm in memory → executable code, by each compiler, on all cores and on one.
pub(crate) fn compile(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Compile.name());
    group
        .sample_size(10)
        .measurement_time(Duration::from_millis(500));
    for guest in Guest::all() {
        for &compiler in Engine::Wasmtime.compilers() {
            for &compile_threads in CompileThreads::ALL {
                let settings = EngineSettings {
                    compiler,
                    compile_threads,
                    ..benches::BASELINE
                };
                let engine = new_engine(settings, None).expect("an engine");
                let name = format!(
                    "{}/{}-{}",
                    guest.name,
                    compiler.name(),
                    compile_threads.name()
                );
                group.bench_function(name, |bencher| {
                    bencher.iter_batched(
                        || guest.wasm.clone(),
                        |wasm| Compiled::compile(&engine, guest.kind(), wasm),
                        BatchSize::PerIteration,
                    );
                });
            }
        }
    }
    group.finish();
}

/// Executable code → bytes that can be written to a file. Does not compile.
pub(crate) fn serialize(criterion: &mut Criterion) {
    let mut group = group(criterion, "serialize");
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        group.bench_function(guest.name, |bencher| {
            bencher.iter_with_large_drop(|| ready.code.serialize());
        });
    }
    group.finish();
}

/// Precompiled bytes in memory → executable code.
pub(crate) fn deserialize(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Deserialize.name());
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        let code = ready.code.serialize();
        group.bench_function(guest.name, |bencher| {
            bencher.iter_batched(
                || code.clone(),
                |code| Compiled::deserialize(&ready.engine, guest.kind(), code),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A precompiled file in the page cache → executable code.
pub(crate) fn deserialize_file(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::DeserializeFile.name());
    let folder = tempfile::tempdir().expect("a temporary folder");
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        let file = folder.path().join(guest.name);
        std::fs::write(&file, ready.code.serialize()).expect("room for a file");
        group.bench_function(guest.name, |bencher| {
            bencher.iter_batched(
                || &*file,
                |file| Compiled::deserialize_file(&ready.engine, guest.kind(), file),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Executable code → a linker with all host functions, and the guest pre-instantiated from it.
pub(crate) fn link(criterion: &mut Criterion) {
    let mut group = group(criterion, Phase::Link.name());
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        group.bench_function(guest.name, |bencher| {
            bencher.iter_batched(
                || &ready,
                |ready| ready.code.link(&ready.engine, &guest.spec),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A linker with all host functions → the guest pre-instantiated from it.
pub(crate) fn instantiate_pre(criterion: &mut Criterion) {
    let mut group = group(criterion, "instantiate_pre");
    for guest in Guest::all() {
        let ready = guest.ready(benches::BASELINE);
        let functions = HostFunctions::new(&ready.engine, &guest.spec);
        group.bench_function(guest.name, |bencher| {
            bencher.iter_batched(
                || &ready,
                |ready| functions.instantiate_pre(&ready.code, &guest.spec),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
