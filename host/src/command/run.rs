//! `host run`: a command run to its end, as a person would embed it.

use std::ffi::OsString;

use campaign::{Error, Exit};
use host_probe::given::{Given, Interfaces, Variable};
use host_probe::limits;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{Acquire, Allocator, Interrupt};
use wasmtime::component::{Component, Linker as ComponentLinker, ResourceTable};
use wasmtime::{Engine, Linker, Module, Store, Trap};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::Status;
use crate::artifact::{Artifact, cache_folder, engine_settings};
use crate::cli::args::RunArgs;
use crate::engine::wasmtime::deadline::{self, Then};
use crate::engine::wasmtime::guest::{
    MemoryLimit, bound_handles, engine_failure, failure_of, give, out_of_time,
};
use crate::engine::wasmtime::state::{self, Stateful};
use crate::engine::wasmtime::{allow, config, engine_from, new_executor, private_cache};
use crate::error::{Advice, failed, usage};

/// Runs the command with this process's standard streams, and returns what it exited with.
pub(super) fn run(options: &RunArgs) -> Result<Status, Error> {
    check_arguments(&options.arguments)?;
    let cache = options.cache.as_deref().map(cache_folder).transpose()?;
    // The engine comes before the artifact is opened, as in `wasmtime run`: seen from outside, what
    // follows the opening is the same of both.
    let make = || -> Result<_, Failure> {
        let cache = cache.as_deref().map(private_cache).transpose()?;
        let settings = engine_settings(Allocator::OnDemand, Interrupt::None);
        let acquire = options.acquire.unwrap_or(Acquire::Compile);
        let engine = engine_from(&config(acquire, settings, cache))?;
        Ok((engine, new_executor()?))
    };
    let subject = || options.artifact.display().to_string();
    let (engine, executor) = make().map_err(|failure| failed(&subject(), &failure, Advice::RUN))?;
    let artifact = Artifact::open(&options.artifact)?;
    let acquire = artifact.acquire_mode(options.acquire)?;
    let given = options.given.given()?;
    let asked = Asked {
        options,
        given: &given,
    };
    // Code that checks nothing cannot be stopped: what ends is this process, with these words.
    deadline::end_with(&artifact.failed(&out_of_time(""), Advice::RUN));
    let run = || {
        if artifact.is_module()? {
            let module: Module = artifact.load(&engine, acquire)?;
            executor.block_on(run_module(&engine, &module, asked))
        } else {
            let component: Component = artifact.load(&engine, acquire)?;
            executor.block_on(run_component(&engine, &component, asked))
        }
    };
    run().map_err(|failure| artifact.failed(&failure, Advice::RUN))
}

/// Whether all can be handed on as they are.
fn check_arguments(arguments: &[OsString]) -> Result<(), Error> {
    match arguments.iter().find(|it| it.to_str().is_none()) {
        None => Ok(()),
        Some(odd) => Err(usage(
            format!("the argument {} is no text", odd.display()),
            "WASI hands on UTF-8 alone: give it otherwise, such as in a file",
        )),
    }
}

/// The data of a store.
struct Guest {
    wasi: WasiP1Ctx,
    memory: MemoryLimit,
    config: Vec<Variable>,
}

impl Stateful for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        self.wasi.ctx().table
    }

    fn config(&self) -> &[Variable] {
        &self.config
    }
}

/// What is asked for, and what the guest is given.
#[derive(Clone, Copy)]
struct Asked<'a> {
    options: &'a RunArgs,
    given: &'a Given,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// A store with what the guest is given, its limits set.
fn new_store(engine: &Engine, asked: Asked<'_>) -> Result<Store<Guest>, Failure> {
    let Asked { options, given } = asked;
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().arg(options.artifact.to_string_lossy());
    options
        .arguments
        .iter()
        .for_each(|argument| _ = wasi.arg(argument.to_string_lossy()));
    give(&mut wasi, given)?;
    let mut wasi = wasi.build_p1();
    bound_handles(wasi.ctx().table);
    let memory = MemoryLimit::new(options.memory_bytes);
    let guest = Guest {
        wasi,
        memory,
        config: given.config.clone(),
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(limits::HOST_CALL_BYTES);
    allow(&mut store, options.time, Then::End);
    Ok(store)
}

async fn run_module(engine: &Engine, module: &Module, asked: Asked<'_>) -> Result<Status, Failure> {
    let mut linker: Linker<Guest> = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |guest| &mut guest.wasi)
        .map_err(|error| not_linked(&error))?;
    let mut store = new_store(engine, asked)?;
    let instance = linker.instantiate_async(&mut store, module).await;
    let instance = instance.map_err(|error| not_instantiated(&error, &store))?;
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .map_err(|error| not_linked(&error))?;
    let ended = start.call_async(&mut store, ()).await;
    exit_status(ended.map(Ok), &store)
}

async fn run_component(
    engine: &Engine,
    component: &Component,
    asked: Asked<'_>,
) -> Result<Status, Failure> {
    let link = |beyond: Interfaces| {
        let mut linker = ComponentLinker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        state::add_to_linker(&mut linker, beyond)?;
        linker.instantiate_pre(component)
    };
    // Nobody pays for what only few import.
    let command = link(Interfaces::default())
        .or_else(|_| link(Interfaces::ALL))
        .and_then(CommandPre::new)
        .map_err(|error| not_linked(&error))?;
    let mut store = new_store(engine, asked)?;
    let command = command.instantiate_async(&mut store).await;
    let command = command.map_err(|error| not_instantiated(&error, &store))?;
    let ended = command.wasi_cli_run().call_run(&mut store).await;
    exit_status(ended, &store)
}

/// What the guest exited with.
fn exit_status(
    ended: wasmtime::Result<Result<(), ()>>,
    store: &Store<Guest>,
) -> Result<Status, Failure> {
    match ended {
        Ok(Ok(())) => Ok(Status::Exit(Exit::Ok)),
        Ok(Err(())) => Ok(Status::Guest(1)),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => Ok(Status::Guest(u8::try_from(*code).unwrap_or(1))),
            None => Err(failure_of(&error, &store.data().memory, "")),
        },
    }
}

fn not_linked(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Artifact, "it cannot be linked", error)
}

/// What the guest lacks, unless it reached its limit or trapped: its memories and tables are made
/// here, and its start functions run.
fn not_instantiated(error: &wasmtime::Error, store: &Store<Guest>) -> Failure {
    let memory = &store.data().memory;
    if memory.reached().is_some() || error.is::<Trap>() {
        failure_of(error, memory, "")
    } else {
        not_linked(error)
    }
}
