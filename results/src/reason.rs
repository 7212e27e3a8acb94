//! Why a sample does not count, as a value and not as a sentence.
//!
//! The record keeps the sentence in `reason` and the kind beside it, as evidence. Samples of runs
//! that were recorded before there were kinds are classified by what their sentences begin with.

use std::fmt;

use crate::names::{Attested, Evidence};
use crate::record::{Outcome, Sample};

macro_rules! kinds {
    ($(#[$doc:meta])* $type:ident: $($(#[doc = $text:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[doc = $text])+ $variant,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What each of them means, for documents.
            pub const DESCRIPTIONS: &'static [(&'static str, &'static str)] =
                &[$(($name, concat!($($text),+))),+];

            /// The name in records.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    /// Why a sample was not begun.
    SkipKind:
    /// The system is not on this machine.
    NotInstalled = "not_installed",
    /// The system can never do what the cell asks: no failure of the run.
    NotApplicable = "not_applicable",
    /// This process may not do what the cell needs.
    NotPermitted = "not_permitted",
    /// The cell failed several times in a row.
    GaveUp = "gave_up",
    /// The machine has too little of something.
    MachineLimit = "machine_limit",
    /// What a start finds prepared could not be prepared.
    NotPrepared = "not_prepared",
}

kinds! {
    /// Why a sample that was begun is not to be used.
    FailureKind:
    /// The phases do not add up to the total.
    SumRule = "sum_rule",
    /// The answer was not the expected one.
    WrongAnswer = "wrong_answer",
    /// There was no complete answer in time.
    TimeLimit = "time_limit",
    /// The evidence says that the sample was not what its cell says.
    NotAsPlanned = "not_as_planned",
    /// Something was left of it that could not be removed.
    NotClean = "not_clean",
    /// The system or the guest failed.
    SystemFailed = "system_failed",
}

/// A reason without its numbers: what differs in those alone, such as a port or a count of attempts, went wrong
/// in one way.
pub fn without_numbers(reason: &str) -> String {
    reason.chars().filter(|it| !it.is_ascii_digit()).collect()
}

/// Why a sample was not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// The kind of reason.
    pub kind: SkipKind,
    /// The reason, for people.
    pub reason: String,
    /// What mends it, if anything does.
    pub remedy: Option<String>,
}

impl Skip {
    /// A reason without a remedy.
    pub fn new(kind: SkipKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            remedy: None,
        }
    }

    /// The same, with what mends it.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

impl From<String> for Skip {
    /// A failure of a system's preparation.
    fn from(reason: String) -> Self {
        Self::new(SkipKind::NotPrepared, reason)
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.remedy
            .as_ref()
            .map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

/// Why a sample that was begun is not to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of reason.
    pub kind: FailureKind,
    /// The reason, for people.
    pub reason: String,
}

impl Failure {
    /// A failure.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

impl From<String> for Failure {
    /// A failure that a system reports.
    fn from(reason: String) -> Self {
        Self::new(FailureKind::SystemFailed, reason)
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self::from(reason.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Beginnings of sentences in runs without kinds.
const OLD_SKIPS: [(&str, SkipKind); 2] = [
    ("it cannot keep ", SkipKind::NotApplicable),
    ("given up: ", SkipKind::GaveUp),
];

/// As [`OLD_SKIPS`].
const OLD_FAILURES: [(&str, FailureKind); 2] = [
    ("the phases do not add up", FailureKind::SumRule),
    ("not what its cell says", FailureKind::NotAsPlanned),
];

fn kind<K: Copy>(
    attested: &Attested,
    reason: Option<&str>,
    parse: fn(&str) -> Option<K>,
    old: &[(&str, K)],
) -> Option<K> {
    if let Some(name) = attested.text(Evidence::ReasonKind) {
        return parse(name);
    }
    let begins = |(beginning, _): &&(&str, K)| reason.is_some_and(|it| it.starts_with(beginning));
    old.iter().find(begins).map(|(_, kind)| *kind)
}

impl Sample {
    /// Why it was skipped; `None` if it was not, or if its record does not classify it.
    pub fn skip_kind(&self) -> Option<SkipKind> {
        (self.outcome == Outcome::Skipped)
            .then(|| {
                kind(
                    &self.attested,
                    self.reason.as_deref(),
                    SkipKind::parse,
                    &OLD_SKIPS,
                )
            })
            .flatten()
    }

    /// Why it failed; `None` if it did not, or if its record does not classify it.
    pub fn failure_kind(&self) -> Option<FailureKind> {
        (self.outcome == Outcome::Failed)
            .then(|| {
                kind(
                    &self.attested,
                    self.reason.as_deref(),
                    FailureKind::parse,
                    &OLD_FAILURES,
                )
            })
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_lead_back() {
        for skip in SkipKind::ALL {
            assert_eq!(SkipKind::parse(skip.name()), Some(*skip));
        }
        for failure in FailureKind::ALL {
            assert_eq!(FailureKind::parse(failure.name()), Some(*failure));
        }
    }

    #[test]
    fn samples_without_kinds_are_classified_by_their_sentences() {
        let old = Attested::new();
        let reason = Some("it cannot keep state: each request gets an instance of its own");
        let found = kind(&old, reason, SkipKind::parse, &OLD_SKIPS);
        assert_eq!(found, Some(SkipKind::NotApplicable));
        let new = Attested::from([(Evidence::ReasonKind, "not_installed")]);
        let found = kind(&new, reason, SkipKind::parse, &OLD_SKIPS);
        assert_eq!(found, Some(SkipKind::NotInstalled));
    }

    #[test]
    fn a_remedy_stands_behind_its_reason() {
        let skip = Skip::new(SkipKind::NotInstalled, "wash is not installed");
        let skip = skip.remedy("`./setup wasmcloud` installs it");
        assert_eq!(
            skip.to_string(),
            "wash is not installed; `./setup wasmcloud` installs it"
        );
    }
}
