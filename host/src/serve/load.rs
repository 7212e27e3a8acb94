//! From a file to code that is ready to be instantiated.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use host_probe::settings::{Acquire, Allocator};
use host_probe::spec::{Cause, Failure};
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Cache, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::engine_settings;
use super::error::ServeError;
use super::instance::Guest;
use super::milestones::Milestones;
use super::options::{CompileOptions, Options};
use crate::engine::wasmtime::{
    Code, config, engine_of, new_engine, not_compiled, not_loaded, private_cache, read,
};

/// A guest that is ready to be instantiated.
pub(super) struct Loaded {
    pub(super) engine: Engine,
    pub(super) guest: ProxyPre<Guest>,
}

/// What a file holds, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    Component,
    Module,
    Precompiled,
    Other,
}

/// Loads the artifact, and tells `milestones` how, and when what was done.
pub(super) fn load(options: &Options, milestones: &mut Milestones) -> Result<Loaded, ServeError> {
    let path = &options.artifact;
    let acquire = how(path, served(path)?, options.acquire)?;
    let mut load = || {
        let cache = options.cache.as_deref().map(private_cache).transpose()?;
        let engine = engine_of(&configured(options, acquire, cache))?;
        milestones.engine_ns = machine::clock::now_ns();
        let component: Component = acquired(&engine, path, acquire)?;
        milestones.acquired_ns = machine::clock::now_ns();
        let guest = linked(&engine, &component)?;
        milestones.linked_ns = machine::clock::now_ns();
        milestones.acquire = acquire;
        Ok(Loaded { engine, guest })
    };
    load().map_err(|failure| ServeError::loading(path, failure))
}

/// Compiles a component or a core module into a file that `load` or `host run` takes.
pub(super) fn compile_to_file(options: &CompileOptions) -> Result<(), ServeError> {
    let path = &options.artifact;
    let contents = contents(path)?;
    how(path, contents, Some(Acquire::Compile))?;
    let compile = || {
        let engine = new_engine(engine_settings(options.allocator), None)?;
        let wasm = read(path)?;
        let code = match contents {
            Contents::Module => engine.precompile_module(&wasm),
            _ => engine.precompile_component(&wasm),
        };
        code.map_err(|error| not_compiled(&error))
    };
    let code = compile().map_err(|failure| ServeError::loading(path, failure))?;
    std::fs::write(&options.output, code).map_err(|error| {
        let message = format!("cannot write {}: {error}", options.output.display());
        ServeError::usage(
            message,
            "--output FILE needs a folder that exists and is writable",
        )
    })
}

/// The engine's configuration, with a pool for as many instances as there may be requests.
///
/// What a pool's instances wrote to first is wiped and kept, rather than given back to the kernel,
/// which takes three system calls a request and the page faults after them. And the kernel is told
/// about each stack on its own, so that a start pays for every one that could be used at a time.
fn configured(options: &Options, acquire: Acquire, cache: Option<Cache>) -> Config {
    const KEPT_MEMORY_BYTES: usize = 512 * 1024;
    const KEPT_TABLE_BYTES: usize = 16 * 1024;
    const KEPT_STACK_BYTES: usize = 64 * 1024;
    let mut config = config(acquire, engine_settings(options.allocator), cache);
    if options.allocator == Allocator::Pooling {
        let most = u32::try_from(options.limits.concurrent).unwrap_or(u32::MAX);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(most)
            .total_stacks(most)
            .linear_memory_keep_resident(KEPT_MEMORY_BYTES)
            .table_keep_resident(KEPT_TABLE_BYTES)
            .async_stack_keep_resident(KEPT_STACK_BYTES)
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

pub(super) fn contents(path: &Path) -> Result<Contents, ServeError> {
    let mut head = [0; 8];
    let mut read = 0;
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    while read < head.len() {
        match file
            .read(&mut head[read..])
            .map_err(|error| unreadable(path, &error))?
        {
            0 => break,
            some => read += some,
        }
    }
    Ok(match &head[..read] {
        [0x7f, b'E', b'L', b'F', ..] => Contents::Precompiled,
        [0, b'a', b's', b'm', 1, 0, 0, 0] => Contents::Module,
        [0, b'a', b's', b'm', _, 0, 1, 0] => Contents::Component,
        _ => Contents::Other,
    })
}

/// What a file holds that is to be served.
fn served(path: &Path) -> Result<Contents, ServeError> {
    match contents(path)? {
        Contents::Module => Err(refused(
            path,
            "it is a core module",
            "a component that exports wasi:http/incoming-handler is served: built for \
                wasm32-wasip2, for one",
        )),
        other => Ok(other),
    }
}

fn refused(path: &Path, reason: &str, hint: &'static str) -> ServeError {
    ServeError::Artifact {
        path: path.into(),
        reason: reason.into(),
        hint,
    }
}

/// How the code is acquired: as asked, if what the file holds allows that.
pub(super) fn how(
    path: &Path,
    contents: Contents,
    asked: Option<Acquire>,
) -> Result<Acquire, ServeError> {
    match (contents, asked) {
        (Contents::Component | Contents::Module, None) => Ok(Acquire::Compile),
        (Contents::Precompiled, None) => Ok(Acquire::DeserializeFile),
        (Contents::Component | Contents::Module, Some(acquire)) if !acquire.takes_precompiled() => {
            Ok(acquire)
        }
        (Contents::Precompiled, Some(acquire)) if acquire.takes_precompiled() => Ok(acquire),
        (Contents::Component | Contents::Module, Some(_)) => Err(ServeError::usage(
            format!(
                "--acquire deserialize and deserialize_file need precompiled code, and {} is Wasm",
                path.display()
            ),
            "`host compile --artifact x.wasm --output x.cwasm` makes that of it",
        )),
        (Contents::Precompiled, Some(_)) => Err(ServeError::usage(
            format!(
                "{} is precompiled: there is nothing left to compile or to cache",
                path.display()
            ),
            "leave --acquire out, or give the .wasm that it was made from",
        )),
        (Contents::Other, _) => Err(refused(
            path,
            "it is neither Wasm nor precompiled code",
            "a .wasm file, or what `host compile` made of one",
        )),
    }
}

pub(super) fn acquired<C: Code>(
    engine: &Engine,
    path: &Path,
    acquire: Acquire,
) -> Result<C, Failure> {
    match acquire {
        Acquire::Compile | Acquire::CacheHit | Acquire::CacheMiss => {
            C::compile(engine, &read(path)?).map_err(|error| not_compiled(&error))
        }
        Acquire::Deserialize => {
            C::deserialize(engine, &read(path)?).map_err(|error| not_loaded(&error))
        }
        Acquire::DeserializeFile => {
            C::deserialize_file(engine, path).map_err(|error| not_loaded(&error))
        }
        Acquire::Interpret | Acquire::Aot => Err(Failure::new(
            Cause::Harness,
            "Wasmtime has no such way of acquiring code",
        )),
    }
}

/// With as little of WASI as the guest takes: each function that a linker holds costs a start about
/// 100 ns.
fn linked(engine: &Engine, component: &Component) -> Result<ProxyPre<Guest>, Failure> {
    let small = || {
        let mut linker = Linker::new(engine);
        wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
        linker.instantiate_pre(component)
    };
    let whole = || {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        linker.instantiate_pre(component)
    };
    small()
        .or_else(|_| whole())
        .and_then(ProxyPre::new)
        .map_err(|error| Failure::new(Cause::Artifact, format!("it cannot be linked: {error:#}")))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ServeError {
    ServeError::Artifact {
        path: path.to_owned(),
        reason: format!("cannot read it: {error}"),
        hint: "--artifact takes the path of a file that can be read",
    }
}
