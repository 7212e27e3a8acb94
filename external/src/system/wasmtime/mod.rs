//! Wasmtime: embedded in the program `host`, and as its own command line.

mod cli;
mod embedded;
mod pool;

use std::path::{Path, PathBuf};

use results::values::{Lifecycle, Pool};

use super::{Acquire, Estimate, Instancing, Paths, text};

pub(super) use cli::WasmtimeCli;
pub(super) use embedded::WasmtimeEmbedded;

/// What both can start with.
const ACQUIRE_MODES: [Acquire; 4] = [
    Acquire::Compile,
    Acquire::CacheMiss,
    Acquire::CacheHit,
    Acquire::DeserializeFile,
];

/// A way to meet requests; an instance that is kept is made once, so that its pool is the usual one.
const fn per_request(pool: Pool) -> Instancing {
    Instancing::of_engine(Lifecycle::PerRequest, pool)
}

/// How long a start takes that loads code which was compiled before, with the end of its process.
const PREPARED_MS: f64 = 10.0;

fn estimate(acquire: Option<Acquire>, compiling_ms: f64) -> Estimate {
    Estimate::start(if acquire.is_some_and(Acquire::compiles) {
        compiling_ms
    } else {
        PREPARED_MS
    })
}

/// The folder of the cache of compiled code, where the mode has one.
fn cache(acquire: Acquire, folder: &Path) -> Option<PathBuf> {
    matches!(acquire, Acquire::CacheMiss | Acquire::CacheHit).then(|| folder.join("cache"))
}

/// Where what belongs to a guest in `folder` lies.
fn paths(wasm: &Path, folder: &Path) -> Paths {
    Paths {
        guest: text(wasm),
        code: text(&wasm.with_extension("cwasm")),
        cache: text(&folder.join("cache")),
        cache_config: text(&folder.join("cache.toml")),
    }
}

/// What a start opens.
fn artifact(acquire: Option<Acquire>, paths: &Paths) -> &str {
    if acquire == Some(Acquire::DeserializeFile) {
        &paths.code
    } else {
        &paths.guest
    }
}
