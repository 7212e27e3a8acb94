//! `host compile`: a guest compiled ahead of time, which `host serve` and `host run` start fastest
//! from.

use campaign::{Error, Exit};
use host_probe::settings::Acquire;

use crate::artifact::{Artifact, Contents, engine_settings};
use crate::cli::args::CompileArgs;
use crate::engine::wasmtime::{new_engine, not_compiled};
use crate::error::{cannot_load, usage};

/// Compiles a component or a core module into a file.
pub(super) fn run(arguments: &CompileArgs) -> Result<Exit, Error> {
    let path = &arguments.artifact;
    let artifact = Artifact::open(path)?;
    artifact.acquire_mode(Some(Acquire::Compile))?;
    let compile = || {
        let engine = new_engine(engine_settings(arguments.allocator), None)?;
        let wasm = artifact.read()?;
        let code = match artifact.contents {
            Contents::Module => engine.precompile_module(&wasm),
            _ => engine.precompile_component(&wasm),
        };
        code.map_err(|error| not_compiled(&error))
    };
    let code = compile().map_err(|failure| cannot_load(path, failure))?;
    std::fs::write(&arguments.output, code).map_err(|error| {
        let message = format!("cannot write {}: {error}", arguments.output.display());
        usage(
            message,
            "--output FILE needs a folder that exists and is writable",
        )
    })?;
    Ok(Exit::Ok)
}
