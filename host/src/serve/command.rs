//! `host run`: a command run to its end, as a person would embed it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use host_probe::settings::{Acquire, Allocator};
use host_probe::spec::{Cause, Failure};
use wasmtime::component::{Component, Linker as ComponentLinker, ResourceTable};
use wasmtime::{Engine, Linker, Module, Precompiled, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::engine_settings;
use super::error::ServeError;
use super::load::{Contents, acquired, contents, how};
use crate::engine::wasmtime::{config, engine_of, new_executor, private_cache};

/// The command line of `host run`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RunOptions {
    pub(super) artifact: PathBuf,
    pub(super) acquire: Option<Acquire>,
    pub(super) cache: Option<PathBuf>,
    pub(super) arguments: Vec<OsString>,
}

/// Runs the command with this process's standard streams, and returns what it exited with.
pub(super) fn run(options: &RunOptions) -> Result<ExitCode, ServeError> {
    let path = &options.artifact;
    let found = contents(path)?;
    let acquire = how(path, found, options.acquire)?;
    let run = || {
        let cache = options.cache.as_deref().map(private_cache).transpose()?;
        let engine = engine_of(&config(
            acquire,
            engine_settings(Allocator::OnDemand),
            cache,
        ))?;
        let executor = new_executor()?;
        if is_module(options, found)? {
            let module: Module = acquired(&engine, path, acquire)?;
            executor.block_on(run_module(&engine, &module, options))
        } else {
            let component: Component = acquired(&engine, path, acquire)?;
            executor.block_on(run_component(&engine, &component, options))
        }
    };
    run().map_err(|failure| ServeError::loading(path, failure))
}

fn is_module(options: &RunOptions, found: Contents) -> Result<bool, Failure> {
    match found {
        Contents::Precompiled => Engine::detect_precompiled_file(&options.artifact)
            .map(|kind| matches!(kind, Some(Precompiled::Module)))
            .map_err(|error| Failure::new(Cause::Artifact, format!("{error:#}"))),
        _ => Ok(found == Contents::Module),
    }
}

/// A deadline that no epoch reaches. Nothing here advances it: a command ends by itself or by a
/// signal.
const NEVER: u64 = u64::MAX / 2;

fn wasi(options: &RunOptions) -> WasiCtxBuilder {
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
    options: &RunOptions,
) -> Result<ExitCode, Failure> {
    let mut linker: Linker<WasiP1Ctx> = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |wasi| wasi)
        .map_err(|error| failed(&error))?;
    let mut store = Store::new(engine, wasi(options).build_p1());
    store.set_epoch_deadline(NEVER);
    let instance = linker
        .instantiate_async(&mut store, module)
        .await
        .map_err(|error| failed(&error))?;
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .map_err(|error| failed(&error))?;
    exit(start.call_async(&mut store, ()).await.map(Ok))
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
    options: &RunOptions,
) -> Result<ExitCode, Failure> {
    let mut linker = ComponentLinker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(|error| failed(&error))?;
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
        .map_err(|error| failed(&error))?;
    exit(command.wasi_cli_run().call_run(&mut store).await)
}

/// What the guest exited with.
fn exit(ended: wasmtime::Result<Result<(), ()>>) -> Result<ExitCode, Failure> {
    match ended {
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(())) => Ok(ExitCode::FAILURE),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => Ok(u8::try_from(*code).unwrap_or(1).into()),
            None => Err(Failure::new(
                Cause::Guest,
                format!("the guest failed: {:#}", error.root_cause()),
            )),
        },
    }
}

fn failed(error: &wasmtime::Error) -> Failure {
    Failure::new(Cause::Artifact, format!("it cannot be linked: {error:#}"))
}
