//! `WasmEdge`'s own command line, interpreting or with code that was compiled ahead.

use results::record::Scenario;
use workloads::Dialect;

use super::super::programs::unavailable;
use super::super::{
    ADDRESS, Acquire, Adapter, BuildRequest, Commands, Estimate, Found, LaunchSpec, ONE_INSTANCE,
    Paths, Takes, Unavailable, call_arguments, copy_guest, find_program, found, listens, run,
    words,
};
use super::{CLI_ACQUIRE_MODES, artifact, estimate, mapped, paths};

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
        &CLI_ACQUIRE_MODES
    }

    fn takes(&self) -> Option<Takes> {
        Some(Takes::Guest(Dialect::WasmEdgeSockets))
    }

    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        let (wasm, sha256) = copy_guest(build, Dialect::WasmEdgeSockets)?;
        let paths = paths(&wasm);
        let commands = commands(build, &paths);
        if let Some(compile) = &commands.compile {
            run(&found.program, compile)?;
        }
        let artifact = artifact(build.acquire, &paths).into();
        Ok(LaunchSpec {
            arguments: commands.launch,
            mapped: mapped(build.acquire, &paths),
            ..LaunchSpec::of_artifact(found.program.clone(), artifact, sha256)
        })
    }

    fn commands(&self, build: &BuildRequest<'_>, paths: &Paths) -> Option<Commands> {
        Some(commands(build, paths))
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        estimate(acquire)
    }
}

fn commands(build: &BuildRequest<'_>, paths: &Paths) -> Commands {
    let ahead = build.acquire == Some(Acquire::Aot);
    let mut launch = match build.acquire {
        Some(Acquire::Aot) => words(&["run", "--run-mode", "aot"]),
        // Its compiler reports to standard output, where the guest's answer is.
        Some(Acquire::Jit) => words(&["run", "--run-mode", "jit", "--log-level", "off"]),
        _ => words(&["run", "--run-mode", "interpreter"]),
    };
    launch.push(artifact(build.acquire, paths).to_owned());
    if listens(build.workload) {
        launch.push(ADDRESS.to_owned());
    }
    launch.extend(call_arguments(build.workload));
    Commands {
        program: "wasmedge",
        compile: ahead.then(|| words(&["compile", &paths.guest, &paths.code])),
        launch,
        environment: Vec::new(),
    }
}
