//! TOML that a person has written: read with the place of everything in it, so that whatever is wrong
//! is named by file, line and key, with the nearest right word.

mod node;
#[cfg(test)]
mod tests;
mod wrong;

use std::io::{self, Read as _};
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

pub(crate) use self::node::{Fields, Node};
pub use self::wrong::Wrong;

/// The longest file that is read, in bytes: a hundred descriptions have as much.
const LONGEST: u64 = 256 << 10;

/// What the parser says of a key that is there already, without saying which.
const TWICE: &str = "duplicate key";

/// A text in TOML, and what it is called where something is wrong with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> Source<'a> {
    /// Parses it.
    ///
    /// # Errors
    /// It is no TOML.
    pub(crate) fn parse(self) -> Result<Spanned<DeTable<'a>>, Wrong> {
        DeTable::parse(self.text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let (at, found) = (span.start, self.text.get(span).unwrap_or_default());
            match error.message().trim() {
                TWICE => self.wrong(at, "", format!("`{found}` stands here a second time")),
                message => self.wrong(at, "", message),
            }
        })
    }

    /// Something is wrong at a place in the text.
    fn wrong(self, at: usize, key: &str, what: impl Into<String>) -> Wrong {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        Wrong::new(self.name, line, key, what)
    }
}

/// Why a file of descriptions cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableDocument {
    /// It cannot be opened or read.
    #[error("cannot read {name}: {source}")]
    Io {
        /// Which.
        name: String,
        /// The error of the file system.
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error(
        "cannot read {0}: it is no file; a run that is resumed reads it again, which no pipe allows"
    )]
    NoFile(String),
    /// It is longer than descriptions are.
    #[error("cannot read {0}: it has more than {LONGEST} bytes, and descriptions are shorter")]
    TooLong(String),
    /// It is not in UTF-8.
    #[error("{name}:{line}: this line is no text in UTF-8")]
    NoText {
        /// Which.
        name: String,
        /// The first line that is none, from 1.
        line: usize,
    },
}

/// Reads a file that is a description, and not something without an end: a pipe or a device may have
/// none, and opening one may wait for ever.
///
/// # Errors
/// It cannot be read, is too long, or is no text.
pub(crate) fn read(path: &Path) -> Result<String, UnreadableDocument> {
    let name = || path.display().to_string();
    let unreadable = |source| UnreadableDocument::Io {
        name: name(),
        source,
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(UnreadableDocument::NoFile(name()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(UnreadableDocument::TooLong(name()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let text = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = text.split(|byte| *byte == b'\n').count();
        UnreadableDocument::NoText { name: name(), line }
    })
}
