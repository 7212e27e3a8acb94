//! What processes have cost, read from outside while they live.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use procfs::process::{SmapsRollup, Status};
use procfs::{FromRead as _, ProcessCGroup, ProcessCGroups};
use results::record::Resources;

use super::processes::{Stat, all, descendants};

/// Of these processes together, each from its beginning to now; children that they had waited for
/// do not count. A figure that one of them does not tell is none of all: a sum of some would be
/// taken for one of all.
///
/// `max_rss_bytes` adds up the peaks, which need not have been at one time. Switches are those of
/// threads that have not ended. Costs the reader some tens of microseconds a process, and the
/// process the time for which its map is held.
pub fn of_processes(pids: &[u32]) -> Resources {
    let each: Vec<_> = pids.iter().map(|pid| of_process(*pid)).collect();
    sum(&each)
}

/// What several have cost together; nothing where one of them is not known, and nothing of none.
pub fn sum(parts: &[Resources]) -> Resources {
    let all = |of: fn(&Resources) -> Option<u64>| {
        if parts.is_empty() {
            None
        } else {
            parts.iter().map(of).sum::<Option<u64>>()
        }
    };
    Resources {
        cpu_ns: all(|part| part.cpu_ns),
        max_rss_bytes: all(|part| part.max_rss_bytes),
        pss_bytes: all(|part| part.pss_bytes),
        minor_faults: all(|part| part.minor_faults),
        major_faults: all(|part| part.major_faults),
        voluntary_switches: all(|part| part.voluntary_switches),
        involuntary_switches: all(|part| part.involuntary_switches),
        core_wait_ns: all(|part| part.core_wait_ns),
    }
}

/// Of a process and of all that it has started and that lives.
pub fn of_tree(pid: u32) -> Resources {
    of_processes(&tree(pid))
}

/// Of a process that executes programs and waits for their end, as a daemon does: its own cost, and the
/// CPU time of those that it has waited for. The kernel tells the latter in ticks, a hundred a second as a
/// rule, of two counts each: it is up to two of them less than it was.
pub fn of_daemon(pid: u32) -> Resources {
    let own = of_process(pid);
    let ended_ns = ended_children_ns(pid);
    Resources {
        cpu_ns: own.cpu_ns.zip(ended_ns).map(|(own, ended)| own + ended),
        ..own
    }
}

fn ended_children_ns(pid: u32) -> Option<u64> {
    let a_second = procfs::ticks_per_second();
    let ticks = Stat::of(pid)?.ended_children_ticks;
    Some(ticks * (1_000_000_000 / a_second.max(1)))
}

fn of_process(pid: u32) -> Resources {
    let stat = Stat::of(pid);
    let threads = threads(pid);
    let switches = |of: fn(&Status) -> Option<u64>| {
        let sum = threads.iter().map(of).sum::<Option<u64>>();
        sum.filter(|_| !threads.is_empty())
    };
    Resources {
        cpu_ns: cpu_ns(pid),
        max_rss_bytes: peak_rss_bytes(pid),
        pss_bytes: memory(pid).and_then(|memory| memory.get("Pss").copied()),
        minor_faults: stat.map(|stat| stat.minor_faults),
        major_faults: stat.map(|stat| stat.major_faults),
        voluntary_switches: switches(|status| status.voluntary_ctxt_switches),
        involuntary_switches: switches(|status| status.nonvoluntary_ctxt_switches),
        core_wait_ns: core_wait_ns(pid),
    }
}

/// How long the threads that a process has were ready to run and waited for a core, added up.
/// Nothing where the kernel does not count it (`CONFIG_SCHED_INFO`).
pub fn core_wait_ns(pid: u32) -> Option<u64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let waits: Vec<_> = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok())
        .map(|text| waited_ns(&text))
        .collect();
    let sum = waits.iter().copied().sum::<Option<u64>>();
    sum.filter(|_| !waits.is_empty())
}

/// The same of the first thread of a child that has ended and was not waited for: the others are
/// gone by then.
pub fn core_wait_ns_of_ended(pid: u32) -> Option<u64> {
    waited_ns(&std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?)
}

/// Time on a core, time in which one was waited for, times that one was got; all zero in kernels
/// that do not count. Linux `Documentation/scheduler/sched-stats.rst`.
fn waited_ns(schedstat: &str) -> Option<u64> {
    let mut numbers = schedstat.split_whitespace();
    let _ran_ns = numbers.next()?;
    let waited_ns = numbers.next()?.parse().ok()?;
    let turns: u64 = numbers.next()?.parse().ok()?;
    // A thread that is there and has never had a core would be counted as one that never waited.
    (turns > 0).then_some(waited_ns)
}

/// The largest resident set that a process has had, in bytes.
pub fn peak_rss_bytes(pid: u32) -> Option<u64> {
    Some(status(pid)?.vmhwm? * 1024)
}

/// The address space of a process, in bytes: what it has reserved, most of which no memory stands
/// behind.
pub fn address_space_bytes(pid: u32) -> Option<u64> {
    Some(status(pid)?.vmsize? * 1024)
}

fn status(pid: u32) -> Option<Status> {
    Status::from_file(format!("/proc/{pid}/status")).ok()
}

/// The sums over a process's mappings, in bytes, by the kernel's names.
fn memory(pid: u32) -> Option<HashMap<String, u64>> {
    let rollup = SmapsRollup::from_file(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let sums = rollup.memory_map_rollup.0.into_iter().next()?;
    Some(sums.extension.map)
}

/// The CPU time of all threads of a process, those that have ended included. One system call, which
/// everybody may make for every process.
pub(crate) fn cpu_ns(pid: u32) -> Option<u64> {
    let time = clock_getcpuclockid(Pid::from_raw(pid.cast_signed()))
        .and_then(ClockId::now)
        .ok()?;
    Some(u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?)
}

/// The `status` of every thread that there is.
fn threads(pid: u32) -> Vec<Status> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|thread| Status::from_file(thread.path().join("status")).ok())
        .collect()
}

/// What was added since an earlier reading, or from nothing where there was none. Memory is no sum
/// over time: it is the later reading's.
pub fn since(before: &Resources, after: &Resources) -> Resources {
    let more = |of: fn(&Resources) -> Option<u64>| {
        Some(of(after)?.saturating_sub(of(before).unwrap_or(0)))
    };
    Resources {
        cpu_ns: more(|cost| cost.cpu_ns),
        minor_faults: more(|cost| cost.minor_faults),
        major_faults: more(|cost| cost.major_faults),
        voluntary_switches: more(|cost| cost.voluntary_switches),
        involuntary_switches: more(|cost| cost.involuntary_switches),
        core_wait_ns: more(|cost| cost.core_wait_ns),
        ..*after
    }
}

/// The control group that a process is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlGroup {
    cpu: PathBuf,
    memory: PathBuf,
    unified: bool,
}

impl ControlGroup {
    /// That of a process: of version 2 if the memory of it is counted there, otherwise of version
    /// 1.
    pub fn of(pid: u32) -> Option<Self> {
        let groups = ProcessCGroups::from_file(format!("/proc/{pid}/cgroup")).ok()?;
        Self::find(&groups, Path::new("/sys/fs/cgroup"))
    }

    fn find(groups: &ProcessCGroups, root: &Path) -> Option<Self> {
        let folder = |controller: &str| {
            let has = |group: &&ProcessCGroup| group.controllers.iter().any(|it| it == controller);
            let path = groups.0.iter().find(has)?.pathname.trim_start_matches('/');
            // That of nobody is the root, which is where the kernel says that a process is that has ended:
            // what is counted there is the whole machine's.
            if path.is_empty() {
                return None;
            }
            // Controllers that are mounted together have a folder with both names, and links with
            // each.
            Some(root.join(controller).join(path)).filter(|folder| folder.is_dir())
        };
        if let (Some(cpu), Some(memory)) = (folder("cpuacct"), folder("memory")) {
            return Some(Self {
                cpu,
                memory,
                unified: false,
            });
        }
        let unified = groups.0.iter().find(|group| group.hierarchy == 0)?;
        let folder = root.join(unified.pathname.trim_start_matches('/'));
        folder.join("memory.current").is_file().then(|| Self {
            cpu: folder.clone(),
            memory: folder,
            unified: true,
        })
    }

    /// The processes in it and in those below it.
    pub fn processes(&self) -> Vec<u32> {
        let (mut pids, mut folders) = (Vec::new(), vec![self.memory.clone()]);
        while let Some(folder) = folders.pop() {
            let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            let below = std::fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path());
            folders.extend(below.filter(|path| path.is_dir()));
        }
        pids
    }

    /// CPU time of all that ever ran in it, in nanoseconds.
    pub fn cpu_ns(&self) -> Option<u64> {
        if self.unified {
            let text = std::fs::read_to_string(self.cpu.join("cpu.stat")).ok()?;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("usage_usec "))?;
            return Some(line.trim().parse::<u64>().ok()? * 1_000);
        }
        number(&self.cpu.join("cpuacct.usage"))
    }
}

fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Of the control group that a process is in: CPU time from the group, which counts what has ended
/// too, and the rest from the processes that live.
pub fn of_group(pid: u32) -> Resources {
    let Some(group) = ControlGroup::of(pid) else {
        return of_tree(pid);
    };
    let cost = of_processes(&group.processes());
    Resources {
        cpu_ns: group.cpu_ns().or(cost.cpu_ns),
        ..cost
    }
}

/// The processes of the control group that a process is in; where it is in none of its own, of the
/// tree that it began.
pub fn members(pid: u32) -> Vec<u32> {
    ControlGroup::of(pid).map_or_else(|| tree(pid), |group| group.processes())
}

/// A process and all that it has started and that lives.
pub fn tree(pid: u32) -> Vec<u32> {
    std::iter::once(pid)
        .chain(descendants(pid).into_iter().map(|(pid, _)| pid))
        .collect()
}

/// What processes take of the machine's memory together, in bytes. Nothing where one of them does not
/// tell; of none of them 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Their proportional set size: of what several processes share, each has its part.
    pub pss_bytes: Option<u64>,
    /// What they share with nobody: what would be free if they were gone.
    pub private_bytes: Option<u64>,
    /// The kernel's tables of their pages, which no memory of theirs holds.
    pub page_tables_bytes: Option<u64>,
}

/// What these processes take, in one look at each.
pub fn memory_of(pids: &[u32]) -> Memory {
    let none = Memory {
        pss_bytes: Some(0),
        private_bytes: Some(0),
        page_tables_bytes: Some(0),
    };
    let add = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
    pids.iter().fold(none, |all, pid| {
        let sums = memory(*pid);
        let of = |name| sums.as_ref().and_then(|sums| sums.get(name).copied());
        let tables = status(*pid).and_then(|status| Some(status.vmpte? * 1024));
        Memory {
            pss_bytes: add(all.pss_bytes, of("Pss")),
            private_bytes: add(
                all.private_bytes,
                add(of("Private_Clean"), of("Private_Dirty")),
            ),
            page_tables_bytes: add(all.page_tables_bytes, tables),
        }
    })
}

/// The CPU time of these processes together, each from its beginning to now. Nothing where one of them
/// is gone, and nothing of none.
pub fn cpu_ns_of(pids: &[u32]) -> Option<u64> {
    let all = pids.iter().map(|pid| cpu_ns(*pid)).sum::<Option<u64>>();
    all.filter(|_| !pids.is_empty())
}

/// The parent of a process.
pub fn parent(pid: u32) -> Option<u32> {
    Stat::of(pid)
        .map(|stat| stat.parent)
        .filter(|parent| *parent > 1)
}

/// A living descendant with this program name, as the kernel shortens it to 15 characters.
pub fn descendant_named(pid: u32, name: &str) -> Option<u32> {
    let is_named = |pid: u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    descendants(pid)
        .into_iter()
        .map(|(pid, _)| pid)
        .find(|pid| is_named(*pid))
}

/// A living process with this program name, whoever started it.
pub fn named(name: &str) -> Option<u32> {
    let is_named = |pid: u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    all()
        .into_iter()
        .map(|(pid, _)| pid)
        .find(|pid| is_named(*pid))
}

/// The process at the other end of a Unix socket.
///
/// # Errors
/// Nobody listens there, or this process may not connect.
pub fn peer(socket: &Path) -> io::Result<u32> {
    let stream = UnixStream::connect(socket)?;
    let peer = getsockopt(&stream, sockopt::PeerCredentials)?;
    Ok(peer.pid().cast_unsigned())
}

/// When a process began, in ticks since boot: with its number, its identity.
pub fn began(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.began)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use procfs::FromBufRead as _;

    use super::*;

    #[test]
    fn several_processes_cost_what_each_does_and_one_that_is_gone_makes_the_sum_unknown() {
        let this = std::process::id();
        let (one, two) = (of_processes(&[this]), of_processes(&[this, this]));
        assert!(
            two.max_rss_bytes >= one.max_rss_bytes.map(|bytes| bytes * 2),
            "{one:?} {two:?}"
        );
        assert!(one.cpu_ns.is_some() && one.pss_bytes.is_some());
        assert_eq!(of_processes(&[this, u32::MAX >> 1]).max_rss_bytes, None);
        assert_eq!(of_processes(&[]), Resources::default());
        assert!(of_tree(this).max_rss_bytes >= one.max_rss_bytes);
    }

    #[test]
    fn a_daemon_costs_what_it_has_executed_too() {
        const BUSY: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let this = std::process::id();
        let both = || (of_daemon(this).cpu_ns.unwrap(), cpu_ns(this).unwrap());
        let (daemon_before, own_before) = both();
        let status = std::process::Command::new("sh").args(["-c", BUSY]).status();
        assert!(status.unwrap().success());
        let (daemon, own) = both();
        // Some hundreds of milliseconds of the shell's, and nothing of this process's.
        let of_child = (daemon - daemon_before).saturating_sub(own - own_before);
        assert!(of_child >= 40_000_000, "{of_child}");
        assert_eq!(of_daemon(u32::MAX >> 1).cpu_ns, None);
    }

    #[test]
    fn time_and_faults_are_counted_from_a_reading_and_memory_is_not() {
        let before = Resources {
            cpu_ns: Some(10),
            pss_bytes: Some(7),
            ..Resources::default()
        };
        let after = Resources {
            cpu_ns: Some(25),
            pss_bytes: Some(9),
            minor_faults: Some(1),
            ..Resources::default()
        };
        let more = since(&before, &after);
        assert_eq!(
            (more.cpu_ns, more.pss_bytes, more.minor_faults),
            (Some(15), Some(9), Some(1))
        );
    }

    #[test]
    fn how_long_threads_waited_for_a_core_is_read_and_zeros_are_no_answer() {
        assert_eq!(waited_ns("522396 53179 11\n"), Some(53_179));
        for other in ["0 0 0\n", "", "1 2\n", "1 many 3\n"] {
            assert_eq!(waited_ns(other), None, "{other:?}");
        }
        if std::fs::read_to_string("/proc/self/schedstat")
            .is_ok_and(|text| waited_ns(&text).is_some())
        {
            assert!(of_process(std::process::id()).core_wait_ns.is_some());
        }
        assert_eq!(core_wait_ns(u32::MAX >> 1), None);
    }

    #[test]
    fn both_versions_of_control_groups_are_read() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = root.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("cpuacct/docker/x/cpuacct.usage", "123\n");
        std::fs::create_dir_all(root.path().join("memory/docker/x")).unwrap();
        write("memory/docker/x/cgroup.procs", "7\n");
        write("memory/docker/x/below/cgroup.procs", "8\n9\n");
        let find = |text: &str| {
            let groups = ProcessCGroups::from_buf_read(text.as_bytes()).unwrap();
            ControlGroup::find(&groups, root.path())
        };
        let group = find("5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n").unwrap();
        assert_eq!(
            (group.cpu_ns(), group.processes()),
            (Some(123), vec![7, 8, 9])
        );

        write("machine/y/memory.current", "1\n");
        write("machine/y/cpu.stat", "usage_usec 5\nuser_usec 1\n");
        assert_eq!(find("0::/machine/y\n").unwrap().cpu_ns(), Some(5_000));
        assert_eq!(find("0::/nowhere\n"), None);
        // The root, which has those files too where version 1 is, is the whole machine's.
        write("cpuacct/cpuacct.usage", "456\n");
        write("memory/cgroup.procs", "1\n");
        assert_eq!(find("5:memory:/\n4:cpu,cpuacct:/\n0::/\n"), None);
    }

    #[test]
    fn the_process_behind_a_socket_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(peer(&path).unwrap(), std::process::id());
        assert!(peer(&folder.path().join("none")).is_err());
    }
}
