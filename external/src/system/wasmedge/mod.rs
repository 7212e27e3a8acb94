//! `WasmEdge`: embedded in the program `host-wasmedge`, and as its own command line.

mod cli;
mod embedded;

use std::path::{Path, PathBuf};

use super::{Acquire, Estimate};

pub(super) use cli::WasmEdgeCli;
pub(super) use embedded::WasmEdgeEmbedded;

/// What both can start with: interpreting, or code that was compiled ahead.
const ACQUIRE_MODES: [Acquire; 2] = [Acquire::Interpret, Acquire::Aot];

fn estimate(acquire: Option<Acquire>) -> Estimate {
    let start = Estimate::start(35.0);
    match acquire {
        Some(Acquire::Interpret) => Estimate {
            request_us: 3_000.0,
            ..start
        },
        _ => start,
    }
}

/// What is loaded: the module, or what `compile` has made of it where code is compiled ahead.
fn loaded(
    wasm: PathBuf,
    ahead: bool,
    compile: impl FnOnce(&Path, &Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    if !ahead {
        return Ok(wasm);
    }
    let code = wasm.with_extension("so");
    compile(&wasm, &code)?;
    Ok(code)
}
