//! Wasmtime's own command line: `wasmtime serve` for services, `wasmtime run` for commands.

use std::path::Path;

use results::record::Scenario;
use results::values::{Lifecycle, Pool};
use workloads::Dialect;

use super::super::own_workload;
use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, AcquireVariable, Adapter, BuildRequest, Commands, Estimate, Found,
    Instancing, LaunchSpec, Paths, REUSED_INSTANCE, Takes, Unavailable, call_arguments, copy_guest,
    found, listens, named_or_installed, run, text, words,
};
use super::pool::{self, pool_settings};
use super::{ACQUIRE_MODES, artifact, cache, estimate, paths, per_request};

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

    fn gives_sockets(&self) -> bool {
        true
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let (wasm, sha256) = copy_guest(build, Dialect::WasiHttp)?;
        let acquire = build
            .acquire
            .ok_or("the code acquisition mode is missing")?;
        let paths = paths(&wasm, build.folder);
        let cache = cache(acquire, build.folder);
        if let Some(folder) = &cache {
            write_cache_config(Path::new(&paths.cache_config), folder)?;
        }
        let commands = commands(build, &paths);
        if let Some(compile) = &commands.compile {
            run(&found.program, compile)?;
        }
        let artifact = artifact(build.acquire, &paths).into();
        let mut spec = LaunchSpec::of_artifact(found.program.clone(), artifact, sha256);
        if cache.is_some() {
            spec.files.push(paths.cache_config.into());
        }
        Ok(LaunchSpec {
            arguments: commands.launch,
            environment: commands.environment,
            cache,
            pool: pool_of(build).and_then(pool_settings),
            ..spec
        })
    }

    fn commands(&self, build: &BuildRequest<'_>, paths: &Paths) -> Option<Commands> {
        Some(commands(build, paths))
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        estimate(acquire, 60.0)
    }

    fn differences(&self, _: Option<Acquire>) -> &'static [&'static str] {
        &[POOL, LOGGING, THREADS, WASI_0_3]
    }
}

/// The pool of instances that `wasmtime serve` has by itself. That it looks for the address space of one
/// cannot be left out.
const POOL: &str = "pool";
const LOGGING: &str = "logging";
/// Its executor starts a thread for each core unless told otherwise.
const THREADS: &str = "threads";
/// Interfaces of WASI 0.3 in the linker. The embedded program is built without them. That components may
/// do several things at once, which 0.3 takes, cannot be left out: `serve` calls guests of 0.2 so too,
/// and answers 500 without it.
const WASI_0_3: &str = "wasi-0.3";

/// The pool that a start's instances come from, where the program is told or has one by itself.
fn pool_of(build: &BuildRequest<'_>) -> Option<Pool> {
    if build.leaves_out(POOL) {
        return Some(Pool::None);
    }
    build.instancing.pool.filter(|_| listens(build.workload))
}

/// The options with which a guest listens by itself on the machine's network.
const SOCKETS: &str = "tcp=y,inherit-network=y,allow-ip-name-lookup=y";

fn commands(build: &BuildRequest<'_>, paths: &Paths) -> Commands {
    let precompiled = build.acquire == Some(Acquire::DeserializeFile);
    let cached = matches!(build.acquire, Some(Acquire::CacheMiss | Acquire::CacheHit));
    let caching = if cached {
        format!("cache=y,cache-config={}", paths.cache_config)
    } else {
        "cache=n".to_owned()
    };
    let own = build.workload.own();
    let itself = own.filter(|target| own_workload::listens_itself(target));
    let service = listens(build.workload) && itself.is_none();
    let mut launch = words(&[if service { "serve" } else { "run" }]);
    if itself.is_some() {
        launch.extend(words(&["-S", SOCKETS]));
    }
    if service && own.is_some_and(own_workload::uses_command) {
        // Without it, `serve` has the interfaces of `wasi:http/proxy` alone.
        launch.extend(words(&["-S", "cli=y"]));
    }
    if let Some(option) = pool::flags(pool_of(build)) {
        launch.extend(words(&["-O", &option]));
    }
    if build.leaves_out(LOGGING) {
        launch.extend(words(&["-D", "logging=n"]));
    }
    if build.leaves_out(WASI_0_3) {
        launch.extend(words(&["-S", "p3=n"]));
    }
    launch.extend(words(&["-C", &caching]));
    if precompiled {
        launch.extend(words(&["--allow-precompiled"]));
    }
    if service {
        launch.extend(words(&["--addr", ADDRESS]));
        if build.instancing.lifecycle == Lifecycle::Reused {
            launch.extend(words(&REUSED));
        }
    }
    launch.push(artifact(build.acquire, paths).to_owned());
    launch.extend(call_arguments(build.workload));
    if let Some(target) = itself {
        launch.extend(own_workload::listening_arguments(target));
    }
    let one_thread = ("TOKIO_WORKER_THREADS".to_owned(), "1".to_owned());
    Commands {
        program: "wasmtime".to_owned(),
        compile: precompiled.then(|| words(&["compile", "-o", &paths.code, &paths.guest])),
        launch,
        environment: build
            .leaves_out(THREADS)
            .then_some(one_thread)
            .into_iter()
            .collect(),
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
fn write_cache_config(file: &Path, cache: &Path) -> Result<(), String> {
    let lines = format!(
        "[cache]\ndirectory = {:?}\ncleanup-interval = \
            \"365d\"\noptimized-compression-usage-counter-threshold = \"1G\"\n",
        text(cache)
    );
    std::fs::write(file, lines).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_an_exact_one() {
        assert_eq!(version().split('.').count(), 3, "{}", version());
    }
}
