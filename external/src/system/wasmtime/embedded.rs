//! Wasmtime in the program `host`: `host serve` for services, `host run` for commands.

use campaign::sibling::Package;
use results::record::Scenario;
use results::values::Named as _;
use workloads::{Dialect, Workload};

use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Takes, Unavailable,
    call_arguments, copy_guest, found, listens, run, text,
};
use super::{ACQUIRE_MODES, cache, estimate, precompiled};

/// The engine as a library.
pub(in crate::system) struct WasmtimeEmbedded;

const HOST: Package = Package {
    name: "host",
    arguments: &[],
    flags: None,
    first_build: "building the program that embeds Wasmtime: once, some minutes",
};

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
        let mut arguments = vec![command, "--artifact", &path, "--acquire", acquire.name()];
        let cache = cache(acquire, build.folder);
        let cache_path = cache.as_deref().map(text);
        if let Some(folder) = &cache_path {
            arguments.extend(["--cache", folder]);
        }
        if service {
            arguments.extend(["--addr", ADDRESS]);
            if build.workload == Workload::HttpState {
                arguments.extend(["--instances", "reused"]);
            }
        } else {
            arguments.push("--");
        }
        let mut arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend(call_arguments(build.workload));
        Ok(LaunchSpec {
            arguments,
            cache,
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
        Ok("memory of one instance that takes all requests, in turn")
    }

    fn reports_milestones(&self) -> bool {
        true
    }
}
