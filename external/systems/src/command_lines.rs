//! Command lines of engines that are there as nothing else.

use super::{Embedding, Family, Kind, Known, Marker, look};

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "wasmi-cli",
        label: "Wasmi command line",
        kind: Kind::Wasm,
        family: Family::CommandLine,
        engine: Some(("wasmi", Embedding::CommandLine)),
        usual: &[],
        look: look("rose", Marker::Square, true),
    },
    Known {
        name: "jco",
        label: "jco on Node.js",
        kind: Kind::Wasm,
        family: Family::CommandLine,
        engine: None,
        usual: &[],
        look: look("olive", Marker::Square, true),
    },
];
