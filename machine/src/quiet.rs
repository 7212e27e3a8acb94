//! Whether anything else runs on the machine.
//!
//! What a sample starts and takes down leaves work behind: a container engine that removes what it
//! had made, a kernel that takes namespaces and control groups apart. None of it shows in the
//! processes of the next sample, and all of it slows that one down.
//!
//! The kernel says how many tasks run or wait for a core at an instant, threads of its own included
//! (`/proc/loadavg`, proc(5)). It says so on every machine and to everybody. Counters of CPU time are
//! no substitute: `/proc/stat` counts in ticks of 10 ms, `/proc/schedstat` and the accounting of
//! control groups are not everywhere, and pressure (PSI) does not rise while a second core is free.

use std::path::Path;
use std::time::Duration;

use nix::sys::prctl::{get_timerslack, set_timerslack};

use crate::clock;

/// The pause between two readings. With the time that a thread takes to wake up, and [`READINGS`] of
/// them, a quiet machine costs a sample about 5 ms.
const PAUSE: Duration = Duration::from_micros(250);

/// So many readings one after another tell whether the machine is quiet.
const READINGS: u32 = 16;

/// So many of them may find something: timers of an idle machine's services go off all the time.
const TOLERATED: u32 = 1;

/// What waiting for quiet came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// How long it took.
    pub waited_ns: u64,
    /// Whether nothing else ran in the end.
    pub reached: bool,
}

/// What is waited with: the machine, or a test's idea of one.
pub trait Watch {
    /// The clock, in nanoseconds.
    fn now_ns(&mut self) -> u64;

    /// Lets some time pass.
    fn pause(&mut self);

    /// How many tasks run or wait for a core, beside the one that asks. Nothing if nobody says.
    fn others(&mut self) -> Option<u64>;
}

/// Waits until nothing else runs on this machine, but not longer than `at_most`, and until what this
/// program itself has begun is `settled`. Nothing if the machine does not say what runs.
pub fn wait(at_most: Duration, settled: &mut dyn FnMut() -> bool) -> Option<Quiet> {
    // Otherwise each pause lasts a fifth longer, and with sixteen of them a sample by a millisecond. A
    // kernel that refuses costs no more than that. What is started later inherits none of it.
    let slack = get_timerslack();
    let _ = set_timerslack(1);
    let quiet = wait_by(&mut ThisMachine, at_most, settled);
    if let Some(slack) = slack.ok().and_then(|it| u64::try_from(it).ok()) {
        let _ = set_timerslack(slack);
    }
    quiet
}

/// The same by another clock and another machine.
pub fn wait_by(
    watch: &mut dyn Watch,
    at_most: Duration,
    settled: &mut dyn FnMut() -> bool,
) -> Option<Quiet> {
    let began_ns = watch.now_ns();
    let at_most = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
    let (mut readings, mut found) = (0, 0);
    loop {
        watch.pause();
        readings += 1;
        found += u32::from(watch.others()? > 0);
        let waited_ns = watch.now_ns().saturating_sub(began_ns);
        let is_quiet = readings >= READINGS && found <= TOLERATED;
        let reached = is_quiet && settled();
        // What others do is waited for no longer; what this program has begun has to end before a sample
        // begins, and is no reason to call the machine busy.
        if reached || (waited_ns >= at_most && !is_quiet) {
            return Some(Quiet { waited_ns, reached });
        }
        if found > TOLERATED {
            (readings, found) = (0, 0);
        }
    }
}

struct ThisMachine;

impl Watch for ThisMachine {
    fn now_ns(&mut self) -> u64 {
        clock::now_ns()
    }

    fn pause(&mut self) {
        std::thread::sleep(PAUSE);
    }

    fn others(&mut self) -> Option<u64> {
        others(Path::new("/proc"))
    }
}

/// How many tasks run or wait for a core, beside the one that asks, by what stands below `proc`.
fn others(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("loadavg")).ok()?;
    let (running, _) = text.split(' ').nth(3)?.split_once('/')?;
    Some(running.parse::<u64>().ok()?.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which something runs until an instant, and then in one of so many readings. Every
    /// reading takes a millisecond.
    struct Invented {
        now_ns: u64,
        busy_until_ns: u64,
        then_one_in: u64,
    }

    impl Invented {
        fn quiet() -> Self {
            Self {
                now_ns: 0,
                busy_until_ns: 0,
                then_one_in: u64::MAX,
            }
        }
    }

    impl Watch for Invented {
        fn now_ns(&mut self) -> u64 {
            self.now_ns
        }

        fn pause(&mut self) {
            self.now_ns += 1_000_000;
        }

        fn others(&mut self) -> Option<u64> {
            let busy = self.now_ns <= self.busy_until_ns
                || (self.now_ns / 1_000_000).is_multiple_of(self.then_one_in);
            Some(u64::from(busy))
        }
    }

    fn wait(busy_until_ms: u64, then_one_in: u64) -> Quiet {
        let mut watch = Invented {
            now_ns: 0,
            busy_until_ns: busy_until_ms * 1_000_000,
            then_one_in,
        };
        wait_by(&mut watch, Duration::from_millis(500), &mut || true).unwrap()
    }

    #[test]
    fn a_quiet_machine_is_quiet_after_one_round_of_readings() {
        let expected = Quiet {
            waited_ns: 16_000_000,
            reached: true,
        };
        assert_eq!(wait(0, u64::MAX), expected);
        assert_eq!(wait(0, 16), expected, "one reading in sixteen is tolerated");
    }

    #[test]
    fn work_that_ends_is_waited_for_and_work_that_does_not_is_given_up() {
        let ended = wait(100, u64::MAX);
        assert!(ended.reached, "{ended:?}");
        assert!(
            (115_000_000..=117_000_000).contains(&ended.waited_ns),
            "{ended:?}"
        );
        for endless in [wait(u64::MAX >> 20, 1), wait(0, 4)] {
            assert_eq!(
                endless,
                Quiet {
                    waited_ns: 500_000_000,
                    reached: false
                }
            );
        }
    }

    #[test]
    fn a_quiet_machine_is_waited_for_until_what_was_begun_is_settled() {
        let wait = |settled_after: u32| {
            let (mut watch, mut asked) = (Invented::quiet(), 0);
            let mut settled = || {
                asked += 1;
                asked > settled_after
            };
            wait_by(&mut watch, Duration::from_millis(50), &mut settled).unwrap()
        };
        let expected = Quiet {
            waited_ns: 19_000_000,
            reached: true,
        };
        assert_eq!(wait(3), expected);
        let longer = Quiet {
            waited_ns: 116_000_000,
            reached: true,
        };
        assert_eq!(wait(100), longer);
    }

    #[test]
    fn a_machine_that_says_nothing_is_not_waited_for() {
        let proc = tempfile::tempdir().unwrap();
        assert_eq!(others(proc.path()), None);
        std::fs::write(proc.path().join("loadavg"), "0.31 0.2 0.1 3/99 1234\n").unwrap();
        assert_eq!(others(proc.path()), Some(2));
        for other in ["", "0.31 0.2 0.1", "0.31 0.2 0.1 many/99 1"] {
            std::fs::write(proc.path().join("loadavg"), other).unwrap();
            assert_eq!(others(proc.path()), None, "{other:?}");
        }
    }

    #[test]
    fn this_machine_says_what_runs() {
        assert!(others(Path::new("/proc")).is_some());
        let quiet = super::wait(Duration::from_millis(20), &mut || true).unwrap();
        assert!(quiet.waited_ns > 0);
    }
}
