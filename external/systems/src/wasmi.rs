//! Wasmi, an interpreter, as a library.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Family, Kind, Known, Marker, look};

/// Translating what is called, as it does by itself.
const USUAL: [Usual; 1] = [(Param::Translation, &["lazy_translation", "eager", "lazy"])];

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "wasmi-embedded",
    label: "Wasmi embedded",
    kind: Kind::Wasm,
    family: Family::Embedded,
    engine: Some(("wasmi", Embedding::Library)),
    usual: &USUAL,
    look: look("mint", Marker::Up, false),
}];
