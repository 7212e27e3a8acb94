//! Packets on their way in one direction: when each is due, in the order in which they came.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How many packets are held at most in one direction; what comes then is dropped. As many as netem
/// is given.
pub const MOST_PACKETS: usize = 10_000;

/// How many bytes at most: 10,000 packets may be large segments.
pub const MOST_BYTES: usize = 64 << 20;

/// How long packets are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wait {
    /// For so long.
    pub delay: Duration,
    /// Longer or shorter by up to so much, uniformly; but no packet is let go before one that came
    /// earlier.
    pub jitter: Duration,
}

impl Wait {
    /// The shortest and the longest time that a packet is held back for, in nanoseconds, if it takes
    /// so long anyway.
    pub(super) fn span_ns(self, anyway: Duration) -> (u64, u64) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let jitter = self.jitter.min(self.delay);
        let held = |time: Duration| ns(time.saturating_sub(anyway));
        (
            held(self.delay.saturating_sub(jitter)),
            held(self.delay + jitter),
        )
    }
}

/// A packet that is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// When.
    pub(super) at_ns: u64,
    /// What is to be handed over.
    pub(super) packet: Box<[u8]>,
}

/// The packets of one direction.
#[derive(Debug)]
pub(super) struct Held {
    random: ChaCha8Rng,
    queue: VecDeque<Due>,
    bytes: usize,
    last_ns: u64,
}

impl Held {
    /// None yet. The directions of a link have different seeds, so that a delay that is long one
    /// way is not also long the other way.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            queue: VecDeque::new(),
            bytes: 0,
            last_ns: 0,
        }
    }

    /// Holds a packet that came now, for a time within this span. Whether there was room for it.
    pub(super) fn hold(&mut self, now_ns: u64, packet: &[u8], span_ns: (u64, u64)) -> bool {
        if self.queue.len() >= MOST_PACKETS || self.bytes + packet.len() > MOST_BYTES {
            return false;
        }
        let due_ns = now_ns.saturating_add(self.within(span_ns));
        let at_ns = due_ns.max(self.last_ns);
        self.last_ns = at_ns;
        self.bytes += packet.len();
        self.queue.push_back(Due {
            at_ns,
            packet: packet.into(),
        });
        true
    }

    /// A time within a span.
    fn within(&mut self, (shortest_ns, longest_ns): (u64, u64)) -> u64 {
        let spread_ns = longest_ns.saturating_sub(shortest_ns);
        if spread_ns == 0 {
            return shortest_ns;
        }
        let random = u128::from(self.random.next_u64());
        shortest_ns + ((random * (u128::from(spread_ns) + 1)) >> 64) as u64
    }

    /// The next packet, if it is due.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<Due> {
        if self.next_ns()? > now_ns {
            return None;
        }
        let due = self.queue.pop_front()?;
        self.bytes -= due.packet.len();
        Some(due)
    }

    /// When the next packet is due.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.queue.front().map(|due| due.at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(delay_ms: u64, jitter_ms: u64) -> (u64, u64) {
        let wait = Wait {
            delay: Duration::from_millis(delay_ms),
            jitter: Duration::from_millis(jitter_ms),
        };
        wait.span_ns(Duration::ZERO)
    }

    #[test]
    fn what_a_packet_takes_anyway_is_not_waited_for() {
        let wait = Wait {
            delay: Duration::from_micros(100),
            jitter: Duration::from_micros(90),
        };
        assert_eq!(wait.span_ns(Duration::ZERO), (10_000, 190_000));
        assert_eq!(wait.span_ns(Duration::from_micros(30)), (0, 160_000));
        assert_eq!(Wait::default().span_ns(Duration::from_micros(30)), (0, 0));
    }

    #[test]
    fn a_packet_is_due_after_the_delay_and_not_before() {
        let (mut held, span) = (Held::new(1), span(10, 0));
        assert_eq!(held.next_ns(), None);
        assert!(held.hold(5, b"one", span) && held.hold(6, b"two", span));
        assert_eq!(held.next_ns(), Some(10_000_005));
        assert_eq!(held.take_due(10_000_004), None);
        assert_eq!(&*held.take_due(10_000_005).unwrap().packet, b"one");
        assert_eq!(held.take_due(10_000_005), None);
        assert_eq!(&*held.take_due(u64::MAX).unwrap().packet, b"two");
        assert_eq!((held.next_ns(), held.bytes), (None, 0));
    }

    #[test]
    fn without_a_delay_it_is_due_at_once() {
        let (mut held, span) = (Held::new(1), span(0, 0));
        assert!(held.hold(7, b"now", span));
        assert_eq!(held.take_due(7).unwrap().at_ns, 7);
    }

    #[test]
    fn jitter_spreads_over_its_range_and_no_packet_overtakes_another() {
        let (mut held, span) = (Held::new(1), span(10, 4));
        // So far apart that none has to wait for the one before.
        let mut waits: Vec<u64> = (1..=1_000_u64)
            .map(|n| {
                let came_ns = n * 1_000_000_000;
                assert!(held.hold(came_ns, b"x", span));
                held.take_due(u64::MAX).unwrap().at_ns - came_ns
            })
            .collect();
        waits.sort_unstable();
        assert!(waits[0] >= 6_000_000 && waits[999] <= 14_000_000);
        assert!(waits[0] < 6_500_000 && waits[999] > 13_500_000, "{waits:?}");
        assert!((9_500_000..10_500_000).contains(&waits[500]));
        // So close that most would overtake the one before.
        let began_ns = 2_000_000_000_000;
        for n in 0..1_000_u32 {
            assert!(held.hold(began_ns + u64::from(n), &n.to_le_bytes(), span));
        }
        let mut last_ns = 0;
        for n in 0..1_000_u32 {
            let due = held.take_due(u64::MAX).unwrap();
            assert!(due.at_ns >= last_ns && *due.packet == n.to_le_bytes());
            last_ns = due.at_ns;
        }
    }

    #[test]
    fn more_jitter_than_delay_delays_by_nothing_at_least() {
        let (mut held, span) = (Held::new(1), span(1, 50));
        for n in 1..=100_u64 {
            let came_ns = n * 1_000_000_000;
            assert!(held.hold(came_ns, b"x", span));
            let waited_ns = held.take_due(u64::MAX).unwrap().at_ns - came_ns;
            assert!(waited_ns <= 2_000_000, "{waited_ns}");
        }
    }

    #[test]
    fn what_is_too_much_is_refused_until_there_is_room() {
        let (mut held, span) = (Held::new(1), span(1, 0));
        for _ in 0..MOST_PACKETS {
            assert!(held.hold(0, b"x", span));
        }
        assert!(!held.hold(0, b"x", span));
        held.take_due(u64::MAX).unwrap();
        assert!(held.hold(0, b"x", span) && !held.hold(0, b"x", span));

        let (mut held, large) = (Held::new(1), vec![0; 65_536]);
        for _ in 0..MOST_BYTES / large.len() {
            assert!(held.hold(0, &large, span));
        }
        assert!(!held.hold(0, &large, span));
    }
}
