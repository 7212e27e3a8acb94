//! Machine code, launched as it is.

use super::{Family, Kind, Known, Layer, Marker, look};

pub(super) const KNOWN: [Known; 4] = [
    Known {
        name: "native",
        label: "native",
        kind: Kind::Native,
        family: Family::Native,
        engine: None,
        usual: &[],
        look: look("native", Marker::Circle, false),
    },
    Known {
        name: "native-soft-sha",
        label: "native, SHA-256 in software",
        kind: Kind::Native,
        family: Family::Native,
        engine: None,
        usual: &[],
        look: look("grey", Marker::Circle, true),
    },
    Known {
        name: "native-static",
        label: "native, statically linked",
        kind: Kind::Native,
        family: Family::Native,
        engine: None,
        usual: &[],
        look: look("native", Marker::Circle, true),
    },
    Known {
        name: "native-no-date",
        label: "native, without a date",
        kind: Kind::Native,
        family: Family::Native,
        engine: None,
        usual: &[],
        look: look("grey", Marker::Circle, false),
    },
];

/// Containers hold the statically linked program: the dynamically linked one is the innermost layer
/// only where nothing else was measured.
pub(super) const LAYERS: [Layer; 2] = [
    Layer {
        system: "native",
        network: None,
        unless: Some("native-static"),
        step: "dynamic program",
        work: "the program alone, which links its libraries first, as those in containers do not",
    },
    Layer {
        system: "native-static",
        network: None,
        unless: None,
        step: "program",
        work: "the program alone, statically linked as in the containers",
    },
];
