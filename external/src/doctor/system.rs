//! A system, as its adapter found it here.

use serde::{Serialize, Serializer};
use systems::Family;

use crate::system::Unavailable;

/// Whether a system can be measured here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemState {
    /// Its name in cells.
    pub name: &'static str,
    /// Where it stands among many.
    pub family: Family,
    /// Its version, where it can be found.
    pub version: Option<String>,
    /// That it can be measured, or why not. In JSON it is `unavailable`, which is `null` where it
    /// can.
    #[serde(rename = "unavailable", serialize_with = "unavailable")]
    pub state: Result<(), Unavailable>,
    /// What else a reader of its figures should know: the mode that it runs in, a version that
    /// matches no engine.
    pub notes: Vec<String>,
}

fn unavailable<S: Serializer>(
    state: &Result<(), Unavailable>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    state.as_ref().err().serialize(serializer)
}
