//! Which processes are ours.
//!
//! One is held by a descriptor first, and looked at then: its user, its program, its arguments. If
//! it still lives after that, all of it was said of the process that the descriptor is of, and a
//! signal through the descriptor reaches that one or none. A number alone is never sent a signal.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::process::Process as Entry;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::place::Place;

/// A process that was recognised.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// As it was given them, without its own name.
    pub(crate) arguments: Vec<String>,
    handle: OwnedFd,
}

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        // That it has ended meanwhile is what was wanted.
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Waits for its end: whether it has come.
    pub(crate) fn ends_within(&self, patience: Duration) -> bool {
        let mut fds = [PollFd::new(&self.handle, PollFlags::IN)];
        let timeout = Timespec::try_from(patience).ok();
        loop {
            match poll(&mut fds, timeout.as_ref()) {
                Err(Errno::INTR) => {}
                found => return found.is_ok_and(|ready| ready > 0),
            }
        }
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        self.ends_within(Duration::from_secs(10));
    }
}

/// The engine of a place.
pub(crate) fn engine(place: &Place) -> Option<Process> {
    let arguments = place.arguments();
    find(|entry| entry.runs("dockerd") && entry.was_given(&arguments)).pop()
}

/// The containerd that the engine of a place has started.
pub(crate) fn containerd(place: &Place) -> Vec<Process> {
    let config = place.containerd_config();
    find(|entry| entry.runs("containerd") && entry.has_option("--config", &config))
}

/// The shims of containers of the engine of a place.
pub(crate) fn shims(place: &Place) -> Vec<Process> {
    let socket = place.containerd_socket();
    find(|entry| {
        entry.program().starts_with("containerd-shim") && entry.has_option("-address", &socket)
    })
}

/// What a process of ours has started. Its own number cannot be given to another process as long
/// as its descriptor shows that it lives.
pub(crate) fn children(parent: &Process) -> Vec<Process> {
    let found = find_any(|entry| entry.parent == parent.pid);
    if parent.ends_within(Duration::ZERO) {
        return Vec::new();
    }
    found
}

/// Engines of the machine's that are not that of a place, by the name of their program: only ever
/// used to leave something alone.
pub(crate) fn other_engines(place: &Place) -> Vec<u32> {
    let arguments = place.arguments();
    let others = find(|entry| entry.runs("dockerd") && !entry.was_given(&arguments));
    others.into_iter().map(|process| process.pid).collect()
}

/// All processes of root's engines, whatever they were given.
pub(crate) fn engines() -> Vec<Process> {
    find(|entry| entry.runs("dockerd"))
}

/// What is known of a process that is looked at.
struct Seen {
    is_roots: bool,
    program: PathBuf,
    arguments: Vec<String>,
    parent: u32,
}

impl Seen {
    fn of(entry: &Entry) -> Option<Self> {
        // The owner of the folder in /proc is root's also for a process that hides its memory.
        let status = entry.status().ok()?;
        let mut arguments = entry.cmdline().ok()?.into_iter();
        arguments.next()?;
        Some(Self {
            is_roots: [status.ruid, status.euid, status.suid] == [0; 3],
            program: entry.exe().ok()?,
            arguments: arguments.collect(),
            parent: status.ppid.try_into().ok()?,
        })
    }

    /// The name of the file that it runs; of one that was replaced since, the name that it had.
    fn program(&self) -> &str {
        let name = self.program.file_name().and_then(OsStr::to_str);
        let name = name.unwrap_or_default();
        name.strip_suffix(" (deleted)").unwrap_or(name)
    }

    fn runs(&self, program: &str) -> bool {
        self.program() == program
    }

    fn was_given(&self, arguments: &[impl AsRef<OsStr>]) -> bool {
        let given = self.arguments.iter().map(OsStr::new);
        given.eq(arguments.iter().map(AsRef::as_ref))
    }

    fn has_option(&self, option: &str, value: &Path) -> bool {
        let pairs = self.arguments.windows(2);
        pairs
            .into_iter()
            .any(|pair| pair[0] == option && Path::new(&pair[1]) == value)
    }
}

fn find(is: impl Fn(&Seen) -> bool) -> Vec<Process> {
    find_any(|seen| seen.is_roots && is(seen))
}

fn find_any(is: impl Fn(&Seen) -> bool) -> Vec<Process> {
    let Ok(entries) = procfs::process::all_processes() else {
        return Vec::new();
    };
    let pids = entries.flatten().map(|entry| entry.pid);
    pids.filter_map(|pid| open(pid, &is)).collect()
}

fn open(pid: i32, is: impl Fn(&Seen) -> bool) -> Option<Process> {
    let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    let seen = Seen::of(&Entry::new(pid).ok()?).filter(|seen| is(seen))?;
    let process = Process {
        pid: pid.try_into().ok()?,
        arguments: seen.arguments,
        handle,
    };
    (!process.ends_within(Duration::ZERO)).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(program: &str, arguments: &[&str]) -> Seen {
        Seen {
            is_roots: true,
            program: program.into(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            parent: 1,
        }
    }

    #[test]
    fn an_engine_is_known_by_all_of_its_arguments() {
        let place = Place::at("/var/lib/coldphase/docker");
        let ours: Vec<_> = place
            .arguments()
            .iter()
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        let ours: Vec<_> = ours.iter().map(String::as_str).collect();
        let engine = |program, arguments: &[&str]| {
            let seen = seen(program, arguments);
            seen.runs("dockerd") && seen.was_given(&place.arguments())
        };
        assert!(engine("/usr/sbin/dockerd", &ours));
        assert!(engine("/usr/sbin/dockerd (deleted)", &ours), "upgraded");
        assert!(!engine("/usr/bin/vi", &ours), "another program");
        assert!(!engine("/usr/sbin/dockerd", &ours[..7]), "fewer of them");
        assert!(!engine("/usr/sbin/dockerd", &[&ours[..], &["x"]].concat()));
        let other = Place::at("/home/x/docker");
        assert!(!seen("/usr/sbin/dockerd", &ours).was_given(&other.arguments()));
    }

    #[test]
    fn a_value_belongs_to_the_option_before_it() {
        let seen = seen(
            "/usr/bin/containerd-shim-runc-v2",
            &["-id", "/a", "-address", "/b"],
        );
        assert!(seen.has_option("-address", Path::new("/b")));
        assert!(!seen.has_option("-address", Path::new("/a")));
        assert!(!seen.has_option("-address", Path::new("/b/c")));
    }

    #[test]
    fn this_process_is_held_and_lives() {
        let this = i32::try_from(std::process::id()).unwrap();
        let process = open(this, |_| true).unwrap();
        assert!(!process.ends_within(Duration::ZERO));
        let mut child = std::process::Command::new("/bin/sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = child.id().try_into().unwrap();
        // It has no arguments before its program is loaded.
        let held = loop {
            if let Some(held) = open(pid, |_| true) {
                break held;
            }
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            std::thread::yield_now();
        };
        held.kill();
        assert!(held.ends_within(Duration::ZERO));
        child.wait().unwrap();
        assert!(open(pid, |_| true).is_none());
    }
}
