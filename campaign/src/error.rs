//! What can go wrong, what to do about it, and with which code the program then ends.

use std::fmt;
use std::process::ExitCode;

use results::ledger::LedgerError;
use results::run_folder::RunFolderError;
use workloads::ArtifactError;

use crate::errno;

/// How a program ends. The numbers are an interface: each program's `--help` has them, and the
/// documentation's table is generated from [`Exit::TABLE`].
///
/// One table for all programs. Those that measure and the one that reports use some numbers for
/// different things; what a number stands for is [`Exit::TABLE`]'s to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was planned was done.
    Ok,
    /// The program itself failed.
    Internal,
    /// The command line says something impossible.
    Usage,
    /// The artifact cannot be used.
    Artifact,
    /// The guest misbehaved, or some samples failed or were skipped.
    Samples,
    /// The results folder cannot be written or read.
    Results,
    /// Another process writes to the run.
    Locked,
    /// The run cannot be resumed by this program on this machine.
    Resume,
    /// Nothing could be measured: every sample was skipped.
    Nothing,
    /// Interrupted; what was measured is kept.
    Interrupted,
    /// There is no such run, or it cannot be read.
    Input,
    /// Something is wrong with the run: damaged input, or a contradiction.
    Damaged,
    /// A report cannot be written.
    Output,
    /// A cell is slower than it was.
    Regression,
    /// No cell is known to be slower, but not every cell could be judged.
    Inconclusive,
    /// Two runs must not be compared.
    NotComparable,
}

/// Which programs end in a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// `host` and `external`.
    Measuring,
    /// `analysis`.
    Analysis,
    /// All of them.
    All,
}

/// A line of the table of exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitRow {
    /// The way to end.
    pub exit: Exit,
    /// The programs that end so.
    pub programs: Programs,
    /// What it means there.
    pub meaning: &'static str,
}

const fn row(exit: Exit, programs: Programs, meaning: &'static str) -> ExitRow {
    ExitRow {
        exit,
        programs,
        meaning,
    }
}

impl Exit {
    /// Every way to end, with what it means and to which programs.
    pub const TABLE: [ExitRow; 20] = {
        use Programs::{All, Analysis, Measuring};
        [
            row(Self::Ok, Measuring, "everything planned was measured"),
            row(
                Self::Ok,
                Analysis,
                "done, and nothing is wrong; `compare-runs`: no regression",
            ),
            row(
                Self::Internal,
                Measuring,
                "the harness itself failed, or `host serve` cannot listen where it was told to",
            ),
            row(Self::Internal, Analysis, "the program itself failed"),
            row(
                Self::Usage,
                All,
                "the command line says something impossible",
            ),
            row(Self::Artifact, Measuring, "the artifact cannot be used"),
            row(
                Self::Input,
                Analysis,
                "there is no such run, or it cannot be read",
            ),
            row(
                Self::Samples,
                Measuring,
                "the guest misbehaved, or some samples failed or were skipped",
            ),
            row(
                Self::Damaged,
                Analysis,
                "something is wrong with the run, and named; what could be done is done",
            ),
            row(
                Self::Results,
                Measuring,
                "the results folder cannot be written or read",
            ),
            row(
                Self::Output,
                Analysis,
                "the results folder cannot be written",
            ),
            row(
                Self::Locked,
                Measuring,
                "another process is measuring into that run",
            ),
            row(Self::Resume, Measuring, "the run cannot be resumed here"),
            row(
                Self::Nothing,
                Measuring,
                "nothing could be measured: every sample was skipped",
            ),
            row(
                Self::Regression,
                Measuring,
                "`duel --fail-on-slower`: build B is slower than build A",
            ),
            row(
                Self::Regression,
                Analysis,
                "`compare-runs`: at least one cell is slower than it was",
            ),
            row(
                Self::Inconclusive,
                Measuring,
                "`duel --fail-on-slower`: build B is not known to be slower, and not known to be \
                    as fast either",
            ),
            row(
                Self::Inconclusive,
                Analysis,
                "`compare-runs`: no cell is known to be slower, but not every cell could be judged",
            ),
            row(
                Self::NotComparable,
                Analysis,
                "`compare-runs`: the two runs must not be compared",
            ),
            row(
                Self::Interrupted,
                Measuring,
                "interrupted; what was measured is kept",
            ),
        ]
    };

    /// The number that the system gets.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Artifact | Self::Input => 3,
            Self::Samples | Self::Damaged => 4,
            Self::Results | Self::Output => 5,
            Self::Locked => 6,
            Self::Resume => 7,
            Self::Nothing => 8,
            Self::Regression => 10,
            Self::Inconclusive => 11,
            Self::NotComparable => 12,
            Self::Interrupted => 130,
        }
    }

    /// The table of some programs, in the order of the numbers.
    pub fn table_of(programs: Programs) -> impl Iterator<Item = (Self, &'static str)> {
        let rows = Self::TABLE.into_iter();
        rows.filter(move |row| row.programs == programs || row.programs == Programs::All)
            .map(|row| (row.exit, row.meaning))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
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
            RunFolderError::Io { source, .. } => {
                Self::new(Exit::Results, message).hint(errno::hint(&source).unwrap_or(
                    "--out FOLDER puts runs elsewhere; it needs a writable disk with room",
                ))
            }
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
            LedgerError::Io { source, .. } => {
                let hint = errno::hint(&source).unwrap_or("make room");
                Self::new(Exit::Results, message).hint(format!(
                    "all samples before it are kept, and --resume latest goes on; {hint}"
                ))
            }
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
    fn each_programs_numbers_are_its_own() {
        let codes = |programs| -> Vec<u8> {
            Exit::table_of(programs)
                .map(|(exit, _)| exit.code())
                .collect()
        };
        let measuring = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 130];
        assert_eq!(codes(Programs::Measuring), measuring);
        assert_eq!(codes(Programs::Analysis), [0, 1, 2, 3, 4, 5, 10, 11, 12]);
    }
}
