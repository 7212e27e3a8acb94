//! The reaper's own process: it waits, and removes what is left.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use machine::processes::{Stat, members};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;

use super::{FolderId, Guarded, Message, READY, TIMEOUT_NS};

/// Between two looks at what takes its time.
const PAUSE: Duration = Duration::from_millis(5);

/// The reaper: waits until standard input ends, then removes what is still guarded, the last
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
    let guarded = receive(io::stdin().lock());
    // A folder that something still wrote to at its turn is tried again at the end.
    let left: Vec<_> = guarded
        .into_values()
        .rev()
        .filter(|resource| !clean_up(resource))
        .collect();
    let failed = left.iter().filter(|resource| !clean_up(resource)).count();
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is still guarded when no more messages come. A line that breaks off is the last thing that
/// a killed process wrote.
fn receive(messages: impl io::BufRead) -> BTreeMap<u64, Guarded> {
    let mut guarded = BTreeMap::new();
    for line in messages.split(b'\n').map_while(Result::ok) {
        match serde_json::from_slice(&line) {
            Ok(Message::Guard(number, resource)) => drop(guarded.insert(number, resource)),
            Ok(Message::Release(number)) => drop(guarded.remove(&number)),
            Err(_) => {}
        }
    }
    guarded
}

/// Whether nothing is left of it, or what is left is somebody else's.
fn clean_up(resource: &Guarded) -> bool {
    match resource {
        Guarded::Group { pid, began } => kill_group(*pid, *began),
        Guarded::Folder { path, id } => {
            let path = PathBuf::from(OsString::from_vec(path.clone()));
            let same = path
                .symlink_metadata()
                .is_ok_and(|now| FolderId::of(&now) == *id);
            !same || std::fs::remove_dir_all(path).is_ok()
        }
        Guarded::Command { words } => run(words),
    }
}

/// Kills a group. Its leader may have died already, and then its number is nobody else's as long as
/// the group has members.
fn kill_group(pid: u32, began: u64) -> bool {
    if Stat::of(pid).is_some_and(|stat| stat.began != began) {
        return true;
    }
    let until_ns = now_ns() + TIMEOUT_NS;
    // That a group has no member at all is told without a look at all processes, which for each of ten
    // thousand groups would take minutes. Ended ones that nobody has waited for are members too.
    let group = Pid::from_raw(pid.cast_signed());
    while killpg(group, None) != Err(Errno::ESRCH) && !members(pid).is_empty() {
        if now_ns() > until_ns {
            return false;
        }
        let _ = killpg(group, Signal::SIGKILL);
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
    let until_ns = now_ns() + TIMEOUT_NS;
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
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_was_released_is_not_removed_and_an_incomplete_message_is_ignored() {
        let guard = |number| {
            serde_json::to_string(&Message::Guard(number, Guarded::Group { pid: 9, began: 7 }))
                .unwrap()
        };
        let release = serde_json::to_string(&Message::Release(1)).unwrap();
        let messages = [guard(1), guard(2), release, guard(3)[..20].to_owned()].join("\n");
        let guarded = receive(messages.as_bytes());
        assert_eq!(
            guarded.into_iter().collect::<Vec<_>>(),
            [(2, Guarded::Group { pid: 9, began: 7 })]
        );
    }

    #[test]
    fn another_process_or_folder_of_the_same_name_is_left_alone() {
        let this = std::process::id();
        let began = Stat::of(this).unwrap().began;
        assert!(
            clean_up(&Guarded::Group {
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
        let resource = Guarded::Folder {
            path: bytes,
            id: FolderId::of(&found),
        };
        std::fs::rename(&path, &other).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(
            clean_up(&resource) && path.exists(),
            "another folder of that name"
        );
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(clean_up(&resource) && other.exists(), "a link of that name");
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&other, &path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        assert!(
            clean_up(&resource) && !path.exists(),
            "itself, with what is in it"
        );
    }

    #[test]
    fn a_later_folder_with_the_number_of_a_removed_one_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("work");
        std::fs::create_dir(&path).unwrap();
        let first = path.metadata().unwrap();
        let resource = Guarded::Folder {
            path: path.as_os_str().as_bytes().to_vec(),
            id: FolderId::of(&first),
        };
        // Births are dated by the kernel's tick, of some milliseconds.
        std::thread::sleep(Duration::from_millis(50));
        std::fs::remove_dir(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let kept = first.created().is_ok() || path.metadata().unwrap().ino() != first.ino();
        assert!(clean_up(&resource));
        assert_eq!(
            path.exists(),
            kept,
            "where births are not kept, numbers decide"
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
        assert!(clean_up(&Guarded::Command { words }) && !file.exists());
        assert!(!clean_up(&Guarded::Command {
            words: vec![b"/bin/false".to_vec()]
        }));
    }
}
