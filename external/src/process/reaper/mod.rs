//! Cleaning up after a program that was killed.
//!
//! A program that ends by itself cleans up by itself. One that is killed with SIGKILL does nothing
//! any more: the processes that it launched die with it, but what those had started lives on, and
//! its folders stay. So a small process waits beside it, the *reaper*: it holds the other end of a
//! pipe, is told what will have to be removed, and removes it when the pipe ends without a message
//! that it has been removed already.
//!
//! The program that calls [`Reaper::start`] with its own path must call [`main`] when its first
//! argument is [`ARGUMENT`], before it does anything else.

mod cleaner;

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use machine::clock::now_ns;
use nix::unistd::setsid;
use serde::{Deserialize, Serialize};

use crate::fds::ready;
use machine::processes::Stat;

pub use cleaner::main;

/// The argument that makes a program the reaper. Hidden from people: it waits on standard input
/// for messages.
pub const ARGUMENT: &str = "__reaper";

/// What the reaper prints when it waits.
const READY: &[u8] = b"ready\n";

/// How long the reaper may take to begin, a group to die, a command to end.
const TIMEOUT_NS: u64 = 10_000_000_000;

/// The reaper of this process. Ending it, or this process in any way, makes it remove what is still
/// guarded.
#[derive(Debug, Clone)]
pub struct Reaper(Arc<Pipe>);

/// Something that is guarded until this is dropped: remove it first, and then drop this.
#[derive(Debug)]
#[must_use = "what is not held is not guarded"]
pub struct Guard {
    number: u64,
    pipe: Arc<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    child: Mutex<Child>,
    writing: Mutex<Writing>,
}

#[derive(Debug)]
struct Writing {
    /// Nothing once it is closed.
    end: Option<ChildStdin>,
    used: u64,
}

/// A message to the reaper, a line each.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Message {
    Guard(u64, Guarded),
    Release(u64),
}

/// What there is to remove, with what distinguishes it from something else that has got its name
/// meanwhile.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Guarded {
    Group { pid: u32, began: u64 },
    Folder { path: Vec<u8>, id: FolderId },
    Command { words: Vec<Vec<u8>> },
}

/// What distinguishes a folder from a later one of the same path. The number of one that was removed is
/// given again at once: the folder of a run that goes on would pass for that of the one that was
/// killed. So the instant of its birth belongs to it, where the file system keeps one.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FolderId {
    device: u64,
    inode: u64,
    born: Option<Duration>,
}

impl FolderId {
    fn of(found: &Metadata) -> Self {
        let born = found.created().ok();
        Self {
            device: found.dev(),
            inode: found.ino(),
            born: born.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok()),
        }
    }
}

impl Reaper {
    /// Starts `executable` as the reaper: in a session of its own, so that no Ctrl-C reaches it.
    ///
    /// # Errors
    /// What the system says, or that the program did not become a reaper.
    #[expect(
        unsafe_code,
        reason = "what is done between fork and exec must be safe there, which nothing checks"
    )]
    pub fn start(executable: &Path) -> io::Result<Self> {
        let mut command = Command::new(executable);
        command
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // SAFETY: one system call, and nothing is allocated.
        unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
        let mut child = command.spawn()?;
        let (end, printed) = (child.stdin.take(), child.stdout.take());
        // From here on, dropping it ends the child.
        let reaper = Self(Arc::new(Pipe {
            child: Mutex::new(child),
            writing: Mutex::new(Writing { end, used: 0 }),
        }));
        if printed.is_some_and(|printed| is_ready(printed, now_ns() + TIMEOUT_NS)) {
            return Ok(reaper);
        }
        // One that does something else need not end because its input does.
        let _ = reaper
            .0
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .kill();
        Err(io::Error::other(format!(
            "{} {ARGUMENT} did not become a reaper",
            executable.display()
        )))
    }

    /// Guards a process group, by the number of its leader, which must live: its members will be
    /// killed.
    ///
    /// # Errors
    /// There is no such group, or the reaper has died.
    pub fn guard_group(&self, pid: u32) -> io::Result<Guard> {
        let stat = Stat::of(pid).filter(|stat| stat.group == pid && pid > 1);
        let stat = stat.ok_or_else(|| {
            io::Error::new(ErrorKind::NotFound, format!("{pid} leads no process group"))
        })?;
        self.guard(Guarded::Group {
            pid,
            began: stat.began,
        })
    }

    /// Guards a folder, which must be there: it will be removed with all that is in it.
    ///
    /// # Errors
    /// There is no such folder, its path is not absolute, or the reaper has died.
    pub fn guard_folder(&self, path: &Path) -> io::Result<Guard> {
        let folder = path.symlink_metadata()?;
        if !path.is_absolute() || path.parent().is_none() || !folder.is_dir() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("{} is no folder to guard", path.display()),
            ));
        }
        let path = path.as_os_str().as_bytes().to_vec();
        self.guard(Guarded::Folder {
            path,
            id: FolderId::of(&folder),
        })
    }

    /// Guards whatever a command removes, such as a container: it will be run, with an
    /// environment as this process's, for at most ten seconds.
    ///
    /// # Errors
    /// The reaper has died.
    pub fn guard_command(&self, program: &Path, arguments: &[&OsStr]) -> io::Result<Guard> {
        let words = std::iter::once(program.as_os_str()).chain(arguments.iter().copied());
        self.guard(Guarded::Command {
            words: words.map(|word| word.as_bytes().to_vec()).collect(),
        })
    }

    fn guard(&self, resource: Guarded) -> io::Result<Guard> {
        let number = self.0.send(|number| Message::Guard(number, resource))?;
        Ok(Guard {
            number,
            pipe: Arc::clone(&self.0),
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A reaper that has died guards nothing.
        let _ = self.pipe.send(|_| Message::Release(self.number));
    }
}

impl Pipe {
    /// Writes a message; the number that it may take for itself.
    fn send(&self, message: impl FnOnce(u64) -> Message) -> io::Result<u64> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.used += 1;
        let number = writing.used;
        let mut line = serde_json::to_vec(&message(number))?;
        line.push(b'\n');
        writing
            .end
            .as_mut()
            .ok_or(ErrorKind::BrokenPipe)?
            .write_all(&line)?;
        Ok(number)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.writing
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .end = None;
        // It ends by itself now; only a zombie would be left of it.
        let _ = self
            .child
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .wait();
    }
}

/// Whether what is printed ends with [`READY`] in time; whatever else the program prints before is
/// ignored.
fn is_ready(mut printed: ChildStdout, until_ns: u64) -> bool {
    let (mut received, mut piece) = (Vec::new(), [0; 256]);
    while !received.ends_with(READY) && received.len() < 4096 && ready(printed.as_fd(), until_ns) {
        match printed.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => received.extend_from_slice(&piece[..read]),
        }
    }
    received.ends_with(READY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_become_a_reaper_is_refused() {
        let error = Reaper::start(Path::new("/bin/true"))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "/bin/true __reaper did not become a reaper");
    }
}
