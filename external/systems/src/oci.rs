//! OCI runtimes alone.

use results::Param;

use super::usual::Usual;
use super::{Kind, Known, Layer, Marker, look};

/// They make no network: services share the machine's.
const USUAL: [Usual; 1] = [(Param::Network, &["host"])];

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "runc",
        label: "runc",
        kind: Kind::Container,
        engine: None,
        usual: &USUAL,
        look: look("wine", Marker::Down, false),
    },
    Known {
        name: "crun",
        label: "crun",
        kind: Kind::Container,
        engine: None,
        usual: &USUAL,
        look: look("rose", Marker::Down, true),
    },
];

pub(super) const LAYER: Layer = Layer {
    system: "runc",
    network: Some("host"),
    work: "namespaces, mounts, control groups: the OCI runtime's two calls",
};
