//! Wasmtime's own command line: `wasmtime serve` for services, `wasmtime run` for commands.

use std::path::{Path, PathBuf};

use results::record::Scenario;
use results::values::{Lifecycle, Pool};
use workloads::Dialect;

use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, AcquireVariable, Adapter, BuildRequest, Estimate, Extra, Found, Instancing,
    LaunchSpec, REUSED_INSTANCE, Takes, Unavailable, call_arguments, copy_guest, found, listens,
    named_or_installed, run, text,
};
use super::pool::{self, pool_settings};
use super::{ACQUIRE_MODES, cache, estimate, per_request, precompiled};

/// The version of the engine that is embedded, which `./setup wasmtime` reads from the same line.
fn version() -> &'static str {
    let manifest = include_str!("../../../../Cargo.toml");
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("wasmtime = { version = \"="));
    line.and_then(|rest| rest.split('"').next())
        .expect("the workspace pins its engine exactly")
}

/// The program `wasmtime`.
pub(in crate::system) struct WasmtimeCli;

impl Adapter for WasmtimeCli {
    fn name(&self) -> &'static str {
        "wasmtime-cli"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmtime` installs it";
        let unavailable = unavailable(remedy);
        let installed = format!("wasmtime-{}/wasmtime", version());
        let program = named_or_installed("WASMTIME", &installed).map_err(&unavailable)?;
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        let version = printed.split_whitespace().nth(1).unwrap_or(&printed);
        let version = version.to_owned();
        found(program, version, remedy)
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok(REUSED_INSTANCE)
    }

    fn instancings(&self) -> &'static [Instancing] {
        &INSTANCINGS
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &ACQUIRE_MODES
    }

    fn acquire_variable(&self) -> Option<AcquireVariable> {
        Some(AcquireVariable {
            name: "WASMTIME_CACHE_MODE",
            meaning: "how `wasmtime-cli` acquires code: cold, warm, precompiled or off",
            old_key: "wasmtime_cache",
            values: "one of cold, warm, precompiled, off",
            parse: |mode| match mode {
                "cold" | "miss" => Some(Acquire::CacheMiss),
                "warm" | "hit" => Some(Acquire::CacheHit),
                "precompiled" | "aot" => Some(Acquire::DeserializeFile),
                "off" | "none" => Some(Acquire::Compile),
                _ => None,
            },
        })
    }

    fn takes(&self) -> Option<Takes> {
        Some(Takes::Guest(Dialect::WasiHttp))
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let (wasm, sha256) = copy_guest(build, Dialect::WasiHttp)?;
        let acquire = build
            .acquire
            .ok_or("the code acquisition mode is missing")?;
        let cache = cache(acquire, build.folder);
        let artifact = if acquire == Acquire::DeserializeFile {
            let (code, output) = precompiled(&wasm);
            let compile = ["compile", "-o", &output, &text(&wasm)];
            run(&found.program, &compile.map(str::to_owned))?;
            code
        } else {
            wasm
        };
        let cache_config = cache
            .as_ref()
            .map(|it| write_cache_config(build.folder, it));
        let cache_config = cache_config.transpose()?;
        let caching = match &cache_config {
            Some(file) => format!("cache=y,cache-config={}", text(file)),
            None => "cache=n".to_owned(),
        };
        let service = listens(build.workload);
        let command = if service { "serve" } else { "run" };
        let mut arguments = vec![command, "-C", &caching];
        let settings = build.instancing.pool.and_then(pool_settings);
        let pool_flags = service
            .then(|| pool::flags(build.instancing.pool))
            .flatten();
        if let Some(option) = &pool_flags {
            arguments.extend(["-O", option]);
        }
        if acquire == Acquire::DeserializeFile {
            arguments.push("--allow-precompiled");
        }
        if service {
            arguments.extend(["--addr", ADDRESS]);
            if build.instancing.lifecycle == Lifecycle::Reused {
                arguments.extend(REUSED);
            }
        }
        let mut arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        arguments.push(text(&artifact));
        arguments.extend(call_arguments(build.workload));
        let mut spec = LaunchSpec::of_artifact(found.program.clone(), artifact, sha256);
        spec.files.extend(cache_config);
        Ok(LaunchSpec {
            arguments,
            cache,
            pool: settings.filter(|_| service),
            ..spec
        })
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        estimate(acquire, 120.0)
    }

    fn extras(&self) -> &'static [Extra] {
        &[
            Extra {
                name: "pool",
                arguments: &["-O", "pooling-allocator=n"],
                environment: &[],
            },
            Extra {
                name: "logging",
                arguments: &["-D", "logging=n"],
                environment: &[],
            },
            // Its executor starts a thread for each core unless told otherwise.
            Extra {
                name: "threads",
                arguments: &[],
                environment: &[("TOKIO_WORKER_THREADS", "1")],
            },
        ]
    }
}

/// One instance that takes all requests in turn, as long as there are any: by default each request
/// of a WASI 0.2 component gets an instance of its own, which is gone after it.
const REUSED: [&str; 6] = [
    "--max-instance-reuse-count",
    "1000000000",
    "--idle-instance-timeout",
    "3600s",
    // Requests at a time beyond it get instances of their own.
    "--max-concurrent-requests",
    "1",
];

/// By default it has a pool, where the machine has the address space.
const INSTANCINGS: [Instancing; 4] = [
    per_request(Pool::Default),
    per_request(Pool::Tuned),
    per_request(Pool::None),
    Instancing::of_engine(Lifecycle::Reused, Pool::Default),
];

/// Writes the cache's configuration. Its housekeeping is put off beyond the life of a run: a worker
/// that recompresses entries would make the hundredth hit another measurement than the first.
fn write_cache_config(folder: &Path, cache: &Path) -> Result<PathBuf, String> {
    let file = folder.join("cache.toml");
    let lines = format!(
        "[cache]\ndirectory = {:?}\ncleanup-interval = \
            \"365d\"\noptimized-compression-usage-counter-threshold = \"1G\"\n",
        text(cache)
    );
    std::fs::write(&file, lines)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_an_exact_one() {
        assert_eq!(version().split('.').count(), 3, "{}", version());
    }
}
