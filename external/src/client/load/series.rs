//! When requests were answered: counts in windows of time, as fine as the load is short.

use results::record::Series;

/// How many windows there are at most. Once a load needs more, each two become one: it ends with
/// more than half as many, however long it is, and its record stays small.
const WINDOWS: usize = 64;

/// The length of a window at the beginning, in nanoseconds: 0.1 ms, some answers of the fastest
/// server.
const FIRST_WINDOW_NS: u64 = 100_000;

/// Right answers and their latencies, window by window. Nothing is allocated while a load runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    window_ns: u64,
    answers: [u64; WINDOWS],
    latency_sum_ns: [u64; WINDOWS],
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            window_ns: FIRST_WINDOW_NS,
            answers: [0; WINDOWS],
            latency_sum_ns: [0; WINDOWS],
        }
    }
}

impl Windows {
    /// Counts an answer that came so long after the first send.
    pub(super) fn count(&mut self, since_first_send_ns: u64, latency_ns: u64) {
        while since_first_send_ns / self.window_ns >= WINDOWS as u64 {
            self.double();
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "less than the number of windows"
        )]
        let at = (since_first_send_ns / self.window_ns) as usize;
        self.answers[at] += 1;
        self.latency_sum_ns[at] = self.latency_sum_ns[at].saturating_add(latency_ns);
    }

    /// Makes each two windows one.
    fn double(&mut self) {
        self.window_ns = self.window_ns.saturating_mul(2);
        for sums in [&mut self.answers, &mut self.latency_sum_ns] {
            for at in 0..WINDOWS / 2 {
                sums[at] = sums[2 * at].saturating_add(sums[2 * at + 1]);
            }
            sums[WINDOWS / 2..].fill(0);
        }
    }

    /// The record of it, up to the last window with an answer; nothing if there was none.
    pub(super) fn finish(&self) -> Option<Series> {
        let used = self.answers.iter().rposition(|answers| *answers > 0)? + 1;
        Some(Series {
            window_ns: self.window_ns,
            answers: self.answers[..used].to_vec(),
            latency_sum_ns: self.latency_sum_ns[..used].to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_grow_with_the_load_and_keep_what_they_hold() {
        let mut windows = Windows::default();
        assert_eq!(windows.finish(), None);
        windows.count(0, 5);
        windows.count(FIRST_WINDOW_NS - 1, 6);
        windows.count(FIRST_WINDOW_NS, 7);
        let series = windows.finish().unwrap();
        assert_eq!(series.window_ns, FIRST_WINDOW_NS);
        assert_eq!(series.answers, [2, 1]);
        assert_eq!(series.latency_sum_ns, [11, 7]);
        // The first instant beyond what they hold.
        windows.count(WINDOWS as u64 * FIRST_WINDOW_NS, 8);
        let series = windows.finish().unwrap();
        assert_eq!(series.window_ns, 2 * FIRST_WINDOW_NS);
        assert_eq!(series.answers.len(), WINDOWS / 2 + 1);
        assert_eq!((series.answers[0], series.latency_sum_ns[0]), (3, 18));
        assert_eq!(series.answers[WINDOWS / 2], 1);
    }

    #[test]
    fn an_hour_has_no_more_windows_than_a_second() {
        let mut windows = Windows::default();
        for second in 0..3_600 {
            windows.count(second * 1_000_000_000, 1);
        }
        let series = windows.finish().unwrap();
        assert!((WINDOWS / 2..=WINDOWS).contains(&series.answers.len()));
        assert_eq!(series.answers.iter().sum::<u64>(), 3_600);
    }

    proptest! {
        /// Counted directly, with the window that came out: the second way.
        #[test]
        fn they_are_what_counting_afterwards_gives(
            mut ends in prop::collection::vec((0..20_000_000_000_u64, 0..1_000_000_u64), 1..300),
        ) {
            let mut windows = Windows::default();
            ends.iter().for_each(|(at, latency)| windows.count(*at, *latency));
            let series = windows.finish().unwrap();
            ends.sort_unstable();
            for (nth, (answers, sum)) in series.answers.iter().zip(&series.latency_sum_ns).enumerate() {
                let from = nth as u64 * series.window_ns;
                let within = ends.iter().filter(|(at, _)| (from..from + series.window_ns).contains(at));
                prop_assert_eq!(within.clone().count() as u64, *answers);
                prop_assert_eq!(within.map(|(_, latency)| latency).sum::<u64>(), *sum);
            }
            prop_assert_eq!(series.answers.iter().sum::<u64>(), ends.len() as u64);
        }
    }
}
