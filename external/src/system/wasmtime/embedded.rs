//! Wasmtime in the program `host`: `host serve` for services, `host run` for commands.

use campaign::sibling::Package;
use host_probe::pool::PoolSettings;
use results::record::Scenario;
use results::values::{Allocator, Lifecycle, Named as _, Pool};
use workloads::Dialect;

use super::super::host_program::{calling, compiling};
use super::super::programs::unavailable;
use super::super::{
    Acquire, Adapter, BuildRequest, Commands, Estimate, Found, HostProgram, Instancing, LaunchSpec,
    Paths, REUSED_INSTANCE, Takes, Unavailable, copy_guest, listens, run, words,
};
use super::pool::pool_settings;
use super::{ACQUIRE_MODES, artifact, cache, estimate, paths, per_request};

/// The engine as a library.
pub(in crate::system) struct WasmtimeEmbedded;

const HOST: Package = Package {
    name: "host",
    arguments: &["--bin", "host"],
    flags: None,
    first_build: "building the program that embeds Wasmtime: once, some minutes",
};

const PROGRAM: HostProgram = HostProgram {
    name: HOST.name,
    version: &["run", "--version"],
    says: "wasmtime ",
};

const CONTROL_PROGRAM: &str = "host-control";

/// The same, linked as the command line is.
const CONTROL: Package = Package {
    arguments: &["--bin", CONTROL_PROGRAM],
    first_build: "linking the control of that program: once, some seconds",
    ..HOST
};

/// Checks in compiled code whether its time is up, which let others have their turn.
const EPOCHS: &str = "epochs";
/// The program is linked to be loaded at one address, and has no relocations to apply.
const FIXED_ADDRESS: &str = "fixed-address";
/// It does not look for the address space of a pool, as the command line does in any case.
const NO_POOL_PROBE: &str = "no-pool-probe";

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
        let remedy = HOST.remedy();
        let unavailable = unavailable(&remedy);
        let program = HOST.program(HOST.name).map_err(&unavailable)?;
        PROGRAM.identify(program).map_err(&unavailable)
    }

    fn host_program(&self) -> Option<HostProgram> {
        Some(PROGRAM)
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
        let paths = paths(&wasm, build.folder);
        let commands = commands(build, &paths);
        if let Some(compile) = &commands.compile {
            run(&found.program, compile)?;
        }
        let program = match commands.program.as_str() {
            CONTROL_PROGRAM => CONTROL.program(CONTROL_PROGRAM)?,
            _ => found.program.clone(),
        };
        let artifact = artifact(build.acquire, &paths).into();
        Ok(LaunchSpec {
            arguments: commands.launch,
            cache: cache(acquire, build.folder),
            pool: pool_of(build),
            ..LaunchSpec::of_artifact(program, artifact, sha256)
        })
    }

    fn commands(&self, build: &BuildRequest<'_>, paths: &Paths) -> Option<Commands> {
        Some(commands(build, paths))
    }

    fn differences(&self, _: Option<Acquire>) -> &'static [&'static str] {
        // The last one is left out by the program that the one before it leads to.
        &[EPOCHS, FIXED_ADDRESS, NO_POOL_PROBE]
    }

    fn estimate(&self, acquire: Option<Acquire>, _: Scenario) -> Estimate {
        estimate(acquire, 55.0)
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

/// The pool of a service that has one.
fn pool_of(build: &BuildRequest<'_>) -> Option<PoolSettings> {
    let pool = build.instancing.pool.filter(|_| listens(build.workload));
    pool.and_then(pool_settings)
}

fn commands(build: &BuildRequest<'_>, paths: &Paths) -> Commands {
    let acquire = build.acquire.unwrap_or(Acquire::Compile);
    let precompiled = acquire == Acquire::DeserializeFile;
    let service = listens(build.workload);
    let no_epochs = service && build.leaves_out(EPOCHS);
    let mut launch = Vec::new();
    if build.leaves_out(NO_POOL_PROBE) {
        launch.extend(words(&["--pool-probe"]));
    }
    let command = if service { "serve" } else { "run" };
    launch.extend(words(&[
        command,
        "--artifact",
        artifact(build.acquire, paths),
    ]));
    launch.extend(words(&["--acquire", acquire.name()]));
    if matches!(acquire, Acquire::CacheMiss | Acquire::CacheHit) {
        launch.extend(words(&["--cache", &paths.cache]));
    }
    if no_epochs {
        launch.extend(words(&["--interrupt", "none"]));
    }
    launch.extend(calling(build.workload));
    if service {
        if build.instancing.lifecycle != Lifecycle::PerRequest {
            launch.extend(words(&["--instances", build.instancing.lifecycle.name()]));
        }
        if let Some(settings) = pool_of(build) {
            launch.extend(words(&["--allocator", Allocator::Pooling.name()]));
            launch.extend(words(&["--pool", &format!("default,{settings}")]));
        }
    }
    let mut compile = compiling(paths);
    if no_epochs {
        compile.extend(words(&["--interrupt", "none"]));
    }
    Commands {
        program: if build.leaves_out(FIXED_ADDRESS) {
            CONTROL_PROGRAM.to_owned()
        } else {
            HOST.name.to_owned()
        },
        compile: precompiled.then_some(compile),
        launch,
        environment: Vec::new(),
    }
}
