//! Wasmtime, as a library and as a command line.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Kind, Known, Marker, look};

/// A precompiled file where something may be prepared; the engine's own defaults in all else, and
/// epochs, so that a guest cannot hang.
const USUAL: [Usual; 6] = [
    (
        Param::Acquire,
        &[
            "deserialize_file",
            "deserialize",
            "cache_hit",
            "compile",
            "cache_miss",
        ],
    ),
    (Param::Allocator, &["on_demand", "pooling"]),
    (Param::MemoryInit, &["cow", "copy"]),
    (Param::Compiler, &["cranelift", "cranelift_none", "winch"]),
    (Param::CompileThreads, &["parallel", "single"]),
    (Param::Interrupt, &["epoch", "none"]),
];

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "wasmtime-embedded",
        label: "Wasmtime embedded",
        kind: Kind::Wasm,
        engine: Some(("wasmtime", Embedding::Library)),
        usual: &USUAL,
        look: look("blue", Marker::Square, false),
    },
    Known {
        name: "wasmtime-cli",
        label: "Wasmtime command line",
        kind: Kind::Wasm,
        engine: Some(("wasmtime", Embedding::CommandLine)),
        usual: &USUAL,
        look: look("sky", Marker::Square, true),
    },
];
