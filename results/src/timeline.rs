//! Phases of a start, and the recorder that a start runs under.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::now_ns;
use crate::record::PhaseTime;

/// The named interval between two neighbouring milestones of an embedded start, in the order in which they happen.
///
/// Which of them a start has depends on its configuration; one that it does not have is absent, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The parent's launch → the probe's first statement: fork, exec, dynamic linking.
    Process,
    /// Configuration → engine ready. A pooling allocator reserves here.
    Engine,
    /// The artifact's bytes in memory.
    Read,
    /// Bytes → executable code, compiled, with no cache.
    Compile,
    /// Bytes → executable code through the engine's cache, which did not have it: compiled and stored.
    CacheMiss,
    /// Bytes → executable code out of the engine's cache.
    CacheHit,
    /// Precompiled bytes in memory → executable code.
    Deserialize,
    /// A precompiled file, mapped → executable code.
    DeserializeFile,
    /// Host imports defined, pre-instantiation done.
    Link,
    /// Store and WASI context made.
    Store,
    /// An instance ready to be called.
    Instantiate,
    /// The first call → its complete answer.
    FirstRequest,
    /// The same call again, on the same instance. Comes after the start.
    SecondRequest,
    /// Instance and store dropped. Comes after the start.
    Teardown,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 14] = [
        Self::Process,
        Self::Engine,
        Self::Read,
        Self::Compile,
        Self::CacheMiss,
        Self::CacheHit,
        Self::Deserialize,
        Self::DeserializeFile,
        Self::Link,
        Self::Store,
        Self::Instantiate,
        Self::FirstRequest,
        Self::SecondRequest,
        Self::Teardown,
    ];

    /// The name in records and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Engine => "engine",
            Self::Read => "read",
            Self::Compile => "compile",
            Self::CacheMiss => "cache_miss",
            Self::CacheHit => "cache_hit",
            Self::Deserialize => "deserialize",
            Self::DeserializeFile => "deserialize_file",
            Self::Link => "link",
            Self::Store => "store",
            Self::Instantiate => "instantiate",
            Self::FirstRequest => "first_request",
            Self::SecondRequest => "second_request",
            Self::Teardown => "teardown",
        }
    }

    /// Whether the phase is a part of the start: what comes after the first complete answer is not.
    pub const fn counts(self) -> bool {
        !matches!(self, Self::SecondRequest | Self::Teardown)
    }

    /// Whether the phase is one of those that turn bytes into executable code.
    pub const fn acquires(self) -> bool {
        matches!(self, Self::Compile | Self::CacheMiss | Self::CacheHit | Self::Deserialize | Self::DeserializeFile)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The recorder that a start runs under.
///
/// Each phase is a pair of clock readings of its own, and the end of the start is a reading of its own: the residual
/// — total less the phases — is therefore a measurement of what happens *between* phases, and not zero by construction.
/// Room for all phases is set aside beforehand: recording one allocates nothing.
#[derive(Debug)]
pub struct Timeline {
    launched_ns: u64,
    answered_ns: Option<u64>,
    spans: [(Phase, u64, u64); Phase::ALL.len()],
    used: usize,
}

/// A phase that has begun: hand it to [`Timeline::end`].
#[derive(Debug)]
#[must_use = "a phase that does not end is not recorded"]
pub struct Begun(u64);

impl Timeline {
    /// A timeline whose `process` phase is already over: it went from the parent's launch to the first statement.
    pub fn new(launched_ns: u64, first_statement_ns: u64) -> Self {
        let mut spans = [(Phase::Process, 0, 0); Phase::ALL.len()];
        spans[0] = (Phase::Process, launched_ns, first_statement_ns);
        Self { launched_ns, answered_ns: None, spans, used: 1 }
    }

    /// Begins a phase: the last thing before its work.
    #[inline]
    pub fn begin(&self) -> Begun {
        Begun(now_ns())
    }

    /// Ends a phase: the first thing after its work.
    ///
    /// # Panics
    /// If more phases are recorded than exist: a mistake in an engine's adapter.
    #[inline]
    pub fn end(&mut self, phase: Phase, begun: Begun) {
        self.spans[self.used] = (phase, begun.0, now_ns());
        self.used += 1;
    }

    /// Times one piece of work as a phase.
    #[inline]
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let begun = self.begin();
        let done = work();
        self.end(phase, begun);
        done
    }

    /// The first complete answer is there: the start is over.
    #[inline]
    pub fn answered(&mut self) {
        self.answered_ns = Some(now_ns());
    }

    /// The phases and the independently timed total, once the start is over.
    ///
    /// # Errors
    /// [`TimelineError`] if this is not the timeline of a start: no answer, phases out of order or twice, or not
    /// exactly one phase that acquires code.
    pub fn finish(&self) -> Result<Started, TimelineError> {
        let spans = &self.spans[..self.used];
        let answered_ns = self.answered_ns.ok_or(TimelineError::NoAnswer)?;
        if let Some(pair) = spans.windows(2).find(|pair| pair[0].0 >= pair[1].0 || pair[0].2 > pair[1].1) {
            return Err(TimelineError::OutOfOrder { first: pair[0].0, second: pair[1].0 });
        }
        match spans.iter().filter(|span| span.0.acquires()).count() {
            1 => {}
            found => return Err(TimelineError::Acquired { found }),
        }
        let phases: Vec<_> =
            spans.iter().map(|&(name, from, to)| PhaseTime { name, ns: to.saturating_sub(from) }).collect();
        let total_ns = answered_ns.saturating_sub(self.launched_ns);
        Ok(Started { total_ns, phases })
    }
}

/// A start that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// From the launch to the first complete answer, timed on its own.
    pub total_ns: u64,
    /// The phases in order, those after the start included.
    pub phases: Vec<PhaseTime>,
}

/// A timeline that is not that of a start. Each is a mistake in an engine's adapter, never a user's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// [`Timeline::answered`] was never called.
    #[error("the start never recorded its first complete answer")]
    NoAnswer,
    /// Two neighbouring phases overlap or come in the wrong order.
    #[error("phase `{second}` was recorded after `{first}`, which it should precede, or overlaps it")]
    OutOfOrder {
        /// The one recorded first.
        first: Phase,
        /// The one recorded after it.
        second: Phase,
    },
    /// Not exactly one phase acquired code.
    #[error("exactly one phase turns bytes into code, {found} did")]
    Acquired {
        /// How many did.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Timeline {
        let mut timeline = Timeline::new(now_ns() - 1_000, now_ns());
        timeline.time(Phase::Engine, || ());
        timeline.time(Phase::Compile, || std::thread::sleep(std::time::Duration::from_millis(2)));
        timeline
    }

    #[test]
    fn the_total_is_timed_on_its_own_and_sees_what_lies_between_phases() {
        let mut timeline = started();
        std::thread::sleep(std::time::Duration::from_millis(5)); // belongs to no phase
        timeline.time(Phase::FirstRequest, || ());
        timeline.answered();
        timeline.time(Phase::Teardown, || std::thread::sleep(std::time::Duration::from_millis(5)));
        let started = timeline.finish().unwrap();
        let counted: u64 = started.phases.iter().filter(|phase| phase.name.counts()).map(|phase| phase.ns).sum();
        let residual = started.total_ns - counted;
        assert!(residual >= 5_000_000, "{residual}");
    }

    #[test]
    fn an_impossible_order_is_refused() {
        let mut timeline = started();
        timeline.time(Phase::Store, || ());
        timeline.time(Phase::Link, || ());
        timeline.answered();
        let error = timeline.finish().unwrap_err();
        assert_eq!(error, TimelineError::OutOfOrder { first: Phase::Store, second: Phase::Link });
    }

    #[test]
    fn code_is_acquired_once() {
        let mut timeline = Timeline::new(1, 2);
        timeline.answered();
        assert_eq!(timeline.finish().unwrap_err(), TimelineError::Acquired { found: 0 });
        let mut timeline = started();
        timeline.time(Phase::Deserialize, || ());
        timeline.answered();
        assert_eq!(timeline.finish().unwrap_err(), TimelineError::Acquired { found: 2 });
    }

    #[test]
    fn a_start_without_an_answer_is_none() {
        assert_eq!(started().finish().unwrap_err(), TimelineError::NoAnswer);
    }

    #[test]
    fn names_are_those_of_the_record() {
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
    }
}
