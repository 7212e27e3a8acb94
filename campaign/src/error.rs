//! What can go wrong, what to do about it, and with which code the program then ends.

use std::fmt;
use std::process::ExitCode;

use results::ledger::LedgerError;
use results::run_folder::RunFolderError;
use workloads::ArtifactError;

/// How the program ends. The numbers are an interface: README documents them, a test holds both
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was planned was measured.
    Ok = 0,
    /// The harness itself failed.
    Internal = 1,
    /// The command line says something impossible.
    Usage = 2,
    /// The artifact cannot be used.
    Artifact = 3,
    /// The guest misbehaved, or some samples failed or were skipped.
    Samples = 4,
    /// The results folder cannot be written or read.
    Results = 5,
    /// Another process writes to the run.
    Locked = 6,
    /// The run cannot be resumed by this program on this machine.
    Resume = 7,
    /// Nothing could be measured: every sample was skipped.
    Nothing = 8,
    /// Interrupted; what was measured is kept.
    Interrupted = 130,
}

impl Exit {
    /// Every way to end, with its line in the documented table.
    pub const TABLE: [(Self, &'static str); 10] = [
        (Self::Ok, "everything planned was measured"),
        (
            Self::Internal,
            "the harness itself failed, or `host serve` cannot listen where it was told to",
        ),
        (Self::Usage, "the command line says something impossible"),
        (Self::Artifact, "the artifact cannot be used"),
        (
            Self::Samples,
            "the guest misbehaved, or some samples failed or were skipped",
        ),
        (
            Self::Results,
            "the results folder cannot be written or read",
        ),
        (Self::Locked, "another process is measuring into that run"),
        (Self::Resume, "the run cannot be resumed here"),
        (
            Self::Nothing,
            "nothing could be measured: every sample was skipped",
        ),
        (Self::Interrupted, "interrupted; what was measured is kept"),
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

impl From<RunFolderError> for Error {
    fn from(error: RunFolderError) -> Self {
        let message = error.to_string();
        match error {
            RunFolderError::Io { .. } => Self::new(Exit::Results, message)
                .hint("--out FOLDER puts runs elsewhere; it needs a writable disk with room"),
            RunFolderError::Locked(_) => Self::new(Exit::Locked, message)
                .hint("wait for it to end; a run that was killed leaves no lock behind"),
            RunFolderError::NoSuchRun { .. } => Self::new(Exit::Usage, message)
                .hint("--resume takes a run's name or `latest`; --out FOLDER looks elsewhere"),
            RunFolderError::BadManifest { .. } => Self::new(Exit::Resume, message)
                .hint("use the version of coldphase that wrote it, or start a new run"),
        }
    }
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        let message = error.to_string();
        match error {
            LedgerError::Io { .. } => Self::new(Exit::Results, message)
                .hint("all samples before it are kept; make room, then go on with --resume latest"),
            LedgerError::Corrupt { .. } | LedgerError::UnknownSchema { .. } => {
                Self::new(Exit::Resume, message).hint("the file is left as it is; start a new run")
            }
        }
    }
}

impl From<ArtifactError> for Error {
    fn from(error: ArtifactError) -> Self {
        // Its message carries its own hint.
        Self::new(Exit::Artifact, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_documents_every_exit_code() {
        let readme = include_str!("../../README.md");
        for (exit, meaning) in Exit::TABLE {
            let row = format!("| {} | {meaning} |", exit as u8);
            assert!(readme.contains(&row), "README lacks the row {row}");
        }
    }
}
