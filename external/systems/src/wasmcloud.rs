//! wasmCloud's host.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Family, Kind, Known, Marker, look};

/// A host that was launched for the workload, with what runs around it running.
const USUAL: [Usual; 5] = [
    (Param::Host, &["new", "running"]),
    (Param::Infrastructure, &["new"]),
    (Param::Image, &["cached", "pulled"]),
    (Param::Code, &["kept", "compiled"]),
    (Param::Pool, &["off", "on"]),
];

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "wasmcloud",
    label: "wasmCloud",
    kind: Kind::Wasm,
    family: Family::Orchestrator,
    engine: Some(("wasmtime", Embedding::Within)),
    usual: &USUAL,
    look: look("olive", Marker::Cross, false),
}];
