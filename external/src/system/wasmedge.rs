//! `WasmEdge` in the program `host-wasmedge`, which `host serve --engine wasmedge` becomes.
//! Launched itself, since becoming it costs another exec that no embedder has.
//!
//! Its own command line is described in `external/systems/wasmedge.toml`.

use std::path::Path;

use campaign::sibling::Package;
use results::record::Scenario;
use workloads::Dialect;

use super::host_program::{calling, compiling};
use super::programs::unavailable;
use super::{
    Acquire, Adapter, BuildRequest, Commands, Estimate, Found, HostProgram, LaunchSpec, Mapped,
    ONE_INSTANCE, Paths, Takes, Unavailable, copy_guest, listens, run, text, words,
};

/// The engine as a library.
pub(super) struct WasmEdgeEmbedded;

const HOST: Package = Package {
    name: "host-wasmedge",
    arguments: &["--features", "wasmedge"],
    flags: None,
    first_build: "building the program that embeds WasmEdge: once, about two minutes",
};

const PROGRAM: HostProgram = HostProgram {
    name: HOST.name,
    version: &["--version"],
    says: "WasmEdge",
};

/// What it can start with: interpreting, or code that was compiled ahead. The library takes the run mode
/// `jit` too, and interprets: in 0.17.1 compiling in memory is the command line's own work, and no
/// function of the C API does it.
const ACQUIRE_MODES: [Acquire; 2] = [Acquire::Interpret, Acquire::Aot];

/// The guest's memory is bounded to less than WebAssembly allows.
const MEMORY_LIMIT: &str = "memory-limit";
/// Compiled ahead at level 3, as the SDK does by itself; the command line does at level 2.
const O3: &str = "o3";

impl Adapter for WasmEdgeEmbedded {
    fn name(&self) -> &'static str {
        "wasmedge-embedded"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup wasmedge` installs the library that it is built with";
        let unavailable = unavailable(remedy);
        let program = HOST.program(HOST.name).map_err(&unavailable)?;
        PROGRAM.identify(program).map_err(&unavailable)
    }

    fn host_program(&self) -> Option<HostProgram> {
        Some(PROGRAM)
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

    fn differences(&self, acquire: Option<Acquire>) -> &'static [&'static str] {
        match acquire {
            Some(Acquire::Aot) => &[MEMORY_LIMIT, O3],
            _ => &[MEMORY_LIMIT],
        }
    }

    fn estimate(&self, acquire: Option<Acquire>, scenario: Scenario) -> Estimate {
        // Its library links LLVM, over 100 MB, which a start out of the page cache reads from the disk.
        let start = Estimate::start(if scenario == Scenario::DiskCold {
            150.0
        } else {
            30.0
        });
        match acquire {
            Some(Acquire::Interpret) => Estimate {
                request_us: 3_000.0,
                ..start
            },
            _ => start,
        }
    }

    fn reports_milestones(&self) -> bool {
        true
    }
}

fn commands(build: &BuildRequest<'_>, paths: &Paths) -> Commands {
    let ahead = build.acquire == Some(Acquire::Aot);
    let command = if listens(build.workload) {
        "serve"
    } else {
        "run"
    };
    let mut launch = words(&[command, "--artifact", artifact(build.acquire, paths)]);
    launch.extend(words(&[
        "--acquire",
        if ahead { "aot" } else { "interpret" },
    ]));
    if build.leaves_out(MEMORY_LIMIT) {
        // All that 32 bits address.
        launch.extend(words(&["--memory-limit", "4096"]));
    }
    launch.extend(calling(build.workload));
    let mut compile = compiling(paths);
    if build.leaves_out(O3) {
        compile.extend(words(&["--optimize", "2"]));
    }
    Commands {
        program: HOST.name.to_owned(),
        compile: ahead.then_some(compile),
        launch,
        environment: Vec::new(),
    }
}

/// Where what belongs to a guest lies: there is no cache.
fn paths(wasm: &Path) -> Paths {
    Paths {
        guest: text(wasm),
        code: text(&wasm.with_extension("so")),
        cache: String::new(),
        cache_config: String::new(),
    }
}

/// What is loaded: the module, or what was compiled of it ahead.
fn artifact(acquire: Option<Acquire>, paths: &Paths) -> &str {
    if acquire == Some(Acquire::Aot) {
        &paths.code
    } else {
        &paths.guest
    }
}

/// What shows that compiled code ran: an artifact that was compiled ahead can fall back to the
/// interpreter silently.
fn mapped(acquire: Option<Acquire>, paths: &Paths) -> Option<Mapped> {
    (acquire == Some(Acquire::Aot)).then(|| Mapped::File(paths.code.clone().into()))
}
