//! `WasmEdge` in the program `host-wasmedge`, which `host serve --engine wasmedge` becomes.
//! Launched itself, since becoming it costs another exec that no embedder has.

use campaign::sibling::Package;
use results::record::Scenario;
use workloads::Dialect;

use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, ONE_INSTANCE, Takes,
    Unavailable, call_arguments, copy_guest, found, listens, run, text,
};
use super::{ACQUIRE_MODES, estimate, loaded};

/// The engine as a library.
pub(in crate::system) struct WasmEdgeEmbedded;

const HOST: Package = Package {
    name: "host-wasmedge",
    arguments: &["--features", "wasmedge"],
    flags: None,
    first_build: "building the program that embeds WasmEdge: once, about two minutes",
};

impl Adapter for WasmEdgeEmbedded {
    fn name(&self) -> &'static str {
        "wasmedge-embedded"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmedge` installs the library that it is built with";
        let unavailable = unavailable(remedy);
        let program = HOST.program(HOST.name).map_err(&unavailable)?;
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        let version = printed.rsplit(' ').next().unwrap_or(&printed).to_owned();
        found(program, version, remedy)
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok(ONE_INSTANCE)
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &ACQUIRE_MODES
    }

    fn takes(&self) -> Option<Takes> {
        Some(Takes::Guest(Dialect::WasmEdgeSockets))
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let (wasm, sha256) = copy_guest(build, Dialect::WasmEdgeSockets)?;
        let ahead = build.acquire == Some(Acquire::Aot);
        let artifact = loaded(wasm, ahead, |wasm, code| {
            let (wasm, code) = (text(wasm), text(code));
            let compile = ["compile", "--artifact", &wasm, "--output", &code];
            run(&found.program, &compile.map(str::to_owned)).map(drop)
        })?;
        let service = listens(build.workload);
        let command = if service { "serve" } else { "run" };
        let mode = if ahead { "aot" } else { "interpret" };
        let path = text(&artifact);
        let mut arguments = vec![command, "--artifact", &path, "--acquire", mode];
        if service {
            arguments.extend(["--addr", ADDRESS]);
        } else {
            arguments.push("--");
        }
        let mut arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        arguments.extend(call_arguments(build.workload));
        Ok(LaunchSpec {
            arguments,
            mapped: ahead.then(|| artifact.clone()),
            ..LaunchSpec::of_artifact(found.program.clone(), artifact, sha256)
        })
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        estimate(acquire)
    }

    fn reports_milestones(&self) -> bool {
        true
    }
}
