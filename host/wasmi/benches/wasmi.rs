//! The phases of Wasmi's starts beside a plain program over its interface: `hello` in a fresh process,
//! both ways in turns. `cargo bench … -- 40` says how many.

use std::path::PathBuf;
use std::process::ExitCode;

use host_command::second_way::{self, Pair, Steps, Stopwatch, phases, spec};
use host_probe::settings::{Acquire, Configuration, EngineSettings, Translation};
use host_wasmi::Wasmi;
use wasmi::{Caller, CompilationMode, Config, Engine, Extern, Linker, Memory, Module, Store};
use workloads::{Dialect, Workload};

const MODULE: &str = "wasi_snapshot_preview1";

fn main() -> ExitCode {
    second_way::main(&[
        Pair {
            name: "wasmi lazy_translation",
            phased: || phased(Translation::LazyTranslation),
            plain: || plain(CompilationMode::LazyTranslation),
        },
        Pair {
            name: "wasmi eager",
            phased: || phased(Translation::Eager),
            plain: || plain(CompilationMode::Eager),
        },
        Pair {
            name: "wasmi lazy",
            phased: || phased(Translation::Lazy),
            plain: || plain(CompilationMode::Lazy),
        },
    ])
}

fn hello() -> PathBuf {
    let artifact = Workload::Hello.artifact_for(Dialect::WasiHttp);
    artifact.expect("hello is built in").path()
}

fn phased(translation: Translation) -> Steps {
    let settings = EngineSettings {
        translation,
        ..Configuration::BASELINE.settings
    };
    let spec = spec(&hello(), &["hello"], Acquire::Interpret, settings);
    phases::<Wasmi>(&spec)
}

/// `hello` needs four functions, written out here: what it prints is kept.
fn plain(mode: CompilationMode) -> Steps {
    let file = hello();
    let mut watch = Stopwatch::new();
    let mut config = Config::default();
    config.compilation_mode(mode);
    let engine = Engine::new(&config);
    watch.step("engine");
    let wasm = std::fs::read(file).expect("the guest can be read");
    watch.step("read");
    let module = Module::new(&engine, &wasm).expect("the guest is valid");
    drop(wasm);
    watch.step("validate");
    let linker = linker(&engine);
    watch.step("link");
    let mut store = Store::new(&engine, Vec::new());
    watch.step("store");
    let instance = linker
        .instantiate_and_start(&mut store, &module)
        .expect("the guest can be instantiated");
    watch.step("instantiate");
    let start = instance.get_typed_func::<(), ()>(&store, "_start");
    let ran = start.and_then(|start| start.call(&mut store, ()));
    watch.step("first_request");
    let steps = watch.stop();
    // It may end by a call that does not return.
    drop(ran);
    let printed = String::from_utf8_lossy(store.data());
    assert_eq!(printed.trim_end(), workload_core::HELLO);
    steps
}

fn linker(engine: &Engine) -> Linker<Vec<u8>> {
    let mut linker = Linker::new(engine);
    let zeros = |mut caller: Caller<'_, Vec<u8>>, at: i32, also: i32| -> i32 {
        let memory = memory(&caller);
        for at in [at, also] {
            let at = usize::try_from(at).expect("an address");
            memory.write(&mut caller, at, &[0; 4]).expect("its memory");
        }
        0
    };
    linker
        .func_wrap(MODULE, "environ_sizes_get", zeros)
        .and_then(|it| it.func_wrap(MODULE, "environ_get", |_: i32, _: i32| -> i32 { 0 }))
        .and_then(|it| it.func_wrap(MODULE, "fd_write", fd_write))
        .and_then(|it| {
            let exit =
                |code: i32| -> Result<(), wasmi::Error> { Err(wasmi::Error::i32_exit(code)) };
            it.func_wrap(MODULE, "proc_exit", exit)
        })
        .expect("four names");
    linker
}

fn memory(caller: &Caller<'_, Vec<u8>>) -> Memory {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    memory.expect("the guest has a memory")
}

fn fd_write(mut caller: Caller<'_, Vec<u8>>, _: i32, at: i32, count: i32, into: i32) -> i32 {
    let place = |number: i32| usize::try_from(number).expect("an address");
    let (bytes, printed) = memory(&caller).data_and_store_mut(&mut caller);
    let mut written = 0;
    for piece in bytes[place(at)..][..8 * place(count)].chunks(8) {
        let number = |at: usize| i32::from_le_bytes(piece[at..at + 4].try_into().expect("four"));
        printed.extend_from_slice(&bytes[place(number(0))..][..place(number(4))]);
        written += number(4);
    }
    bytes[place(into)..][..4].copy_from_slice(&written.to_le_bytes());
    0
}
