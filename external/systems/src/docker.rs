//! Docker, around the native program and around a command line of WebAssembly.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Kind, Known, Layer, Marker, look};

/// `docker run` puts a container on the bridge; a command has no network.
const USUAL: [Usual; 1] = [(Param::Network, &["bridge", "host", "none"])];

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "docker",
        label: "Docker",
        kind: Kind::Container,
        engine: None,
        usual: &USUAL,
        look: look("green", Marker::Diamond, false),
    },
    Known {
        name: "docker-wasmtime",
        label: "Wasmtime in Docker",
        kind: Kind::Container,
        engine: Some(("wasmtime", Embedding::Within)),
        usual: &USUAL,
        look: look("mint", Marker::Diamond, true),
    },
];

pub(super) const LAYERS: [Layer; 2] = [
    Layer {
        system: "docker",
        network: Some("host"),
        work: "the engine: its layers, its log, its records",
    },
    Layer {
        system: "docker",
        network: Some("bridge"),
        work: "a network of its own: the bridge, addresses, rules, the proxy",
    },
];
