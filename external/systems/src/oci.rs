//! OCI runtimes alone.

use super::{Kind, Known, Layer, Marker, look};

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "runc",
        label: "runc",
        kind: Kind::Container,
        engine: None,
        look: look("wine", Marker::Down, false),
    },
    Known {
        name: "crun",
        label: "crun",
        kind: Kind::Container,
        engine: None,
        look: look("rose", Marker::Down, true),
    },
];

pub(super) const LAYER: Layer = Layer {
    system: "runc",
    network: Some("host"),
    work: "namespaces, mounts, control groups: the OCI runtime's two calls",
};
