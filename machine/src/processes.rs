//! Processes as `/proc` shows them: who is whose, and since when.

use std::collections::HashSet;
use std::io;

use procfs::{FromRead as _, process};

/// A process as `/proc/<pid>/stat` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Whether it is neither a zombie nor dead.
    pub lives: bool,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Page faults served without a device.
    pub minor_faults: u64,
    /// Page faults that read from a device.
    pub major_faults: u64,
    /// CPU time of the children that it has waited for, and of those that they had, in the kernel's ticks.
    pub ended_children_ticks: u64,
    /// When it began, in ticks since boot: with the process's number, its identity.
    pub began: u64,
}

impl Stat {
    /// Of a process that is there.
    pub fn of(pid: u32) -> Option<Self> {
        process::Stat::from_file(format!("/proc/{pid}/stat"))
            .ok()
            .as_ref()
            .and_then(Self::convert)
    }

    fn convert(stat: &process::Stat) -> Option<Self> {
        Some(Self {
            lives: !matches!(stat.state, 'Z' | 'X' | 'x'),
            parent: stat.ppid.try_into().ok()?,
            group: stat.pgrp.try_into().ok()?,
            session: stat.session.try_into().ok()?,
            minor_faults: stat.minflt,
            major_faults: stat.majflt,
            ended_children_ticks: u64::try_from(stat.cutime + stat.cstime).ok()?,
            began: stat.starttime,
        })
    }
}

/// The numbers of all processes.
pub fn numbers() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// All processes, each with its description. One that ends meanwhile is left out.
///
/// On a machine with ten thousand processes that takes a tenth of a second: what asks for each of many
/// processes asks for something else first.
pub fn all() -> Vec<(u32, Stat)> {
    #[cfg(test)]
    LOOKS.set(LOOKS.get() + 1);
    let described = |pid| Some((pid, Stat::of(pid)?));
    numbers().into_iter().filter_map(described).collect()
}

/// The children of a process that have ended, have sessions other than its own, and were not waited
/// for: daemons that became its children when their own parents ended.
pub fn ended_daemons(parent: u32) -> Vec<u32> {
    let Some(own) = Stat::of(parent) else {
        return Vec::new();
    };
    all()
        .into_iter()
        .filter(|(_, it)| it.parent == parent && !it.lives && it.session != own.session)
        .map(|(pid, _)| pid)
        .collect()
}

/// The processes whose command lines contain these bytes: a path, a name that is nobody else's.
pub fn called_with(bytes: &[u8]) -> Vec<u32> {
    let is_called = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.windows(bytes.len()).any(|it| it == bytes)
    };
    numbers().into_iter().filter(is_called).collect()
}

/// The living members of a process group.
pub fn members(group: u32) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|(_, stat)| stat.group == group && stat.lives)
        .map(|(pid, _)| pid)
        .collect()
}

/// The living descendants of a process, with when each began. One whose parent has ended before it
/// is none any more.
pub fn descendants(pid: u32) -> Vec<(u32, u64)> {
    descendants_by_lists(pid).unwrap_or_else(|| descendants_among(pid, &all()))
}

/// The same by the kernel's lists of children; nothing where it does not tell them.
fn descendants_by_lists(pid: u32) -> Option<Vec<(u32, u64)>> {
    let (mut found, mut parents) = (Vec::new(), vec![pid]);
    // One whose parent ends meanwhile may get one that is looked at later.
    let mut seen = HashSet::from([pid]);
    while let Some(parent) = parents.pop() {
        for child in children(parent)? {
            let stat = Stat::of(child).filter(|stat| stat.lives && stat.parent == parent);
            if let Some(stat) = stat.filter(|_| seen.insert(child)) {
                found.push((child, stat.began));
                parents.push(child);
            }
        }
    }
    Some(found)
}

/// The same among all processes.
fn descendants_among(pid: u32, all: &[(u32, Stat)]) -> Vec<(u32, u64)> {
    let (mut found, mut parents) = (Vec::new(), vec![pid]);
    while let Some(parent) = parents.pop() {
        for (child, stat) in all
            .iter()
            .filter(|(_, stat)| stat.parent == parent && stat.lives)
        {
            found.push((*child, stat.began));
            parents.push(*child);
        }
    }
    found
}

/// The children of a process, ended ones included; nothing where the kernel does not tell.
///
/// A list that is read while one of it ends may lack the one after that (`proc_pid_task_children(5)`). It
/// had the one that ended then, which the next reading does not have: so two readings that are the same
/// lack nothing. Of a thread that has any child a list is never empty.
fn children(pid: u32) -> Option<Vec<u32>> {
    /// More readings than children end in while they are read, on any machine that does something else, too.
    const READINGS: usize = 16;
    let mut before = list_children(pid)?;
    for _ in 0..READINGS {
        if before.iter().all(|(_, list)| list.is_empty()) {
            return Some(Vec::new());
        }
        let now = list_children(pid)?;
        if now == before {
            let lists = now.iter().flat_map(|(_, list)| list.split_whitespace());
            return Some(lists.filter_map(|number| number.parse().ok()).collect());
        }
        before = now;
    }
    None
}

/// What the kernel lists of each thread of a process; nothing where it does not: a kernel without such
/// lists (`CONFIG_PROC_CHILDREN`), or a thread that ends meanwhile.
fn list_children(pid: u32) -> Option<Vec<(std::ffi::OsString, String)>> {
    let threads = match std::fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(threads) => threads,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(Vec::new()),
        Err(_) => return None,
    };
    let list = |thread: io::Result<std::fs::DirEntry>| {
        let thread = thread.ok()?;
        let list = std::fs::read_to_string(thread.path().join("children")).ok()?;
        Some((thread.file_name(), list))
    };
    threads.map(list).collect()
}

#[cfg(test)]
thread_local! {
    /// How often this thread has looked at all processes.
    pub(crate) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_program_with_an_odd_name() {
        let parse = |state: char| {
            let text = format!(
                "7 (a) R (b c) {state} 1 7 7 0 -1 4194560 11 12 13 14 1 2 3 4 20 0 1 0 999 4096 5 \
                 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0"
            );
            Stat::convert(&process::Stat::from_read(text.as_bytes()).unwrap()).unwrap()
        };
        let expected = Stat {
            lives: true,
            parent: 1,
            group: 7,
            session: 7,
            minor_faults: 11,
            major_faults: 13,
            ended_children_ticks: 7,
            began: 999,
        };
        assert_eq!(parse('S'), expected);
        assert!(!parse('Z').lives);
    }

    #[test]
    fn finds_this_process() {
        let this = std::process::id();
        let stat = Stat::of(this).unwrap();
        assert!(stat.lives && members(stat.group).contains(&this));
        assert!(descendants(stat.parent).contains(&(this, stat.began)));
    }
    /// A shell, with all that it has started, which goes with it.
    struct Shell(std::process::Child);

    impl Shell {
        /// One that runs `script` and has said something.
        fn run(script: &str) -> Self {
            use std::io::Read as _;
            use std::os::unix::process::CommandExt as _;
            let mut shell = std::process::Command::new("/bin/sh")
                .args(["-c", script])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .process_group(0)
                .spawn()
                .unwrap();
            let said = shell.stdout.take().unwrap().read(&mut [0; 16]).unwrap();
            assert!(said > 0);
            Self(shell)
        }
    }

    impl Drop for Shell {
        fn drop(&mut self) {
            let group = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            let _ = self.0.wait();
        }
    }

    #[test]
    fn lists_of_children_tell_what_all_processes_tell_without_a_look_at_them() {
        let tree = "/bin/sleep 3600 & /bin/sh -c '/bin/sleep 3600 & /bin/sh -c \"/bin/sleep 3600 & wait\" & \
            /bin/sleep 3600 & wait' & for n in 1 2 3 4 5 6 7 8; do /bin/sleep 3600 & done; \
            echo ready; wait";
        for (script, expected) in [("echo ready; read x", 0), (tree, 14)] {
            let shell = Shell::run(script);
            let pid = shell.0.id();
            while descendants_among(pid, &all()).len() < expected {
                std::thread::yield_now();
            }
            let looks = LOOKS.get();
            let mut by_lists = descendants(pid);
            let looked = LOOKS.get() - looks;
            if list_children(pid).is_some() {
                assert_eq!(looked, 0);
            }
            let mut among_all = descendants_among(pid, &all());
            by_lists.sort_unstable();
            among_all.sort_unstable();
            assert_eq!(by_lists, among_all);
            assert_eq!(by_lists.len(), expected, "{by_lists:?}");
        }
        assert_eq!(descendants(u32::MAX >> 1), []);
    }

    #[test]
    fn no_child_is_missed_while_others_end() {
        let lasting = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            // What lasts stands in the list after one that ends.
            let starting = scope.spawn(|| {
                for _ in 0..50 {
                    let mut ending = std::process::Command::new("/bin/true").spawn().unwrap();
                    let shell = Shell::run("echo ready; read x");
                    lasting.lock().unwrap().push(shell);
                    ending.wait().unwrap();
                }
            });
            while !starting.is_finished() {
                let pids = |shells: &Vec<Shell>| shells.iter().map(|it| it.0.id()).collect();
                let lasting: Vec<u32> = pids(&lasting.lock().unwrap());
                let found = descendants(std::process::id());
                let has = |pid: &u32| found.iter().any(|(found, _)| found == pid);
                assert!(
                    lasting.iter().all(has),
                    "{found:?} lacks one of {lasting:?}"
                );
            }
        });
    }
}
