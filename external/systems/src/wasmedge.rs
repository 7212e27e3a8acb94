//! WasmEdge, as a library and as a command line.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Family, Kind, Known, Marker, look};

/// Compiled ahead of time where something may be prepared, and interpreted otherwise.
const USUAL: [Usual; 1] = [(Param::Acquire, &["aot", "interpret", "jit", "compile"])];

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "wasmedge-embedded",
        label: "WasmEdge embedded",
        kind: Kind::Wasm,
        family: Family::Embedded,
        engine: Some(("wasmedge", Embedding::Library)),
        usual: &USUAL,
        look: look("vermilion", Marker::Up, false),
    },
    Known {
        name: "wasmedge-cli",
        label: "WasmEdge command line",
        kind: Kind::Wasm,
        family: Family::CommandLine,
        engine: Some(("wasmedge", Embedding::CommandLine)),
        usual: &USUAL,
        look: look("orange", Marker::Up, true),
    },
];
