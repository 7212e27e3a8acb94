//! Which core the system under test runs on, and which one the load generator.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A core each, as the kernel numbers them; nothing where there are not two to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cores {
    /// For the system under test.
    pub system: Option<usize>,
    /// For the load generator.
    pub generator: Option<usize>,
}

/// Two different cores that this process may run on, of two different physical cores if there are
/// any.
///
/// Nothing is pinned by it: who launches a system or makes load does that, and records it.
pub fn pair() -> Cores {
    choose(Path::new("/"), &allowed())
}

/// The cores that this process may run on, in order; none where the kernel does not report them, as with
/// more than 1024 of them.
pub fn allowed() -> Vec<usize> {
    of_thread(0).unwrap_or_default()
}

/// The cores that run, whether or not this process may run on them.
///
/// # Errors
/// The kernel does not tell.
pub fn online() -> io::Result<Vec<usize>> {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/online")?;
    Ok(parse_list(&list))
}

/// The cores that a thread may run on, in order; 0 is the calling one.
fn of_thread(thread: u32) -> nix::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(thread.cast_signed()))?;
    Ok((0..CpuSet::count())
        .filter(|&core| set.is_set(core) == Ok(true))
        .collect())
}

/// The cores that any thread of these processes may run on, in order, as the kernel has it. Nothing
/// if there are none, or one of them does not tell.
pub fn of_processes(pids: &[u32]) -> Option<Vec<usize>> {
    let mut cores = BTreeSet::new();
    for pid in pids {
        let threads = threads(*pid);
        if threads.is_empty() {
            return None;
        }
        for thread in threads {
            match of_thread(thread) {
                Ok(own) => cores.extend(own),
                Err(Errno::ESRCH) => {}
                Err(_) => return None,
            }
        }
    }
    (!cores.is_empty()).then(|| cores.into_iter().collect())
}

/// Keeps these processes on these cores: all their threads, and what they start from now on.
///
/// # Errors
/// The kernel refuses it: the cores do not exist, a control group allows others only, or the
/// processes are somebody else's. One that has ended meanwhile is no error.
pub fn keep(pids: &[u32], cores: &[usize]) -> nix::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().try_for_each(|core| set.set(*core))?;
    for pid in pids {
        let mut kept = BTreeSet::new();
        // A thread that is not kept yet may start another one meanwhile, so it is looked again
        // until there is no new one.
        loop {
            let new: Vec<_> = threads(*pid)
                .into_iter()
                .filter(|thread| kept.insert(*thread))
                .collect();
            if new.is_empty() {
                break;
            }
            for thread in new {
                match sched_setaffinity(Pid::from_raw(thread.cast_signed()), &set) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}

/// The threads of a process; none if it has ended.
fn threads(pid: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

/// While it lives, the calling thread runs on one core, and so does what it starts.
#[derive(Debug)]
pub struct Kept {
    before: CpuSet,
}

impl Kept {
    /// Keeps the calling thread on a core.
    ///
    /// # Errors
    /// The core does not exist, or this process may not use it.
    pub fn on(core: usize) -> nix::Result<Self> {
        let this = Pid::from_raw(0);
        let before = sched_getaffinity(this)?;
        let mut set = CpuSet::new();
        set.set(core)?;
        sched_setaffinity(this, &set)?;
        Ok(Self { before })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

/// The pair among `allowed`, with the topology below `root`, which is `/` but in tests.
///
/// The generator takes the first: it is where most machines handle their devices' interrupts, which
/// would otherwise fall into what is measured. The system takes the last that is no sibling of it:
/// two threads of one physical core share its units and caches, so that load made on one would slow
/// the system on the other.
pub fn choose(root: &Path, allowed: &[usize]) -> Cores {
    let &[generator, .., last] = allowed else {
        return Cores::default();
    };
    let siblings = siblings(root, generator);
    let apart = allowed
        .iter()
        .rev()
        .copied()
        .find(|core| !siblings.contains(core));
    Cores {
        system: Some(apart.unwrap_or(last)),
        generator: Some(generator),
    }
}

/// The threads of the physical core that `core` is one of, itself among them.
pub fn siblings(root: &Path, core: usize) -> Vec<usize> {
    let path = root.join(format!(
        "sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
    ));
    let mut siblings = std::fs::read_to_string(path)
        .map(|list| parse_list(&list))
        .unwrap_or_default();
    // Without a topology each core stands for itself.
    if !siblings.contains(&core) {
        siblings.push(core);
    }
    siblings
}

/// Cores from the kernel's form of a list: `0,4`, `0-3`, `0-1,8-9`. What is no number is left out.
fn parse_list(list: &str) -> Vec<usize> {
    let mut cores = Vec::new();
    for part in list.trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse(), to.parse::<usize>()) {
            cores.extend(from..=to);
        }
    }
    cores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(siblings: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (core, list) in siblings.iter().enumerate() {
            let folder = root
                .path()
                .join(format!("sys/devices/system/cpu/cpu{core}/topology"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("thread_siblings_list"), format!("{list}\n")).unwrap();
        }
        root
    }

    fn chosen(siblings: &[&str], allowed: &[usize]) -> Option<(usize, usize)> {
        let Cores { system, generator } = choose(machine(siblings).path(), allowed);
        system.zip(generator)
    }

    #[test]
    fn takes_two_physical_cores_if_there_are_any() {
        assert_eq!(chosen(&["0", "1"], &[0, 1]), Some((1, 0)));
        assert_eq!(
            chosen(&["0,2", "1,3", "0,2", "1,3"], &[0, 1, 2, 3]),
            Some((3, 0))
        );
        assert_eq!(
            chosen(&["0-1", "0-1", "2-3", "2-3"], &[0, 1, 2]),
            Some((2, 0))
        );
        assert_eq!(
            chosen(&["0,3", "1,2", "1,2", "0,3"], &[0, 1, 2, 3]),
            Some((2, 0)),
            "the last one is a sibling"
        );
    }

    #[test]
    fn takes_siblings_where_nothing_else_is_allowed() {
        assert_eq!(chosen(&["0-1", "0-1", "2-3", "2-3"], &[2, 3]), Some((3, 2)));
    }

    #[test]
    fn believes_in_cores_without_a_topology() {
        assert_eq!(chosen(&[], &[4, 9]), Some((9, 4)));
    }

    #[test]
    fn one_core_cannot_be_shared_out() {
        assert_eq!(choose(machine(&["0"]).path(), &[0]), Cores::default());
        assert_eq!(choose(machine(&[]).path(), &[]), Cores::default());
    }

    #[test]
    fn reads_the_kernels_lists() {
        assert_eq!(parse_list("0-1,8,10-11\n"), [0, 1, 8, 10, 11]);
        assert!(parse_list("\n").is_empty());
    }

    #[test]
    fn chooses_among_the_cores_of_this_machine() {
        let (allowed, Cores { system, generator }) = (allowed(), pair());
        assert!(!allowed.is_empty());
        assert_eq!(allowed.len() > 1, system.is_some() && generator.is_some());
        assert!(
            system
                .iter()
                .chain(&generator)
                .all(|core| allowed.contains(core))
        );
        assert!(system != generator || system.is_none());
    }

    #[test]
    fn a_process_is_kept_with_all_its_threads_and_children_and_let_go_again() {
        use std::process::{Command, Stdio};
        let before = allowed();
        let mut child = Command::new("sleep")
            .arg("3600")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id();
        let last = before[before.len() - 1];
        keep(&[pid], &[last]).unwrap();
        assert_eq!(of_processes(&[pid]), Some(vec![last]));
        keep(&[pid], &before).unwrap();
        assert_eq!(of_processes(&[pid]), Some(before.clone()));
        assert!(keep(&[pid], &[100_000]).is_err());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of_processes(&[pid]), None, "it has ended");
        assert_eq!(keep(&[pid], &[last]), Ok(()), "nor is that an error");

        let kept = Kept::on(last).unwrap();
        let output = Command::new("grep")
            .args(["Cpus_allowed_list", "/proc/self/status"])
            .output()
            .unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(listed.split_whitespace().last(), Some(&*last.to_string()));
        drop(kept);
        assert_eq!(allowed(), before);
    }
}
