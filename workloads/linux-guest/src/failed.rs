//! What was tried and did not work, in one sentence.

use std::fmt;
use std::io;

/// What does not work.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failed {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Says what an error of the system's is of.
pub(crate) fn io(what: impl fmt::Display) -> impl FnOnce(io::Error) -> Failed {
    move |error| Failed(format!("{what}: {error}"))
}
