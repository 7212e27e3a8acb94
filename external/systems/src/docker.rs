//! Docker, around the native program and around a command line of WebAssembly.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Family, Kind, Known, Layer, Marker, look};

/// `docker run` puts a container on the bridge.
const USUAL: [Usual; 1] = [(Param::Network, &["bridge", "host", "none"])];

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "docker",
        label: "Docker",
        kind: Kind::Container,
        family: Family::Container,
        engine: None,
        usual: &USUAL,
        look: look("green", Marker::Diamond, false),
    },
    Known {
        name: "docker-wasmtime",
        label: "Wasmtime in Docker",
        kind: Kind::Container,
        family: Family::Container,
        engine: Some(("wasmtime", Embedding::Within)),
        usual: &USUAL,
        look: look("mint", Marker::Diamond, true),
    },
];

/// A service in a network without a way out cannot be reached: of services the last layer holds the
/// sandbox too.
pub(super) const LAYERS: [Layer; 3] = [
    Layer {
        system: "docker",
        network: Some("host"),
        unless: None,
        step: "engine",
        work: "the engine: its layers, its log, its records",
    },
    Layer {
        system: "docker",
        network: Some("none"),
        unless: None,
        step: "network sandbox",
        work: "a network sandbox without a way out: the namespace, and the engine's records of it",
    },
    Layer {
        system: "docker",
        network: Some("bridge"),
        unless: None,
        step: "sandbox on the bridge",
        work: "the sandbox on the bridge: a pair of devices, an address, rules, the proxy of a \
            published port",
    },
];
