//! What is wrong with a run's files, by file and line. The rest is analysed nevertheless.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damage {
    /// The file, as it is called in the run's folder.
    pub file: String,
    /// The line, from 1; nothing where it is about the whole file.
    pub line: Option<u64>,
    /// What sort of thing.
    pub kind: Kind,
    /// What was found.
    pub found: String,
}

/// Sorts of things that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file is not there, or cannot be read.
    Missing,
    /// The manifest is none.
    BadManifest,
    /// The last line was never finished.
    Torn,
    /// A line is longer than any that this project writes.
    TooLong,
    /// A line is no sample: no JSON, a number out of its range, a field too few.
    NoSample,
    /// A line was written by another version.
    WrongSchema,
    /// A place in the order occurs twice; the first one counts.
    DuplicateOrder,
    /// A sample belongs to another run.
    OtherRun,
    /// A sample says that it is good, and its numbers contradict it.
    Contradiction,
    /// A histogram cannot be read.
    BadHistogram,
    /// There is more than is read: lines, cells, bytes, or things that are wrong.
    TooMuch,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.file, self.found),
            None => write!(f, "{}: {}", self.file, self.found),
        }
    }
}
