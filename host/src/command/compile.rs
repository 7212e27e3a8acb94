//! `host compile`: a guest compiled ahead of time, which `host serve` and `host run` start fastest
//! from.

use campaign::{Error, Exit, errno};
use host_probe::files;
use host_probe::settings::{Acquire, Interrupt};

use crate::artifact::{Artifact, Contents, engine_settings};
use crate::cli::args::CompileArgs;
use crate::engine::wasmtime::{new_engine, not_compiled};
use crate::error::{Advice, usage};
use crate::inspect;

/// Compiles a component or a core module into a file.
pub(super) fn run(arguments: &CompileArgs) -> Result<Exit, Error> {
    if files::is_same(&arguments.artifact, &arguments.output) {
        return Err(usage(
            format!(
                "--output {} is the artifact itself",
                arguments.output.display()
            ),
            "compiled code cannot be compiled again: give another file, such as x.cwasm",
        ));
    }
    let artifact = Artifact::open(&arguments.artifact)?;
    artifact.acquire_mode(Some(Acquire::Compile))?;
    let compile = || {
        let wasm = artifact.read()?;
        let interrupt = arguments
            .interrupt
            .unwrap_or_else(|| usual_interrupt(&wasm));
        let engine = new_engine(engine_settings(arguments.allocator, interrupt), None)?;
        let code = match artifact.contents {
            Contents::Module => engine.precompile_module(&wasm),
            _ => engine.precompile_component(&wasm),
        };
        code.map_err(|error| not_compiled(&error))
    };
    let code = compile().map_err(|failure| artifact.failed(&failure, Advice::COMPILED))?;
    files::replace(&arguments.output, &code).map_err(|error| {
        let message = format!("cannot write {}: {error}", arguments.output.display());
        let hint = errno::hint(&error)
            .unwrap_or("--output FILE needs a folder that exists and is writable");
        usage(message, hint)
    })?;
    Ok(Exit::Ok)
}

/// How the command that runs it stops a guest: a service's gives way to others, a command's ends with
/// its process. What is neither is the engine's to refuse.
fn usual_interrupt(wasm: &[u8]) -> Interrupt {
    if inspect::serves(wasm) {
        Interrupt::Epoch
    } else {
        Interrupt::None
    }
}
