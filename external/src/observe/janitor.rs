//! Cleaning up after a suite that was killed.
//!
//! A suite that ends by itself puts everything away by itself. One that is killed with SIGKILL does
//! nothing any more: the processes that it launched die with it, but what those had started lives
//! on, and its folders stay. So a small process waits beside it, the *janitor*: it holds the other
//! end of a pipe, is told what there will be to put away, and does so when the pipe ends without
//! having been told that it was put away already.
//!
//! The program that calls [`Janitor::start`] with its own path must call [`main`] when its first
//! argument is [`ARGUMENT`], before it does anything else.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use machine::clock::now_ns;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::{Pid, setsid};
use serde::{Deserialize, Serialize};

use super::fds::ready;
use machine::processes::{Stat, members};

/// The argument that makes a program the janitor. Hidden from people: it waits on standard input
/// for messages.
pub const ARGUMENT: &str = "__janitor";

/// What the janitor says when it waits.
const READY: &[u8] = b"ready\n";

/// How long the janitor may take to begin, a group to die, a command to end.
const PATIENCE_NS: u64 = 10_000_000_000;

/// Between two looks at what takes its time.
const PAUSE: Duration = Duration::from_millis(5);

/// The janitor of this process. Ending it, or this process in any way, makes it put away what is
/// still guarded.
#[derive(Debug, Clone)]
pub struct Janitor(Arc<Pipe>);

/// What is guarded until this is dropped: put it away first, and then drop this.
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

/// What the janitor is told, a line each.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Message {
    Guard(u64, Ward),
    Release(u64),
}

/// What there is to put away, with what tells it from something else that has got its name
/// meanwhile.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Ward {
    Group {
        pid: u32,
        began: u64,
    },
    Folder {
        path: Vec<u8>,
        device: u64,
        inode: u64,
    },
    Command {
        words: Vec<Vec<u8>>,
    },
}

impl Janitor {
    /// Starts `executable` as the janitor: in a session of its own, so that no Ctrl-C reaches it.
    ///
    /// # Errors
    /// What the system says, or that the program did not become a janitor.
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
        let (end, said) = (child.stdin.take(), child.stdout.take());
        // From here on, dropping it ends the child.
        let janitor = Self(Arc::new(Pipe {
            child: Mutex::new(child),
            writing: Mutex::new(Writing { end, used: 0 }),
        }));
        if said.is_some_and(|said| begins(said, now_ns() + PATIENCE_NS)) {
            return Ok(janitor);
        }
        // One that does something else need not end because its input does.
        let _ = janitor
            .0
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .kill();
        Err(io::Error::other(format!(
            "{} {ARGUMENT} did not become a janitor",
            executable.display()
        )))
    }

    /// Guards a process group, by the number of its leader, which must live: its members will be
    /// killed.
    ///
    /// # Errors
    /// There is no such group, or the janitor has died.
    pub fn guard_group(&self, pid: u32) -> io::Result<Guard> {
        let stat = Stat::of(pid).filter(|stat| stat.group == pid && pid > 1);
        let stat = stat.ok_or_else(|| {
            io::Error::new(ErrorKind::NotFound, format!("{pid} leads no process group"))
        })?;
        self.guard(Ward::Group {
            pid,
            began: stat.began,
        })
    }

    /// Guards a folder, which must be there: it will be removed with all that is in it.
    ///
    /// # Errors
    /// There is no such folder, its path is not absolute, or the janitor has died.
    pub fn guard_folder(&self, path: &Path) -> io::Result<Guard> {
        let folder = path.symlink_metadata()?;
        if !path.is_absolute() || path.parent().is_none() || !folder.is_dir() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("{} is no folder to guard", path.display()),
            ));
        }
        let path = path.as_os_str().as_bytes().to_vec();
        self.guard(Ward::Folder {
            path,
            device: folder.dev(),
            inode: folder.ino(),
        })
    }

    /// Guards whatever a command puts away, such as a container: it will be run, with an
    /// environment as this process's, for at most ten seconds.
    ///
    /// # Errors
    /// The janitor has died.
    pub fn guard_command(&self, program: &Path, arguments: &[&OsStr]) -> io::Result<Guard> {
        let words = std::iter::once(program.as_os_str()).chain(arguments.iter().copied());
        self.guard(Ward::Command {
            words: words.map(|word| word.as_bytes().to_vec()).collect(),
        })
    }

    fn guard(&self, ward: Ward) -> io::Result<Guard> {
        let number = self.0.tell(|number| Message::Guard(number, ward))?;
        Ok(Guard {
            number,
            pipe: Arc::clone(&self.0),
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A janitor that has died guards nothing.
        let _ = self.pipe.tell(|_| Message::Release(self.number));
    }
}

impl Pipe {
    /// Writes a message; the number that it may take for itself.
    fn tell(&self, message: impl FnOnce(u64) -> Message) -> io::Result<u64> {
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

/// Whether what is said ends with [`READY`] in time; whatever else the program says before is its
/// own business.
fn begins(mut said: ChildStdout, until_ns: u64) -> bool {
    let (mut heard, mut piece) = (Vec::new(), [0; 256]);
    while !heard.ends_with(READY) && heard.len() < 4096 && ready(said.as_fd(), until_ns) {
        match said.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => heard.extend_from_slice(&piece[..read]),
        }
    }
    heard.ends_with(READY)
}

/// The janitor: waits until standard input ends, then puts away what is still guarded, the last
/// guarded first.
pub fn main() -> ExitCode {
    // Nothing but SIGKILL ends it. Commands that it runs are given the usual signals again by the
    // standard library.
    let _ = SigSet::all().thread_block();
    // It must not keep a file system from being unmounted.
    let _ = std::env::set_current_dir("/");
    if io::stdout()
        .write_all(READY)
        .and_then(|()| io::stdout().flush())
        .is_err()
    {
        return ExitCode::FAILURE;
    }
    let wards = listen(io::stdin().lock());
    // A folder that something still wrote to at its turn is tried again at the end.
    let left: Vec<_> = wards
        .into_values()
        .rev()
        .filter(|ward| !put_away(ward))
        .collect();
    let failed = left.iter().filter(|ward| !put_away(ward)).count();
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is still guarded when no more messages come. A line that breaks off is the last thing that
/// a killed process wrote.
fn listen(messages: impl io::BufRead) -> BTreeMap<u64, Ward> {
    let mut wards = BTreeMap::new();
    for line in messages.split(b'\n').map_while(Result::ok) {
        match serde_json::from_slice(&line) {
            Ok(Message::Guard(number, ward)) => drop(wards.insert(number, ward)),
            Ok(Message::Release(number)) => drop(wards.remove(&number)),
            Err(_) => {}
        }
    }
    wards
}

/// Whether nothing is left of it, or what is left is somebody else's.
fn put_away(ward: &Ward) -> bool {
    match ward {
        Ward::Group { pid, began } => kill_group(*pid, *began),
        Ward::Folder {
            path,
            device,
            inode,
        } => {
            let path = PathBuf::from(OsString::from_vec(path.clone()));
            let same = path
                .symlink_metadata()
                .is_ok_and(|now| (now.dev(), now.ino()) == (*device, *inode));
            !same || std::fs::remove_dir_all(path).is_ok()
        }
        Ward::Command { words } => run(words),
    }
}

/// Kills a group. Its leader may have died already, and then its number is nobody else's as long as
/// the group has members.
fn kill_group(pid: u32, began: u64) -> bool {
    if Stat::of(pid).is_some_and(|stat| stat.began != began) {
        return true;
    }
    let until_ns = now_ns() + PATIENCE_NS;
    while !members(pid).is_empty() {
        if now_ns() > until_ns {
            return false;
        }
        let _ = killpg(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        std::thread::sleep(PAUSE);
    }
    true
}

fn run(words: &[Vec<u8>]) -> bool {
    let mut words = words.iter().map(|word| OsStr::from_bytes(word));
    let Some(program) = words.next() else {
        return true;
    };
    let mut command = Command::new(program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let until_ns = now_ns() + PATIENCE_NS;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if now_ns() < until_ns => std::thread::sleep(PAUSE),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_released_is_not_put_away_and_half_a_message_is_none() {
        let guard = |number| {
            serde_json::to_string(&Message::Guard(number, Ward::Group { pid: 9, began: 7 }))
                .unwrap()
        };
        let release = serde_json::to_string(&Message::Release(1)).unwrap();
        let told = [guard(1), guard(2), release, guard(3)[..20].to_owned()].join("\n");
        let wards = listen(told.as_bytes());
        assert_eq!(
            wards.into_iter().collect::<Vec<_>>(),
            [(2, Ward::Group { pid: 9, began: 7 })]
        );
    }

    #[test]
    fn what_has_got_the_name_meanwhile_is_left_alone() {
        let this = std::process::id();
        let began = Stat::of(this).unwrap().began;
        assert!(
            put_away(&Ward::Group {
                pid: this,
                began: began + 1
            }),
            "and we are still here"
        );

        let parent = tempfile::tempdir().unwrap();
        let (path, other) = (parent.path().join("work"), parent.path().join("other"));
        std::fs::create_dir(&path).unwrap();
        let found = path.metadata().unwrap();
        let bytes = path.as_os_str().as_bytes().to_vec();
        let ward = Ward::Folder {
            path: bytes,
            device: found.dev(),
            inode: found.ino(),
        };
        std::fs::rename(&path, &other).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(
            put_away(&ward) && path.exists(),
            "another folder of that name"
        );
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(put_away(&ward) && other.exists(), "a link of that name");
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&other, &path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        assert!(
            put_away(&ward) && !path.exists(),
            "itself, with what is in it"
        );
    }

    #[test]
    fn a_command_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let words = ["/bin/rm".as_bytes(), file.as_os_str().as_bytes()]
            .map(<[u8]>::to_vec)
            .to_vec();
        assert!(put_away(&Ward::Command { words }) && !file.exists());
        assert!(!put_away(&Ward::Command {
            words: vec![b"/bin/false".to_vec()]
        }));
    }

    #[test]
    fn a_program_that_is_no_janitor_is_refused() {
        let error = Janitor::start(Path::new("/bin/true"))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "/bin/true __janitor did not become a janitor");
    }
}
