//! A system, as its adapter found it here.

use serde::{Serialize, Serializer};

/// Whether a system can be measured here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemState {
    /// Its name in cells.
    pub name: &'static str,
    /// Its version, where there is one to ask.
    pub version: Option<String>,
    /// That it can be measured, or why not. In JSON it is `unavailable`, which is `null` where it
    /// can.
    #[serde(rename = "unavailable", serialize_with = "unavailable")]
    pub state: Result<(), Unavailable>,
    /// What else a reader of its figures should know: the mode that it runs in, a version that
    /// matches no engine.
    pub notes: Vec<String>,
}

/// Why a system cannot be measured here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Unavailable {
    /// What is missing or in the way.
    pub reason: String,
    /// The command that mends it, or what to do.
    pub remedy: String,
}

fn unavailable<S: Serializer>(
    state: &Result<(), Unavailable>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    state.as_ref().err().serialize(serializer)
}
