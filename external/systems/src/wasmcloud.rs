//! wasmCloud's host.

use super::{Embedding, Kind, Known, Marker, look};

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "wasmcloud",
    label: "wasmCloud",
    kind: Kind::Wasm,
    engine: Some(("wasmtime", Embedding::Within)),
    look: look("olive", Marker::Cross, false),
}];
