//! WasmEdge, as a library and as a command line.

use super::{Embedding, Kind, Known, Marker, look};

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "wasmedge-embedded",
        label: "WasmEdge embedded",
        kind: Kind::Wasm,
        engine: Some(("wasmedge", Embedding::Library)),
        look: look("vermilion", Marker::Up, false),
    },
    Known {
        name: "wasmedge-cli",
        label: "WasmEdge command line",
        kind: Kind::Wasm,
        engine: Some(("wasmedge", Embedding::CommandLine)),
        look: look("orange", Marker::Up, true),
    },
];
