//! One thing that was looked at, and what it does to results.

use serde::Serialize;

/// How much a finding matters, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As measuring wants it.
    Good,
    /// Figures depend on it, and it may stay as it is.
    Note,
    /// Figures are worse or less repeatable for it.
    Warning,
    /// Some figures are wrong with it, or cannot be had.
    Bad,
}

impl Severity {
    /// All of them, the worst first: the order in which people read.
    pub const WORST_FIRST: [Self; 4] = [Self::Bad, Self::Warning, Self::Note, Self::Good];

    /// What stands before a finding. The heading above says the same in a word.
    pub fn symbol(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Note => '·',
            Self::Warning => '!',
            Self::Bad => '✗',
        }
    }

    /// The heading above findings of this severity.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Good => "Good",
            Self::Note => "Notes: figures depend on these",
            Self::Warning => "Warnings: figures are worse or less repeatable for these",
            Self::Bad => "Bad: some figures are wrong with these, or cannot be had",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name, the same in every report.
    pub check: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub found: String,
    /// What that does to results.
    pub effect: String,
    /// What mends it: a command, or what to do. Nothing where it needs no mending or nobody could
    /// do it from here.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(
        check: &'static str,
        severity: Severity,
        found: impl Into<String>,
        effect: impl Into<String>,
    ) -> Self {
        Self {
            check,
            severity,
            found: found.into(),
            effect: effect.into(),
            remedy: None,
        }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}
