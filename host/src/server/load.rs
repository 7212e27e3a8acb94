//! From a file to a guest that is ready to be instantiated.

use std::path::Path;

use campaign::Error;
use host_probe::given::Interfaces;
use host_probe::pool::PoolSettings;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{Acquire, Allocator};
use machine::clock::now_ns;
use wasmtime::component::{Component, Linker};
use wasmtime::{Cache, Config, Engine, InstanceAllocationStrategy};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::instance::Guest;
use super::milestones::Milestones;
use crate::artifact::{Artifact, Contents, cache_folder, engine_settings};
use crate::cli::args::ServeArgs;
use crate::engine::wasmtime::guest::engine_failure;
use crate::engine::wasmtime::{config, engine_from, pool, private_cache, state};
use crate::error::{Advice, failed, unusable_artifact};

/// A guest that is ready to be instantiated.
pub(super) struct Loaded {
    pub(super) engine: Engine,
    pub(super) guest: ProxyPre<Guest>,
}

/// Loads the artifact, and records how and when in `milestones`.
///
/// Engine and linker come before the artifact is opened, as in `wasmtime serve`: seen from outside,
/// what follows the opening is the same of both.
pub(super) fn load(options: &ServeArgs, milestones: &mut Milestones) -> Result<Loaded, Error> {
    let cache = options.cache.as_deref().map(cache_folder).transpose()?;
    let (engine, linker) = prepare(options, cache.as_deref(), milestones).map_err(|failure| {
        let subject = options.artifact.display().to_string();
        failed(&subject, &failure, Advice::SERVED)
    })?;
    let artifact = open_served(&options.artifact)?;
    let acquire = artifact.acquire_mode(options.acquire)?;
    let mut load_guest = || {
        let component: Component = artifact.load(&engine, acquire)?;
        milestones.acquired_ns = now_ns();
        let guest = link(&engine, &linker, &component)?;
        milestones.linked_ns = now_ns();
        milestones.acquire = acquire;
        Ok(guest)
    };
    match load_guest() {
        Ok(guest) => Ok(Loaded { engine, guest }),
        Err(failure) => Err(artifact.failed(&failure, Advice::SERVED)),
    }
}

/// What does not depend on the artifact: the engine, and the host functions that most services take.
fn prepare(
    options: &ServeArgs,
    cache: Option<&Path>,
    milestones: &mut Milestones,
) -> Result<(Engine, Linker<Guest>), Failure> {
    let cache = cache.map(private_cache).transpose()?;
    // What is opened later is Wasm unless another mode is asked for, or it is refused.
    let acquire = options.acquire.unwrap_or(Acquire::Compile);
    let engine = engine_from(&engine_config(options, acquire, cache))?;
    milestones.engine_ns = now_ns();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker).map_err(|error| unlinked(&error))?;
    milestones.imports_ns = now_ns();
    Ok((engine, linker))
}

/// The engine's configuration, with the pool that was asked for.
fn engine_config(options: &ServeArgs, acquire: Acquire, cache: Option<Cache>) -> Config {
    let settings = engine_settings(options.allocator, options.interrupt);
    let mut config = config(acquire, settings, cache);
    if options.allocator == Allocator::Pooling {
        let pool = pool(pool_settings(options));
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// What the pool is given: unless something else is asked for, places that keep what their instances
/// wrote to, and as many as there may be requests. The kernel is informed about each stack on its own,
/// so that a start pays for every one that could be used at a time.
fn pool_settings(options: &ServeArgs) -> PoolSettings {
    let asked = options.pool.unwrap_or(PoolSettings::TUNED);
    if asked.slots > 0 || asked == PoolSettings::DEFAULT {
        return asked;
    }
    asked.with_slots(u32::try_from(options.limits.concurrent).unwrap_or(u32::MAX))
}

/// Opens a file that is to be served.
fn open_served(path: &Path) -> Result<Artifact, Error> {
    let artifact = Artifact::open(path)?;
    match artifact.contents {
        Contents::Module => Err(unusable_artifact(
            path,
            "it is a core module",
            "a component that exports wasi:http/incoming-handler is served: built for \
                wasm32-wasip2, for one",
        )),
        _ => Ok(artifact),
    }
}

/// With as little of WASI as the guest takes: each function that a linker holds costs a start about
/// 100 ns. `small` holds what most services take.
fn link(
    engine: &Engine,
    small: &Linker<Guest>,
    component: &Component,
) -> Result<ProxyPre<Guest>, Failure> {
    let whole = |beyond: Interfaces| {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        state::add_to_linker(&mut linker, beyond)?;
        linker.instantiate_pre(component)
    };
    small
        .instantiate_pre(component)
        .or_else(|_| whole(Interfaces::default()))
        .or_else(|_| whole(Interfaces::ALL))
        .and_then(ProxyPre::new)
        .map_err(|error| unlinked(&error))
}

fn unlinked(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Artifact, "it cannot be linked", error)
}
