//! What others did around a sample: the kernel's counters of stolen time, pressure and load, and the
//! CPU time of everybody else's processes.
//!
//! That time is counted process by process, and not as the machine's less our own: `/proc/stat`
//! counts in ticks of 10 ms, which is longer than most starts, and control groups are not
//! everywhere. A process's own clock is exact to the nanosecond and one system call that needs no
//! rights (`clock_getcpuclockid(3)`).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use results::noise::Noise;

use crate::processes::{self, Stat};
use crate::{clock, usage};

/// The kernel's counters at one moment: two of them make a [`Noise`].
#[derive(Debug, Clone, Copy)]
pub struct Counters {
    steal_ns: Option<u64>,
    cpu_pressure_ns: Option<u64>,
    load1: Option<f64>,
}

impl Counters {
    /// Reads the counters below `proc`, which is `/proc` but in tests.
    pub fn read(proc: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(proc.join(name)).ok();
        Self {
            steal_ns: text("stat").as_deref().and_then(steal_ns),
            cpu_pressure_ns: text("pressure/cpu").as_deref().and_then(cpu_pressure_ns),
            load1: text("loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }

    /// What happened since `earlier`.
    pub fn since(&self, earlier: &Self) -> Noise {
        let difference = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Noise {
            steal_ns: difference(self.steal_ns, earlier.steal_ns),
            cpu_pressure_ns: difference(self.cpu_pressure_ns, earlier.cpu_pressure_ns),
            load1: self.load1,
            ..Noise::default()
        }
    }
}

/// The parent of all threads of the kernel. What these do, they do for whoever asked, and often for
/// the sample: they are nobody's disturbance.
const KERNEL_THREADS: u32 = 2;

/// The CPU time that each process had taken at one moment.
#[derive(Debug)]
pub struct Census {
    at_ns: u64,
    /// By number; nothing if the machine does not show them all.
    cpu_ns: Option<HashMap<u32, u64>>,
}

impl Census {
    /// Asks all processes: some hundred microseconds. Where only some can be seen, as from within a
    /// container, none count.
    pub fn take() -> Self {
        let sees_all = std::fs::read_to_string(format!("/proc/{KERNEL_THREADS}/comm"))
            .is_ok_and(|name| name.trim() == "kthreadd");
        let clocks = || {
            let clock = |pid| Some((pid, usage::cpu_ns(pid)?));
            processes::numbers().into_iter().filter_map(clock).collect()
        };
        Self {
            at_ns: clock::now_ns(),
            cpu_ns: sees_all.then(clocks),
        }
    }

    /// What others took since, and what all cores had meanwhile. Nobody's disturbance is what
    /// descends from this process or from one of `ours`.
    pub fn others_since(&self, ours: &[u32]) -> Option<(u64, u64)> {
        let now = Self::take();
        let (before, after) = (self.cpu_ns.as_ref()?, now.cpu_ns.as_ref()?);
        let ours: HashSet<u32> = ours.iter().copied().chain([std::process::id()]).collect();
        let parent = |pid| Stat::of(pid).map(|stat| stat.parent);
        let others = after
            .iter()
            .map(|(pid, ns)| {
                (
                    *pid,
                    ns.saturating_sub(before.get(pid).copied().unwrap_or(0)),
                )
            })
            .filter(|(pid, ns)| *ns > 0 && is_other(*pid, &ours, before, parent))
            .map(|(_, ns)| ns)
            .sum();
        let window_ns = now.at_ns.saturating_sub(self.at_ns);
        Some((others, window_ns * cores(Path::new("/proc"))?))
    }
}

/// How many cores there are, ours or not: a line each of `/proc/stat`.
fn cores(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("stat")).ok()?;
    let is_core = |line: &&str| {
        line.strip_prefix("cpu")
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    Some(text.lines().filter(is_core).count() as u64)
}

/// Whether a process is neither ours nor the kernel's. One that has begun meanwhile must descend from
/// one that is: whose parent has ended, as that of a container's shim has, may be ours.
fn is_other(
    pid: u32,
    ours: &HashSet<u32>,
    before: &HashMap<u32, u64>,
    parent: impl Fn(u32) -> Option<u32>,
) -> bool {
    let was_there = before.contains_key(&pid);
    let (mut at, mut has_old_ancestor) = (pid, false);
    loop {
        if ours.contains(&at) || at == KERNEL_THREADS {
            return false;
        }
        // One that has ended since it was counted has no parent to be asked for.
        let Some(above) = parent(at) else {
            return was_there && at == pid;
        };
        if above <= 1 {
            return was_there || has_old_ancestor;
        }
        has_old_ancestor |= before.contains_key(&above);
        at = above;
    }
}

/// The eighth number of the `cpu` line, in ticks of 1/100 s (`USER_HZ`, fixed by the kernel's
/// interface on x86-64 and arm64). proc(5).
fn steal_ns(stat: &str) -> Option<u64> {
    let ticks: u64 = stat
        .lines()
        .find_map(|line| line.strip_prefix("cpu "))?
        .split_whitespace()
        .nth(7)?
        .parse()
        .ok()?;
    Some(ticks * 10_000_000)
}

/// `some … total=` in microseconds. Linux `Documentation/accounting/psi.rst`.
fn cpu_pressure_ns(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let micros: u64 = some.rsplit_once("total=")?.1.trim().parse().ok()?;
    Some(micros * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(steal: u64, pressure: u64) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        std::fs::create_dir(proc.path().join("pressure")).unwrap();
        let stat = format!("cpu  1 2 3 4 5 6 7 {steal} 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
        let cpu = format!(
            "some avg10=0.00 avg60=0.00 avg300=0.00 total={pressure}\nfull avg10=0.00 total=99\n"
        );
        std::fs::write(proc.path().join("stat"), stat).unwrap();
        std::fs::write(proc.path().join("pressure/cpu"), cpu).unwrap();
        std::fs::write(proc.path().join("loadavg"), "0.31 0.2 0.1 1/99 1234\n").unwrap();
        proc
    }

    #[test]
    fn counts_what_happened_between_two_readings() {
        let (before, after) = (fake(100, 2_000), fake(103, 2_500));
        let noise = Counters::read(after.path()).since(&Counters::read(before.path()));
        assert_eq!(
            noise,
            Noise {
                steal_ns: Some(30_000_000),
                cpu_pressure_ns: Some(500_000),
                load1: Some(0.31),
                ..Noise::default()
            }
        );
    }

    #[test]
    fn every_core_of_the_machine_is_counted() {
        assert_eq!(cores(fake(1, 2).path()), Some(1));
        assert!(cores(Path::new("/proc")).is_some_and(|cores| cores > 0));
    }

    #[test]
    fn others_are_who_is_neither_ours_nor_the_kernels() {
        // 10 is this program, 20 an engine's daemon, 30 a build that runs.
        let before: HashMap<u32, u64> = [1, 2, 3, 10, 11, 20, 30, 31].map(|pid| (pid, 0)).into();
        let parents = HashMap::from([
            (1, 0),
            (2, 0),
            (3, 2),
            (10, 1),
            (11, 10),
            (12, 11),
            (20, 1),
            (21, 20),
            (30, 1),
            (31, 30),
            (32, 31),
            (40, 1),
            (41, 40),
        ]);
        let ours = HashSet::from([10, 20]);
        let found: Vec<u32> = (1..50)
            .filter(|pid| before.contains_key(pid) || parents.contains_key(pid))
            .filter(|&pid| is_other(pid, &ours, &before, |pid| parents.get(&pid).copied()))
            .collect();
        // 32 is a job of the build that began meanwhile; 40 may be a shim of the daemon's.
        assert_eq!(found, [1, 30, 31, 32]);
    }

    #[test]
    fn a_process_of_our_own_is_nobodys_disturbance_and_one_of_others_is() {
        let census = Census::take();
        if census.cpu_ns.is_none() {
            // Within a container: unknown, and nothing else to see.
            assert_eq!(census.others_since(&[]), None);
            return;
        }
        let mut ours = std::process::Command::new("/bin/sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let pid = ours.id();
        while usage::cpu_ns(pid).is_some_and(|ns| ns < 50_000_000) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let (_, capacity_ns) = census.others_since(&[]).unwrap();
        let after = Census::take();
        let used = after.cpu_ns.as_ref().unwrap()[&pid];
        assert!(
            used >= 50_000_000 && capacity_ns >= used,
            "{used} of {capacity_ns}"
        );
        let of = |ours: &[u32]| {
            let ours = ours.iter().copied().collect();
            let before = HashMap::from([(pid, 0)]);
            let parent = |pid| Stat::of(pid).map(|stat| stat.parent);
            is_other(pid, &ours, &before, parent)
        };
        assert!(!of(&[std::process::id()]) && !of(&[pid]) && of(&[]));
        ours.kill().unwrap();
        ours.wait().unwrap();
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_null() {
        let nothing = tempfile::tempdir().unwrap();
        let counters = Counters::read(nothing.path());
        assert_eq!(counters.since(&counters), Noise::default());
        assert_eq!(
            serde_json::to_value(Noise::default()).unwrap()["steal_ns"],
            serde_json::Value::Null
        );
    }
}
