//! How the program ends, and what it says when that is not well.

use std::fmt;
use std::process::ExitCode;

use crate::publish::PublishError;
use findings::input::InputError;

/// How the program ends. The numbers are an interface: `analysis --help` documents them, a test
/// holds both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and nothing is wrong.
    Ok = 0,
    /// The program itself failed.
    Internal = 1,
    /// The command line says something impossible.
    Usage = 2,
    /// There is no such run, or it cannot be read.
    Input = 3,
    /// Something is wrong with the run: damaged input, or `verify` found a contradiction. What
    /// could be done is done.
    Damaged = 4,
    /// The results folder cannot be written.
    Output = 5,
    /// `compare`: at least one cell is slower than it was.
    Regression = 10,
    /// `compare`: no cell is known to be slower, but there were too few samples to say so of all.
    Inconclusive = 11,
    /// `compare`: the two runs must not be compared.
    NotComparable = 12,
}

impl Exit {
    /// Every way to end, with its line in the documented table.
    pub const TABLE: [(Self, &'static str); 9] = [
        (
            Self::Ok,
            "done, and nothing is wrong; `compare`: no regression",
        ),
        (Self::Internal, "the program itself failed"),
        (Self::Usage, "the command line says something impossible"),
        (Self::Input, "there is no such run, or it cannot be read"),
        (
            Self::Damaged,
            "something is wrong with the run, and named; what could be done is done",
        ),
        (Self::Output, "the results folder cannot be written"),
        (
            Self::Regression,
            "`compare`: at least one cell is slower than it was",
        ),
        (
            Self::Inconclusive,
            "`compare`: no cell is known to be slower, but there are too few samples to say so of \
                all",
        ),
        (
            Self::NotComparable,
            "`compare`: the two runs must not be compared",
        ),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure with its way out.
#[derive(Debug, Clone)]
pub struct Error {
    /// The code that the program ends with.
    pub exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Error {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        let hint = match &error {
            InputError::NoSuchRun { .. } => {
                "`cargo run -p external -- suite` measures one; a run is the name of a folder \
                    there, or `latest`; --in names another folder"
            }
            InputError::Io { .. } => {
                "look at its permissions, or copy the run's folder somewhere else and use --in"
            }
        };
        Self::new(Exit::Input, error.to_string()).hint(hint)
    }
}

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        Self::new(Exit::Output, error.to_string()).hint("--out names another folder to write to")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table_once() {
        let mut codes: Vec<_> = Exit::TABLE.iter().map(|(exit, _)| *exit as u8).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 10, 11, 12]);
    }
}
