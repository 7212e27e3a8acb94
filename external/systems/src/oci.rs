//! OCI runtimes alone.

use results::Param;

use super::usual::Usual;
use super::{Family, Kind, Known, Layer, Marker, look};

/// They make no network that a service could be reached in; a command may have none at all.
const USUAL: [Usual; 1] = [(Param::Network, &["host", "none"])];

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "runc",
        label: "runc",
        kind: Kind::Container,
        family: Family::Container,
        engine: None,
        usual: &USUAL,
        look: look("wine", Marker::Down, false),
    },
    Known {
        name: "crun",
        label: "crun",
        kind: Kind::Container,
        family: Family::Container,
        engine: None,
        usual: &USUAL,
        look: look("rose", Marker::Down, true),
    },
];

pub(super) const LAYER: Layer = Layer {
    system: "runc",
    network: Some("host"),
    unless: None,
    step: "OCI runtime",
    work: "namespaces, mounts, control groups, the seccomp filter: the OCI runtime's two calls",
};
