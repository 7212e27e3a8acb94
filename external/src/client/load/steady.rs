//! Whether a load's rate has become steady, seen while it goes on.
//!
//! What a server does in its first moments is often not what it does from then on: code is
//! compiled, caches fill, connections are made. How long that takes differs by system, and nobody
//! knows it beforehand. So the warm-up is looked at as a whole each time, and **its first half is
//! thrown away**: the rate is steady if the second half, in four parts, has four times the same
//! rate. However long the beginning was, it is in the first half once the warm-up has lasted twice
//! as long. (The convergence diagnostics of simulations discard half of a chain for the same reason:
//! Gelman and Rubin, *Statistical Science* 7, 1992.)
//!
//! A beginning that itself goes on at one rate for longer than has been looked at cannot be told
//! from the end. What was recorded is looked at again, over all processes, by whoever reads it.
//!
//! Two rates are the same if they differ by no more than 5 %, and by what their count is exact to:
//! a system that answers all connections at once does so in rounds, and where a part ends within a
//! round moves one answer of each connection. A part must have four rounds in it to say anything.

/// How long a warm-up is at least, in nanoseconds: 0.1 s, of which 0.05 s are looked at.
pub(super) const LEAST_NS: u64 = 100_000_000;

/// In how many parts the second half is divided.
const PARTS: u64 = 4;

/// By how much a part's rate may differ from that of all.
const MARGIN: f64 = 0.05;

/// So many answers of each connection there must be in a part.
const ROUNDS: f64 = 4.0;

/// How many answers there were, at some instants from the beginning on.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    marks: Vec<Mark>,
}

/// So many answers until so long after the beginning.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    at_ns: u64,
    answers: u64,
}

impl Course {
    /// Notes how many answers there are by now. The first mark is the beginning.
    pub(super) fn mark(&mut self, at_ns: u64, answers: u64) {
        self.marks.push(Mark { at_ns, answers });
    }

    /// Whether the rate over so many connections is steady by now.
    pub(super) fn is_steady(&self, connections: usize) -> bool {
        let Some(last) = self.marks.last().filter(|last| last.at_ns >= LEAST_NS) else {
            return false;
        };
        // From half of the time on, at each eighth.
        let ends = (PARTS..=2 * PARTS).map(|nth| self.nearest(last.at_ns / (2 * PARTS) * nth));
        let ends: Vec<Mark> = ends.collect();
        let parts = ends.windows(2).map(|two| (two[0], two[1]));
        let Some(all) = rate(ends[0], *last) else {
            return false;
        };
        let connections = connections as f64;
        parts.into_iter().all(|(from, to)| {
            let answers = to.answers.saturating_sub(from.answers) as f64;
            let edges = connections / answers;
            answers >= ROUNDS * connections
                && rate(from, to).is_some_and(|part| (part / all - 1.0).abs() <= MARGIN + edges)
        })
    }

    fn nearest(&self, at_ns: u64) -> Mark {
        let by_distance = |mark: &&Mark| mark.at_ns.abs_diff(at_ns);
        self.marks
            .iter()
            .min_by_key(by_distance)
            .copied()
            .unwrap_or_default()
    }
}

/// Answers per nanosecond; nothing in no time.
fn rate(from: Mark, to: Mark) -> Option<f64> {
    let time = to.at_ns.checked_sub(from.at_ns).filter(|ns| *ns > 0)?;
    Some(to.answers.saturating_sub(from.answers) as f64 / time as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As often as the generator looks.
    const TICK_NS: u64 = 12_500_000;

    /// When a load is found steady whose rate at an instant, in answers a second, is this: looked at
    /// for three seconds.
    fn steady_after(connections: usize, per_second: impl Fn(f64) -> f64) -> Option<f64> {
        let (mut course, mut answers) = (Course::default(), 0.0);
        course.mark(0, 0);
        for tick in 1..=240_u64 {
            // Summed in tenths, so that a change within a tick counts for its part.
            for tenth in 0..10 {
                let at_s = ((tick - 1) as f64 + f64::from(tenth) / 10.0) * TICK_NS as f64 / 1e9;
                answers += per_second(at_s) * TICK_NS as f64 / 1e10;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of answers"
            )]
            course.mark(tick * TICK_NS, answers as u64);
            if course.is_steady(connections) {
                return Some((tick * TICK_NS) as f64 / 1e9);
            }
        }
        None
    }

    /// Numbers from 0 to 1 that look drawn: the same each time.
    fn drawn(at_s: f64) -> f64 {
        ((at_s * 12_9898.0).sin() * 43_758.547).fract().abs()
    }

    #[test]
    fn what_is_steady_is_found_so_at_once() {
        assert_eq!(steady_after(10, |_| 40_000.0), Some(0.1));
        let noisy = steady_after(10, |at| 40_000.0 * (0.95 + drawn(at) / 10.0));
        assert!(noisy.is_some_and(|at| at < 0.2), "{noisy:?}");
        assert_eq!(steady_after(1, |_| 20_000.0), Some(0.1));
    }

    #[test]
    fn a_slow_beginning_lies_in_the_half_that_is_thrown_away() {
        let compiling = |at: f64| if at < 0.08 { 5_000.0 } else { 40_000.0 };
        let found = steady_after(10, compiling).unwrap();
        assert!((0.15..0.2).contains(&found), "{found}");
        // The rate comes near its end by and by.
        let filling = |at: f64| 40_000.0 * (1.0 - 0.7 * (-at / 0.1).exp());
        let found = steady_after(10, filling).unwrap();
        assert!(filling(found) > 0.95 * 40_000.0, "{found}");
    }

    #[test]
    fn what_goes_on_rising_or_falling_is_never_steady() {
        assert_eq!(steady_after(10, |at| 100_000.0 * at), None);
        assert_eq!(steady_after(10, |at| 40_000.0 / (0.05 + at)), None);
    }

    #[test]
    fn bursts_are_steady_only_where_a_part_holds_several() {
        // Ever longer bursts of double the rate: each lasts as long as all before it.
        let growing = |at: f64| {
            let nth = (at.max(1e-3) / 1e-3).log2() * 3.0;
            20_000.0 * (1.0 + nth.floor() % 2.0)
        };
        assert_eq!(steady_after(10, growing), None);
        // Short ones: the longer the parts, the more alike.
        let short = |at: f64| 20_000.0 * (1.0 + (at / 0.03).floor() % 2.0);
        let found = steady_after(10, short).unwrap();
        assert!(found > 0.2, "{found}");
    }

    #[test]
    fn few_answers_say_nothing() {
        // Ten connections: four rounds in an eighth of the time are 32 rounds in all.
        let found = steady_after(10, |_| 200.0).unwrap();
        assert!(found > 1.5, "{found}");
        assert_eq!(steady_after(10, |_| 50.0), None);
        assert_eq!(steady_after(10, |_| 0.0), None);
    }
}
