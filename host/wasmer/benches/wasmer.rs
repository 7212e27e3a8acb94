//! The phases of Wasmer's starts beside a plain program over its interface: `hello` in a fresh process,
//! both ways in turns. `cargo bench … -- 40` says how many.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use host_command::second_way::{self, Pair, Steps, Stopwatch, phases, spec};
use host_probe::settings::{Acquire, Compiler, Configuration, EngineSettings};
use host_wasmer::Wasmer;
#[cfg(feature = "singlepass")]
use wasmer::sys::Singlepass;
use wasmer::sys::{CompilerConfig, Cranelift, EngineBuilder};
use wasmer::{
    Engine, Function, FunctionEnv, FunctionEnvMut, Imports, Instance, Memory, Module, RuntimeError,
    Store,
};
use workloads::{Dialect, Workload};

const MODULE: &str = "wasi_snapshot_preview1";

fn main() -> ExitCode {
    second_way::main(&[
        #[cfg(feature = "singlepass")]
        Pair {
            name: "wasmer compile singlepass",
            phased: || phased(Acquire::Compile, Compiler::Singlepass),
            plain: || plain(Acquire::Compile, Compiler::Singlepass),
        },
        Pair {
            name: "wasmer compile cranelift",
            phased: || phased(Acquire::Compile, Compiler::Cranelift),
            plain: || plain(Acquire::Compile, Compiler::Cranelift),
        },
        Pair {
            name: "wasmer deserialize cranelift",
            phased: || phased(Acquire::Deserialize, Compiler::Cranelift),
            plain: || plain(Acquire::Deserialize, Compiler::Cranelift),
        },
        Pair {
            name: "wasmer deserialize_file cranelift",
            phased: || phased(Acquire::DeserializeFile, Compiler::Cranelift),
            plain: || plain(Acquire::DeserializeFile, Compiler::Cranelift),
        },
    ])
}

fn hello() -> PathBuf {
    let artifact = Workload::Hello.artifact_for(Dialect::WasiHttp);
    artifact.expect("hello is built in").path()
}

/// What a start loads: the guest, or what was compiled of it into a file beside this program.
fn file(acquire: Acquire, compiler: Compiler) -> PathBuf {
    if acquire == Acquire::Compile {
        return hello();
    }
    let program = std::env::current_exe().expect("this program has a path");
    let file = program.with_extension("hello.code");
    if !file.exists() {
        let module = Module::from_file(&engine(compiler), hello()).expect("the guest compiles");
        module.serialize_to_file(&file).expect("it can be kept");
    }
    file
}

fn engine(compiler: Compiler) -> Engine {
    let compiler: Box<dyn CompilerConfig> = match compiler {
        #[cfg(feature = "singlepass")]
        Compiler::Singlepass => Box::new(Singlepass::default()),
        _ => Box::new(Cranelift::default()),
    };
    EngineBuilder::new(compiler).engine().into()
}

fn phased(acquire: Acquire, compiler: Compiler) -> Steps {
    let settings = EngineSettings {
        compiler,
        ..Configuration::BASELINE.settings
    };
    let spec = spec(&file(acquire, compiler), &["hello"], acquire, settings);
    phases::<Wasmer>(&spec)
}

struct Guest {
    printed: Vec<u8>,
    memory: Option<Memory>,
}

/// `hello` needs four functions, written out here: what it prints is kept.
fn plain(acquire: Acquire, compiler: Compiler) -> Steps {
    let file = file(acquire, compiler);
    let mut watch = Stopwatch::new();
    let engine = engine(compiler);
    watch.step("engine");
    let module = code(&engine, &file, acquire, &mut watch);
    let mut store = Store::new(engine);
    let guest = Guest {
        printed: Vec::new(),
        memory: None,
    };
    let env = FunctionEnv::new(&mut store, guest);
    let imports = imports(&mut store, &env);
    watch.step("link");
    let instance = Instance::new(&mut store, &module, &imports);
    let instance = instance.expect("the guest can be instantiated");
    let memory = instance.exports.get_memory("memory").ok().cloned();
    env.as_mut(&mut store).memory = memory;
    watch.step("instantiate");
    let start = instance
        .exports
        .get_typed_function::<(), ()>(&store, "_start")
        .expect("the guest has a `_start`");
    let ran = start.call(&mut store);
    watch.step("first_request");
    let steps = watch.stop();
    // It may end by a call that does not return.
    drop(ran);
    let printed = String::from_utf8_lossy(&env.as_ref(&store).printed).into_owned();
    assert_eq!(printed.trim_end(), workload_core::HELLO);
    steps
}

#[expect(
    unsafe_code,
    reason = "what is loaded was compiled by this very program"
)]
fn code(engine: &Engine, file: &Path, acquire: Acquire, watch: &mut Stopwatch) -> Module {
    if acquire == Acquire::DeserializeFile {
        // SAFETY: this program compiled it.
        let module = unsafe { Module::deserialize_from_file(engine, file) };
        watch.step("deserialize_file");
        return module.expect("it loads");
    }
    let bytes = std::fs::read(file).expect("the guest can be read");
    watch.step("read");
    if acquire == Acquire::Deserialize {
        // SAFETY: this program compiled it.
        let module = unsafe { Module::deserialize(engine, bytes) };
        watch.step("deserialize");
        return module.expect("it loads");
    }
    let module = Module::new(engine, &bytes);
    drop(bytes);
    watch.step("compile");
    module.expect("the guest compiles")
}

fn imports(store: &mut Store, env: &FunctionEnv<Guest>) -> Imports {
    let zeros = |env: FunctionEnvMut<'_, Guest>, at: i32, also: i32| -> i32 {
        let memory = env.data().memory.clone().expect("there is an instance");
        let view = memory.view(&env);
        for at in [at, also] {
            view.write(place(at), &[0; 4]).expect("its memory");
        }
        0
    };
    let nothing = |_: i32, _: i32| -> i32 { 0 };
    let exit = |_: i32| -> Result<(), RuntimeError> { Err(RuntimeError::new("exit")) };
    let mut imports = Imports::new();
    let functions = [
        (
            "environ_sizes_get",
            Function::new_typed_with_env(store, env, zeros),
        ),
        ("environ_get", Function::new_typed(store, nothing)),
        (
            "fd_write",
            Function::new_typed_with_env(store, env, fd_write),
        ),
        ("proc_exit", Function::new_typed(store, exit)),
    ];
    for (name, function) in functions {
        imports.define(MODULE, name, function);
    }
    imports
}

fn place(number: i32) -> u64 {
    u64::try_from(number).expect("an address")
}

fn fd_write(mut env: FunctionEnvMut<'_, Guest>, _: i32, at: i32, count: i32, into: i32) -> i32 {
    let (guest, store) = env.data_and_store_mut();
    let memory = guest.memory.as_ref().expect("there is an instance");
    let view = memory.view(&store);
    let mut written = 0;
    for nth in 0..place(count) {
        let mut piece = [0; 8];
        view.read(place(at) + 8 * nth, &mut piece)
            .expect("its memory");
        let number = |at: usize| i32::from_le_bytes(piece[at..at + 4].try_into().expect("four"));
        let from = place(number(0));
        let bytes = view.copy_range_to_vec(from..from + place(number(4)));
        guest.printed.extend(bytes.expect("its memory"));
        written += number(4);
    }
    view.write(place(into), &written.to_le_bytes())
        .expect("its memory");
    0
}
