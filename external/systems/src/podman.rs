//! Podman, around the native program.

use results::Param;

use super::{Family, Instead, Kind, Known, Layer, Marker, docker, look};

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "podman",
    label: "Podman",
    kind: Kind::Container,
    family: Family::Container,
    engine: None,
    usual: &[(Param::Network, &["host", "none"])],
    look: look("purple", Marker::Diamond, false),
}];

/// In the place of Docker's engine: there is no daemon between it and the OCI runtime.
pub(super) const INSTEAD: Instead = Instead {
    around: "OCI runtime",
    layer: Layer {
        system: "podman",
        work: "the whole of `podman run`: its storage, its records, a companion of the container's",
        ..docker::LAYERS[0]
    },
};
