//! Wasmtime, as a library and as a command line.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Family, Kind, Known, Marker, look};

/// A precompiled file where something may be prepared; the engine's own defaults in all else, and
/// epochs, so that a guest cannot hang. Each request of a WASI 0.2 component gets an instance of its
/// own unless the program is told otherwise.
const fn usual_with(pool: Usual) -> [Usual; 8] {
    [
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
        (Param::Lifecycle, &["per-request", "reused"]),
        pool,
        (Param::Allocator, &["on_demand", "pooling"]),
        (Param::MemoryInit, &["cow", "copy"]),
        (Param::Compiler, &["cranelift", "cranelift_none", "winch"]),
        (Param::CompileThreads, &["parallel", "single"]),
        (Param::Interrupt, &["epoch", "none"]),
    ]
}

/// Without a pool, which would be the larger part of its start.
const EMBEDDED: [Usual; 8] = usual_with((Param::Pool, &["none", "default", "tuned"]));

/// With the pool that its command line makes where the machine has the address space.
const CLI: [Usual; 8] = usual_with((Param::Pool, &["default", "none", "tuned"]));

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "wasmtime-embedded",
        label: "Wasmtime embedded",
        kind: Kind::Wasm,
        family: Family::Embedded,
        engine: Some(("wasmtime", Embedding::Library)),
        usual: &EMBEDDED,
        look: look("blue", Marker::Square, false),
    },
    Known {
        name: "wasmtime-cli",
        label: "Wasmtime command line",
        kind: Kind::Wasm,
        family: Family::CommandLine,
        engine: Some(("wasmtime", Embedding::CommandLine)),
        usual: &CLI,
        look: look("sky", Marker::Square, true),
    },
];
