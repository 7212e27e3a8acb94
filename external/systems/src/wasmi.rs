//! Wasmi, an interpreter, as a library.

use results::Param;

use super::usual::Usual;
use super::{Embedding, Kind, Known, Marker, look};

/// Translating what is called, as it does by itself.
const USUAL: [Usual; 1] = [(Param::Translation, &["lazy_translation", "eager", "lazy"])];

pub(super) const KNOWN: [Known; 1] = [Known {
    name: "wasmi-embedded",
    label: "Wasmi embedded",
    kind: Kind::Wasm,
    engine: Some(("wasmi", Embedding::Library)),
    usual: &USUAL,
    look: look("mint", Marker::Up, false),
}];
