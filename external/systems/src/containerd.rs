//! containerd without Docker.

use results::Param;

use super::{Family, Kind, Known, Layer, Marker, look};

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "containerd",
    label: "containerd",
    kind: Kind::Container,
    family: Family::Container,
    engine: None,
    usual: &[(Param::Network, &["host", "none"])],
    look: look("purple", Marker::Plus, false),
}];

pub(super) const LAYER: Layer = Layer {
    system: "containerd",
    network: Some("host"),
    unless: None,
    step: "daemon",
    work: "the daemon: a snapshot, its shim, its records",
};
