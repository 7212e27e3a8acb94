//! Wasmer, as a library.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Family, Kind, Known, Marker, look};

/// A precompiled file where something may be prepared, and the compiler that it has by itself.
const USUAL: [Usual; 2] = [
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
    (Param::Compiler, &["cranelift", "singlepass"]),
];

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "wasmer-embedded",
    label: "Wasmer embedded",
    kind: Kind::Wasm,
    family: Family::Embedded,
    engine: Some(("wasmer", Embedding::Library)),
    usual: &USUAL,
    look: look("wine", Marker::Square, false),
}];
