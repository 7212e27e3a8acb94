//! `WasmEdge`, phase by phase: what its probe does once in a fresh process, many times in a warm
//! one. The guest is `hello`.
//!
//! Names are `wasmedge/<phase>[/<how it runs>]`, and stable; the guide lists what each
//! times. Here and not there, because one package with both engines would be another build of each.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BatchSize, Criterion, SamplingMode, criterion_group, criterion_main};
use host_probe::given::Given;
use host_wasmedge::vm;
use machine::clock::now_ns;
use nix::unistd::{dup, dup2_stdout};
use results::Phase;
use wasmedge_sdk::config::Config;
use wasmedge_sdk::{Module, RunMode};
use workloads::Workload;

/// As in `host phases`.
const MEMORY_LIMIT_BYTES: u64 = 1 << 30;

/// The probe's configuration.
fn configuration(mode: RunMode) -> Config {
    vm::configuration(mode, Some(MEMORY_LIMIT_BYTES)).expect("a configuration")
}

fn compile(wasm: &[u8], folder: &Path) -> PathBuf {
    vm::compile(wasm, folder, vm::OPTIMIZATION).expect("the guest compiles")
}

/// What of a start is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Link,
    Instantiate,
    FirstRequest,
    Teardown,
}

/// One start of loaded code, from link to teardown, and the nanoseconds of one part of it.
fn start(config: &Config, module: Module, part: Part) -> u64 {
    // Each boundary ends one part and begins the next: two parts share a reading, which costs
    // neither more than one.
    let begun = now_ns();
    let mut wasi = vm::wasi(&[Workload::Hello.name()], &Given::default()).expect("a WASI context");
    let mut vm = vm::machine(config, &mut wasi).expect("a machine");
    let linked = now_ns();
    vm.register_module(None, module)
        .expect("the guest can be instantiated");
    let instantiated = now_ns();
    if matches!(part, Part::Link | Part::Instantiate) {
        return if part == Part::Link {
            linked - begun
        } else {
            instantiated - linked
        };
    }
    let called = now_ns();
    vm.run_func(None, "_start", []).expect("the guest runs");
    let answered = now_ns();
    drop(vm);
    assert_eq!(wasi.exit_code(), 0, "the guest succeeds");
    drop(wasi);
    let ended = now_ns();
    if part == Part::FirstRequest {
        answered - called
    } else {
        ended - answered
    }
}

/// What the guest prints goes to the process's own standard output, where Criterion reports: it
/// goes nowhere meanwhile.
fn silently<T>(work: impl FnOnce() -> T) -> T {
    let swap = || -> io::Result<_> {
        io::stdout().flush()?;
        let kept = dup(io::stdout().as_fd())?;
        dup2_stdout(File::options().write(true).open("/dev/null")?)?;
        Ok(kept)
    };
    let kept = swap().expect("standard output can be exchanged");
    let done = work();
    dup2_stdout(kept).expect("standard output can be restored");
    done
}

fn wasmedge(criterion: &mut Criterion) {
    vm::quiet();
    let wasm = Workload::Hello
        .artifact()
        .expect("it is built in")
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let compiled = compile(&wasm, folder.path());
    let [interpreter, aot] = [RunMode::Interpreter, RunMode::Aot].map(configuration);

    let mut group = criterion.benchmark_group("wasmedge");
    group
        .sample_size(50)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sampling_mode(SamplingMode::Flat)
        .nresamples(10_000);
    group.bench_function(Phase::Engine.name(), |bencher| {
        bencher.iter_batched(
            || RunMode::Interpreter,
            configuration,
            BatchSize::PerIteration,
        );
    });
    group.bench_function(Phase::Validate.name(), |bencher| {
        bencher.iter_batched(
            || wasm.clone(),
            |wasm| Module::from_bytes(Some(&interpreter), wasm).expect("the guest is valid"),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("aot", |bencher| {
        bencher.iter_batched(
            || &*compiled,
            |file| Module::from_file(Some(&aot), file).expect("what was compiled loads"),
            BatchSize::PerIteration,
        );
    });
    let parts = [
        (Phase::Link, Part::Link),
        (Phase::Instantiate, Part::Instantiate),
        (Phase::FirstRequest, Part::FirstRequest),
        (Phase::Teardown, Part::Teardown),
    ];
    for (phase, part) in parts {
        for (mode, config) in [("interpreter", &interpreter), ("aot", &aot)] {
            let load = || match mode {
                "aot" => {
                    Module::from_file(Some(config), &compiled).expect("what was compiled loads")
                }
                _ => Module::from_bytes(Some(config), &wasm).expect("the guest is valid"),
            };
            group.bench_function(format!("{phase}/{mode}"), |bencher| {
                bencher.iter_custom(|iterations| {
                    let ns =
                        silently(|| (0..iterations).map(|_| start(config, load(), part)).sum());
                    Duration::from_nanos(ns)
                });
            });
        }
    }
    group.sample_size(10);
    group.bench_function(Phase::Compile.name(), |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("a temporary folder"),
            |folder| (compile(&wasm, folder.path()), folder),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, wasmedge);
criterion_main!(benches);
