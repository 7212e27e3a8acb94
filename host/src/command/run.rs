//! `host run`: a command run to its end, as a person would embed it.

use std::path::Path;

use campaign::{Error, Exit};
use host_probe::report::{Cause, Failure};
use host_probe::settings::Allocator;
use wasmtime::component::{Component, Linker as ComponentLinker, ResourceTable};
use wasmtime::{Engine, Linker, Module, Precompiled, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::Status;
use crate::artifact::{Contents, acquire_mode, engine_settings, load};
use crate::cli::args::RunArgs;
use crate::engine::wasmtime::guest::{engine_failure, is_of_machine};
use crate::engine::wasmtime::{config, engine_from, new_executor, private_cache};
use crate::error::{Advice, artifact_failed};
use crate::source;

/// Runs the command with this process's standard streams, and returns what it exited with.
pub(super) fn run(options: &RunArgs) -> Result<Status, Error> {
    let path = &source::find(&options.artifact)?.path;
    let contents = Contents::detect(path)?;
    let acquire = acquire_mode(path, contents, options.acquire)?;
    let run = || {
        let cache = options.cache.as_deref().map(private_cache).transpose()?;
        let engine = engine_from(&config(
            acquire,
            engine_settings(Allocator::OnDemand),
            cache,
        ))?;
        let executor = new_executor()?;
        if is_module(path, contents)? {
            let module: Module = load(&engine, path, acquire)?;
            executor.block_on(run_module(&engine, &module, options))
        } else {
            let component: Component = load(&engine, path, acquire)?;
            executor.block_on(run_component(&engine, &component, options))
        }
    };
    run().map_err(|failure| artifact_failed(path, &failure, Advice::RUN))
}

fn is_module(path: &Path, contents: Contents) -> Result<bool, Failure> {
    match contents {
        Contents::Precompiled => Engine::detect_precompiled_file(path)
            .map(|kind| matches!(kind, Some(Precompiled::Module)))
            .map_err(|error| Failure::new(Cause::Artifact, format!("{error:#}"))),
        _ => Ok(contents == Contents::Module),
    }
}

/// A deadline that no epoch reaches. Nothing here advances it: a command ends by itself or by a
/// signal.
const NEVER: u64 = u64::MAX / 2;

fn wasi(options: &RunArgs) -> WasiCtxBuilder {
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().arg(options.artifact.to_string_lossy());
    options
        .arguments
        .iter()
        .for_each(|argument| _ = wasi.arg(argument.to_string_lossy()));
    wasi
}

async fn run_module(
    engine: &Engine,
    module: &Module,
    options: &RunArgs,
) -> Result<Status, Failure> {
    let mut linker: Linker<WasiP1Ctx> = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |wasi| wasi)
        .map_err(|error| not_linked(&error))?;
    let mut store = Store::new(engine, wasi(options).build_p1());
    store.set_epoch_deadline(NEVER);
    let instance = linker
        .instantiate_async(&mut store, module)
        .await
        .map_err(|error| not_linked(&error))?;
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .map_err(|error| not_linked(&error))?;
    exit_status(start.call_async(&mut store, ()).await.map(Ok))
}

struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

async fn run_component(
    engine: &Engine,
    component: &Component,
    options: &RunArgs,
) -> Result<Status, Failure> {
    let mut linker = ComponentLinker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(|error| not_linked(&error))?;
    let mut store = Store::new(
        engine,
        Guest {
            wasi: wasi(options).build(),
            table: ResourceTable::new(),
        },
    );
    store.set_epoch_deadline(NEVER);
    let command = Command::instantiate_async(&mut store, component, &linker)
        .await
        .map_err(|error| not_linked(&error))?;
    exit_status(command.wasi_cli_run().call_run(&mut store).await)
}

/// What the guest exited with.
fn exit_status(ended: wasmtime::Result<Result<(), ()>>) -> Result<Status, Failure> {
    match ended {
        Ok(Ok(())) => Ok(Status::Exit(Exit::Ok)),
        Ok(Err(())) => Ok(Status::Guest(1)),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => Ok(Status::Guest(u8::try_from(*code).unwrap_or(1))),
            None if is_of_machine(&error) => Err(engine_failure(
                Cause::Machine,
                "the guest was stopped",
                &error,
            )),
            None => Err(Failure::new(
                Cause::Guest,
                format!("the guest failed: {:#}", error.root_cause()),
            )),
        },
    }
}

fn not_linked(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Artifact, "it cannot be linked", error)
}
