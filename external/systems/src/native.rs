//! Machine code, launched as it is.

use super::{Kind, Known, Layer, Marker, look};

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "native",
        label: "native",
        kind: Kind::Native,
        engine: None,
        usual: &[],
        look: look("native", Marker::Circle, false),
    },
    Known {
        name: "native-soft-sha",
        label: "native, SHA-256 in software",
        kind: Kind::Native,
        engine: None,
        usual: &[],
        look: look("grey", Marker::Circle, true),
    },
];

pub(super) const LAYER: Layer = Layer {
    system: "native",
    network: None,
    work: "the program alone",
};
