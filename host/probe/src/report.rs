//! What a child process reports to its parent.

use machine::timeline::Recorded;
use results::record::Resources;
use results::{Attested, FailureKind, SkipKind};
use serde::{Deserialize, Serialize};

/// Memory of a process, in bytes. What the kernel does not report is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Its proportional share of what it maps.
    pub pss_bytes: Option<u64>,
    /// What it shares with nobody.
    pub private_bytes: Option<u64>,
    /// The kernel's tables of its pages, which are in neither.
    pub page_tables_bytes: Option<u64>,
}

/// The result of a [`crate::request::InstanceSet`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceSetReport {
    /// From the first instance's beginning to the last one's being ready, in nanoseconds.
    pub started_ns: u64,
    /// Of that, the last instance's store and instantiation.
    pub last_start_ns: u64,
    /// Before the first instance.
    pub base: Memory,
    /// With all of them.
    pub full: Memory,
    /// Mappings of the process with all of them.
    pub mappings: u64,
    /// Addresses that it has reserved, in bytes. Nothing where the kernel does not tell.
    pub address_space_bytes: Option<u64>,
    /// What they answered afterwards, each different answer with how many gave it.
    pub answers: Vec<(Answered, u64)>,
    /// How long that took, in nanoseconds.
    pub answers_ns: u64,
    /// What all of it has cost.
    pub resources: Resources,
}

/// What a guest answered, as the probe saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// HTTP status or exit code.
    pub code: i64,
    /// Body or standard output, in hexadecimal.
    pub body_hex: String,
    /// Headers of the answer: names and values, where the call keeps them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

/// What the probe reports when its start is over: one line of JSON on its standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// When what happened.
    pub recorded: Recorded,
    /// The answer that ended the start.
    pub first: Answered,
    /// What the guest printed to its standard error, as a reason quotes it.
    pub complaint: String,
    /// The answer to the same call again, or why there was none; absent for a command, which runs
    /// once.
    pub second: Option<Result<Answered, Failure>>,
    /// What the start cost.
    pub resources: Resources,
    /// The evidence.
    pub attested: Attested,
}

/// Why a start or a preparation came to nothing: the other line that a probe can report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// What is at fault.
    pub cause: Cause,
    /// One sentence for the user.
    pub reason: String,
}

/// What is at fault when a start fails: decides the hint and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The machine cannot give what the configuration needs.
    Machine,
    /// The artifact is not what it should be.
    Artifact,
    /// The guest ran and misbehaved.
    Guest,
    /// The guest took too long.
    TimeLimit,
    /// The guest needed too much memory.
    MemoryLimit,
    /// The guest printed or answered more than is kept.
    OutputLimit,
    /// The harness itself.
    Harness,
}

impl Failure {
    /// A failure of `cause`, described in one sentence.
    pub fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self {
            cause,
            reason: reason.into(),
        }
    }
}

impl From<Failure> for results::Failure {
    fn from(failure: Failure) -> Self {
        let kind = match failure.cause {
            Cause::TimeLimit => FailureKind::TimeLimit,
            _ => FailureKind::SystemFailed,
        };
        Self::new(kind, failure.reason)
    }
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Machine,
        Self::Artifact,
        Self::Guest,
        Self::TimeLimit,
        Self::MemoryLimit,
        Self::OutputLimit,
        Self::Harness,
    ];
}

impl Failure {
    /// Why a cell whose preparation failed so is skipped.
    pub const fn skip_kind(&self) -> SkipKind {
        match self.cause {
            Cause::Machine => SkipKind::MachineLimit,
            _ => SkipKind::NotPrepared,
        }
    }
}
