//! Wasmtime in the program `host`: `host serve` for services, `host run` for commands.

use campaign::sibling::Package;
use results::record::Scenario;
use results::values::{Allocator, Lifecycle, Named as _, Pool};
use workloads::Dialect;

use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Estimate, Found, Instancing, LaunchSpec,
    REUSED_INSTANCE, Takes, Unavailable, call_arguments, copy_guest, found, listens, run, text,
};
use super::pool::pool_settings;
use super::{ACQUIRE_MODES, cache, estimate, per_request, precompiled};

/// The engine as a library.
pub(in crate::system) struct WasmtimeEmbedded;

const HOST: Package = Package {
    name: "host",
    arguments: &[],
    flags: None,
    first_build: "building the program that embeds Wasmtime: once, some minutes",
};

/// By default it has no pool, which would be the larger part of its start.
const INSTANCINGS: [Instancing; 4] = [
    per_request(Pool::None),
    per_request(Pool::Default),
    per_request(Pool::Tuned),
    Instancing::of_engine(Lifecycle::Reused, Pool::None),
];

impl Adapter for WasmtimeEmbedded {
    fn name(&self) -> &'static str {
        "wasmtime-embedded"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = format!("`{}` builds it", HOST.command());
        let unavailable = unavailable(&remedy);
        let program = HOST.program(HOST.name).map_err(&unavailable)?;
        let arguments = ["run", "--version"].map(str::to_owned);
        let printed = run(&program, &arguments).map_err(&unavailable)?;
        let version = printed.rsplit(' ').next().unwrap_or(&printed).to_owned();
        found(program, version, &remedy)
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &ACQUIRE_MODES
    }

    fn takes(&self) -> Option<Takes> {
        Some(Takes::Guest(Dialect::WasiHttp))
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let (wasm, sha256) = copy_guest(build, Dialect::WasiHttp)?;
        let acquire = build
            .acquire
            .ok_or("the code acquisition mode is missing")?;
        let artifact = if acquire == Acquire::DeserializeFile {
            let (code, output) = precompiled(&wasm);
            let compile = ["compile", "--artifact", &text(&wasm), "--output", &output];
            run(&found.program, &compile.map(str::to_owned))?;
            code
        } else {
            wasm
        };
        let service = listens(build.workload);
        let command = if service { "serve" } else { "run" };
        let path = text(&artifact);
        let pool = build.instancing.pool.and_then(pool_settings);
        let pool_text = pool.map(|settings| format!("default,{settings}"));
        let mut arguments = vec![command, "--artifact", &path, "--acquire", acquire.name()];
        let cache = cache(acquire, build.folder);
        let cache_path = cache.as_deref().map(text);
        if let Some(folder) = &cache_path {
            arguments.extend(["--cache", folder]);
        }
        if service {
            arguments.extend(["--addr", ADDRESS]);
            arguments.extend(["--instances", build.instancing.lifecycle.name()]);
            if let Some(pool) = &pool_text {
                arguments.extend(["--allocator", Allocator::Pooling.name(), "--pool", pool]);
            }
        } else {
            arguments.push("--");
        }
        let mut arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend(call_arguments(build.workload));
        Ok(LaunchSpec {
            arguments,
            cache,
            pool: pool.filter(|_| service),
            ..LaunchSpec::of_artifact(found.program.clone(), artifact, sha256)
        })
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        estimate(acquire, 100.0)
    }

    fn bare(&self) -> &'static [&'static str] {
        &["run", "--version"]
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok(REUSED_INSTANCE)
    }

    fn instancings(&self) -> &'static [Instancing] {
        &INSTANCINGS
    }

    fn reports_milestones(&self) -> bool {
        true
    }
}
