//! The recorder that a start runs under: instants on the one clock, bounded phase by phase.

use results::{Phase, PhaseTime};
use serde::{Deserialize, Serialize};

use crate::clock::now_ns;

/// The recorder that a start runs under, in the process that starts.
///
/// Each phase is a pair of clock readings of its own, and the end of the start is a reading of its
/// own: the residual — total less the phases — is therefore a measurement of what happens *between*
/// phases, and not zero by construction. Room for all phases is set aside beforehand: recording one
/// allocates nothing.
#[derive(Debug)]
pub struct Timeline {
    first_statement_ns: u64,
    answered_ns: Option<u64>,
    spans: [Span; Phase::ALL.len()],
    used: usize,
}

/// A phase that has begun: hand it to [`Timeline::end`].
#[derive(Debug)]
#[must_use = "a phase that does not end is not recorded"]
pub struct Begun(u64);

impl Begun {
    /// The clock at its beginning.
    pub const fn at_ns(&self) -> u64 {
        self.0
    }
}

/// A phase with the two instants that bound it, on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Which phase.
    pub phase: Phase,
    /// Its first instant.
    pub from_ns: u64,
    /// Its last instant.
    pub to_ns: u64,
}

impl Timeline {
    /// A timeline of a process whose first statement read the clock and got `first_statement_ns`.
    pub const fn new(first_statement_ns: u64) -> Self {
        let nothing = Span {
            phase: Phase::Process,
            from_ns: 0,
            to_ns: 0,
        };
        Self {
            first_statement_ns,
            answered_ns: None,
            spans: [nothing; Phase::ALL.len()],
            used: 0,
        }
    }

    /// Begins a phase: the last thing before its work.
    #[inline]
    pub fn begin(&self) -> Begun {
        Begun(now_ns())
    }

    /// Begins a phase where the last one ended, or at the process's first statement: where only a return or
    /// a call lies between, whose page may be on the disk. Reading it belongs to what comes next.
    #[inline]
    pub fn follow(&self) -> Begun {
        let last = self.used.checked_sub(1).map(|at| self.spans[at].to_ns);
        Begun(last.unwrap_or(self.first_statement_ns))
    }

    /// Ends a phase: the first thing after its work.
    ///
    /// # Panics
    /// If more phases are recorded than exist: a mistake in an engine's adapter.
    #[inline]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a phase that has ended cannot end again"
    )]
    pub fn end(&mut self, phase: Phase, begun: Begun) {
        self.spans[self.used] = Span {
            phase,
            from_ns: begun.0,
            to_ns: now_ns(),
        };
        self.used += 1;
    }

    /// Records a phase whose bounds another thread of this process read from the clock.
    ///
    /// # Panics
    /// As [`Self::end`].
    pub fn record(&mut self, phase: Phase, from_ns: u64, to_ns: u64) {
        self.spans[self.used] = Span {
            phase,
            from_ns,
            to_ns,
        };
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

    /// The first complete answer was there at `ns`, as another thread of this process saw it.
    pub const fn answered_at(&mut self, ns: u64) {
        self.answered_ns = Some(ns);
    }

    /// What was recorded, to be sent to the process that knows when the launch was.
    pub fn recorded(&self) -> Recorded {
        Recorded {
            first_statement_ns: self.first_statement_ns,
            answered_ns: self.answered_ns,
            spans: self.spans[..self.used].to_vec(),
        }
    }
}

/// The instants of a start, as the process that started reports them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The clock at the process's first statement.
    pub first_statement_ns: u64,
    /// The clock at the first complete answer.
    pub answered_ns: Option<u64>,
    /// The phases in the order in which they ended.
    pub spans: Vec<Span>,
}

impl Recorded {
    /// The phases, `process` before them, and the independently timed total of a start launched at
    /// `launched_ns`.
    ///
    /// # Errors
    /// [`TimelineError`] if this is not the timeline of a start: no answer, phases out of order or
    /// twice, or not exactly one phase that acquires code.
    pub fn since(&self, launched_ns: u64) -> Result<Started, TimelineError> {
        let answered_ns = self.answered_ns.ok_or(TimelineError::NoAnswer)?;
        let process = Span {
            phase: Phase::Process,
            from_ns: launched_ns,
            to_ns: self.first_statement_ns,
        };
        let spans: Vec<_> = std::iter::once(process)
            .chain(self.spans.iter().copied())
            .collect();
        if let Some(span) = spans.iter().find(|span| span.from_ns > span.to_ns) {
            return Err(TimelineError::Backwards { phase: span.phase });
        }
        let disorder =
            |pair: &&[Span]| pair[0].phase >= pair[1].phase || pair[0].to_ns > pair[1].from_ns;
        if let Some(pair) = spans.windows(2).find(disorder) {
            return Err(TimelineError::OutOfOrder {
                first: pair[0].phase,
                second: pair[1].phase,
            });
        }
        match spans.iter().filter(|span| span.phase.acquires()).count() {
            1 => {}
            found => return Err(TimelineError::Acquired { found }),
        }
        let phases = spans
            .iter()
            .map(|span| PhaseTime {
                name: span.phase,
                ns: span.to_ns - span.from_ns,
            })
            .collect();
        Ok(Started {
            total_ns: answered_ns.saturating_sub(launched_ns),
            phases,
        })
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

/// A timeline that is not that of a start. Each is a mistake in an engine's adapter, never a
/// user's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelineError {
    /// [`Timeline::answered`] was never called.
    #[error("the start never recorded its first complete answer")]
    NoAnswer,
    /// Two neighbouring phases overlap or come in the wrong order.
    #[error(
        "phase `{second}` was recorded after `{first}`, which it should precede, or overlaps it"
    )]
    OutOfOrder {
        /// The one recorded first.
        first: Phase,
        /// The one recorded after it.
        second: Phase,
    },
    /// A phase ended before it began: the two processes do not read the same clock.
    #[error("phase `{phase}` ended before it began")]
    Backwards {
        /// Which one.
        phase: Phase,
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
        let mut timeline = Timeline::new(now_ns());
        timeline.time(Phase::Engine, || ());
        timeline.time(Phase::Compile, || {
            std::thread::sleep(std::time::Duration::from_millis(2));
        });
        timeline
    }

    fn error(timeline: &Timeline) -> TimelineError {
        timeline
            .recorded()
            .since(timeline.first_statement_ns - 1_000)
            .unwrap_err()
    }

    #[test]
    fn a_phase_that_follows_leaves_nothing_between() {
        let mut timeline = Timeline::new(7);
        let first = timeline.follow();
        assert_eq!(first.at_ns(), 7, "the first statement");
        timeline.end(Phase::Engine, first);
        assert_eq!(timeline.follow().at_ns(), timeline.spans[0].to_ns);
    }

    #[test]
    fn the_total_is_timed_on_its_own_and_sees_what_lies_between_phases() {
        let launched = now_ns();
        let mut timeline = started();
        std::thread::sleep(std::time::Duration::from_millis(5)); // belongs to no phase
        timeline.time(Phase::FirstRequest, || ());
        timeline.answered();
        timeline.time(Phase::Teardown, || {
            std::thread::sleep(std::time::Duration::from_millis(5));
        });
        let started = timeline.recorded().since(launched).unwrap();
        assert_eq!(started.phases[0].name, Phase::Process);
        let counted: u64 = started
            .phases
            .iter()
            .filter(|phase| phase.name.counts())
            .map(|phase| phase.ns)
            .sum();
        let residual = started.total_ns - counted;
        assert!(residual >= 5_000_000, "{residual}");
    }

    #[test]
    fn an_impossible_order_is_refused() {
        let mut timeline = started();
        timeline.time(Phase::Store, || ());
        timeline.time(Phase::Link, || ());
        timeline.answered();
        assert_eq!(
            error(&timeline),
            TimelineError::OutOfOrder {
                first: Phase::Store,
                second: Phase::Link
            }
        );
    }

    #[test]
    fn a_process_that_began_before_its_launch_is_refused() {
        let mut timeline = started();
        timeline.answered();
        let launched_later = timeline.first_statement_ns + 1;
        let error = timeline.recorded().since(launched_later).unwrap_err();
        assert_eq!(
            error,
            TimelineError::Backwards {
                phase: Phase::Process
            }
        );
    }

    #[test]
    fn code_is_acquired_once() {
        let mut timeline = Timeline::new(now_ns());
        timeline.answered();
        assert_eq!(error(&timeline), TimelineError::Acquired { found: 0 });
        let mut timeline = started();
        timeline.time(Phase::Deserialize, || ());
        timeline.answered();
        assert_eq!(error(&timeline), TimelineError::Acquired { found: 2 });
    }

    #[test]
    fn a_start_without_an_answer_is_none() {
        assert_eq!(error(&started()), TimelineError::NoAnswer);
    }

    #[test]
    fn what_is_recorded_survives_the_way_to_the_parent() {
        let recorded = started().recorded();
        let sent = serde_json::to_string(&recorded).unwrap();
        assert_eq!(serde_json::from_str::<Recorded>(&sent).unwrap(), recorded);
    }
}
