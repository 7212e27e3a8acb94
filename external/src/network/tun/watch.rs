//! How the forwarder waits for the next packet that is due: asleep, and at the end awake.
//!
//! A core that sleeps takes tens of microseconds to be there again, on a virtual machine more: a
//! packet would be late by that. So the thread is up a little before, and looks at the clock and
//! at its devices until then. That is bounded to a part of its core: where packets are due all the
//! time, it would leave nothing to whoever else runs there.

/// How long before a packet is due the thread is awake.
const AHEAD_NS: u64 = 80_000;

/// For how many times as long as it was awake it sleeps up to the end afterwards.
const REST: u64 = 9;

/// What is known of the last time awake.
#[derive(Debug, Default)]
pub(super) struct Watch {
    began_ns: Option<u64>,
    rested_ns: u64,
}

impl Watch {
    /// How long to sleep at most, with the next packet due in `next_ns` on the clock: 0 is not at
    /// all.
    pub(super) fn sleep_ns(&mut self, now_ns: u64, next_ns: u64) -> u64 {
        let left_ns = next_ns.saturating_sub(now_ns);
        let awake_from_ns = next_ns.saturating_sub(AHEAD_NS);
        if left_ns == 0 || awake_from_ns < self.rested_ns {
            return left_ns;
        }
        if now_ns < awake_from_ns {
            return awake_from_ns - now_ns;
        }
        self.began_ns.get_or_insert(now_ns);
        0
    }

    /// A packet that was due is handed over.
    pub(super) fn is_over(&mut self, now_ns: u64) {
        if let Some(began_ns) = self.began_ns.take() {
            self.rested_ns = now_ns + REST * now_ns.saturating_sub(began_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_awake_right_before_a_packet_is_due() {
        let mut watch = Watch::default();
        let due_ns = 10_000_000;
        assert_eq!(watch.sleep_ns(0, due_ns), due_ns - AHEAD_NS);
        assert_eq!(watch.sleep_ns(due_ns - AHEAD_NS, due_ns), 0);
        assert_eq!(watch.sleep_ns(due_ns - 1, due_ns), 0);
        assert_eq!(watch.sleep_ns(due_ns, due_ns), 0);
    }

    #[test]
    fn where_packets_are_due_all_the_time_it_is_awake_for_a_tenth_of_it() {
        let mut watch = Watch::default();
        let (mut now_ns, mut awake_ns) = (0, 0);
        for packet in 1..=100_000_u64 {
            let due_ns = packet * 10_000;
            while now_ns < due_ns {
                match watch.sleep_ns(now_ns, due_ns) {
                    0 => {
                        now_ns += 1_000;
                        awake_ns += 1_000;
                    }
                    sleep_ns => now_ns += sleep_ns,
                }
            }
            watch.is_over(now_ns);
        }
        assert!(
            awake_ns > 0 && awake_ns <= now_ns / 9,
            "{awake_ns} of {now_ns}"
        );
    }

    #[test]
    fn packets_a_millisecond_apart_are_each_waited_for() {
        let mut watch = Watch::default();
        for packet in 1..=100_u64 {
            let due_ns = packet * 1_000_000;
            assert_eq!(watch.sleep_ns(due_ns - AHEAD_NS, due_ns), 0, "{packet}");
            watch.is_over(due_ns);
        }
    }
}
