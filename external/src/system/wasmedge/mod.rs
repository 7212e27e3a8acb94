//! `WasmEdge`: embedded in the program `host-wasmedge`, and as its own command line.

mod cli;
mod embedded;

use std::path::Path;

use super::{Acquire, Estimate, Mapped, Paths, text};

pub(super) use cli::WasmEdgeCli;
pub(super) use embedded::WasmEdgeEmbedded;

/// What both can start with: interpreting, or code that was compiled ahead.
const ACQUIRE_MODES: [Acquire; 2] = [Acquire::Interpret, Acquire::Aot];

/// What the command line can start with besides. The library takes the run mode too, and interprets: in
/// 0.17.1 compiling in memory is the command line's own work, and no function of the C API does it.
const CLI_ACQUIRE_MODES: [Acquire; 3] = [Acquire::Interpret, Acquire::Aot, Acquire::Jit];

fn estimate(acquire: Option<Acquire>) -> Estimate {
    let start = Estimate::start(35.0);
    match acquire {
        Some(Acquire::Jit) => Estimate::start(1_300.0),
        Some(Acquire::Interpret) => Estimate {
            request_us: 3_000.0,
            ..start
        },
        _ => start,
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
fn artifact<'a>(acquire: Option<Acquire>, paths: &'a Paths) -> &'a str {
    if acquire == Some(Acquire::Aot) {
        &paths.code
    } else {
        &paths.guest
    }
}

/// What shows that compiled code ran: an artifact that was compiled ahead can fall back to the
/// interpreter silently.
fn mapped(acquire: Option<Acquire>, paths: &Paths) -> Option<Mapped> {
    match acquire {
        Some(Acquire::Aot) => Some(Mapped::File(paths.code.clone().into())),
        Some(Acquire::Jit) => Some(Mapped::Anonymous),
        _ => None,
    }
}
