//! Processes as `/proc` shows them: who is whose, and since when.

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
pub fn all() -> Vec<(u32, Stat)> {
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
    // Most have none, and all processes need not be looked at for that.
    if is_childless(pid) {
        return Vec::new();
    }
    let all = all();
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

/// Whether the kernel tells that no thread of a process has a child. A list that it tells of may lack one, if
/// another ends meanwhile; of one that has any it is never empty (`proc_pid_task_children(5)`).
fn is_childless(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    let mut lists = threads.map(|thread| std::fs::read(thread?.path().join("children")));
    // A kernel without such lists (`CONFIG_PROC_CHILDREN`) tells nothing, and neither does a thread
    // that ends meanwhile.
    lists.all(|children| children.is_ok_and(|children| children.is_empty()))
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
}
