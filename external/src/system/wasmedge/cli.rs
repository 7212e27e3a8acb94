//! `WasmEdge`'s own command line, interpreting or with code that was compiled ahead.

use results::record::Scenario;
use workloads::Dialect;

use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, ONE_INSTANCE, Takes,
    Unavailable, call_arguments, copy_guest, find_program, found, listens, run, text,
};
use super::{ACQUIRE_MODES, estimate, loaded};

/// The program `wasmedge`.
pub(in crate::system) struct WasmEdgeCli;

impl Adapter for WasmEdgeCli {
    fn name(&self) -> &'static str {
        "wasmedge-cli"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmedge` installs it";
        let unavailable = unavailable(remedy);
        let program = find_program("wasmedge", &[])
            .ok_or_else(|| unavailable("there is no program `wasmedge`".to_owned()))?;
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        // The first line; plugins follow.
        let version = printed
            .lines()
            .next()
            .and_then(|line| line.rsplit(' ').next())
            .unwrap_or(&printed)
            .to_owned();
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
            let compile = ["compile".to_owned(), text(wasm), text(code)];
            run(&found.program, &compile).map(drop)
        })?;
        let mode = if ahead { "aot" } else { "interpreter" };
        let mut arguments = ["run", "--run-mode", mode, &text(&artifact)]
            .map(str::to_owned)
            .to_vec();
        if listens(build.workload) {
            arguments.push(ADDRESS.to_owned());
        }
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
}
