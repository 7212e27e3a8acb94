//! Wasmtime, as a library and as a command line.

use super::{Embedding, Kind, Known, Marker, look};

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "wasmtime-embedded",
        label: "Wasmtime embedded",
        kind: Kind::Wasm,
        engine: Some(("wasmtime", Embedding::Library)),
        look: look("blue", Marker::Square, false),
    },
    Known {
        name: "wasmtime-cli",
        label: "Wasmtime command line",
        kind: Kind::Wasm,
        engine: Some(("wasmtime", Embedding::CommandLine)),
        look: look("sky", Marker::Square, true),
    },
];
