//! How an OCI runtime is called, and how what a killed run has left of it is deleted.

use std::ffi::CStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Deletes the container of a run that was killed.
///
/// # Errors
/// What the runtime says.
pub(in crate::system) fn delete(
    name: &str,
    program: PathBuf,
    state: PathBuf,
    id: &str,
) -> Result<(), String> {
    let caller = Caller {
        program,
        state,
        hides_unified: hides_unified(name),
    };
    // A `create` that was under way when its caller was killed goes on for some tens of
    // milliseconds, and writes its state at its end.
    for _ in 0..10 {
        let _ = caller.delete(id);
        std::thread::sleep(Duration::from_millis(50));
    }
    let deleted = caller.delete(id);
    super::remove_groups();
    deleted
}

/// Where version 2 of control groups lies beside version 1.
const UNIFIED: &CStr = c"/sys/fs/cgroup/unified";

/// Whether the runtime has to be kept from seeing version 2 of control groups: `crun` refuses a
/// machine that has controllers in both versions, and such a machine is not ours to change. In a
/// mount namespace of its own it sees version 1 only.
pub(super) fn hides_unified(name: &str) -> bool {
    let controllers = Path::new(&*UNIFIED.to_string_lossy()).join("cgroup.controllers");
    name == "crun"
        && std::fs::read_to_string(controllers).is_ok_and(|names| !names.trim().is_empty())
}

/// How the runtime is called.
pub(super) struct Caller {
    pub(super) program: PathBuf,
    pub(super) state: PathBuf,
    pub(super) hides_unified: bool,
}

impl Caller {
    #[expect(
        unsafe_code,
        reason = "what is done between fork and exec must be safe there, which nothing checks"
    )]
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(&self.state)
            .env("PATH", machine::programs::search_path())
            .stdin(Stdio::null());
        if self.hides_unified {
            // SAFETY: system calls with constants only; nothing is allocated.
            unsafe { command.pre_exec(hide_unified) };
        }
        command
    }

    /// Has the runtime do something, which it does quickly or not at all.
    pub(super) fn run(&self, words: &[&str]) -> Result<(), String> {
        let output = self.command().args(words).output();
        let output =
            output.map_err(|error| format!("cannot run {}: {error}", self.program.display()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    pub(super) fn delete(&self, id: &str) -> Result<(), String> {
        self.run(&["delete", "--force", id])
    }
}

/// In a mount namespace of its own, takes version 2 of control groups away. To be called between
/// fork and exec.
#[expect(unsafe_code, reason = "the standard library has none of these calls")]
fn hide_unified() -> io::Result<()> {
    let done = |result: libc::c_int| {
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    let root = c"/".as_ptr();
    // SAFETY: the pointers are to constants, or null where the call takes none.
    unsafe {
        done(libc::unshare(libc::CLONE_NEWNS))?;
        done(libc::mount(
            std::ptr::null(),
            root,
            std::ptr::null(),
            libc::MS_REC | libc::MS_PRIVATE,
            std::ptr::null(),
        ))?;
        done(libc::umount2(UNIFIED.as_ptr(), libc::MNT_DETACH))
    }
}
