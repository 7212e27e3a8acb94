//! How an OCI runtime is called, and how what a killed run has left of it is deleted.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use machine::processes::called_with;
use nix::sched::{CloneFlags, unshare};

use super::super::container::{Instants, tail};
use super::super::programs::{ends_by, output_of};
use super::layer::Layer;
use crate::process::{cleanup, wait_with_cpu};

/// Deletes the container of a run that was killed.
///
/// # Errors
/// What the runtime says.
pub(in crate::system) fn delete(program: PathBuf, state: PathBuf, id: &str) -> Result<(), String> {
    let caller = Caller {
        program,
        state,
        flags: Vec::new(),
        hides_unified: hides_unified(),
    };
    let deleted = caller.within(None, |caller| {
        // A `create` that was under way when its caller was killed goes on for some tens of
        // milliseconds, that of a sandbox for hundreds, and writes its state at its end.
        for round in 0..LONGEST_ROUNDS {
            if round >= ROUNDS && !caller.is_called() {
                break;
            }
            // First: a runtime waits for what it deletes, and one of a sandbox for several.
            super::end_group(id);
            let _ = caller.delete(id);
            std::thread::sleep(Duration::from_millis(50));
        }
        caller.delete(id)
    });
    super::end_group(id);
    super::remove_groups();
    deleted
}

/// How often a container is deleted that a killed run may still be creating, and how often at most
/// while a program is at it: together less than the reaper gives to what it calls.
const ROUNDS: usize = 10;
const LONGEST_ROUNDS: usize = 80;

/// Where version 2 of control groups lies beside version 1.
const UNIFIED: &CStr = c"/sys/fs/cgroup/unified";

/// Whether runtimes have to be kept from seeing version 2 of control groups: `crun` refuses a
/// machine that has controllers in both versions, and such a machine is not ours to change. All are
/// called alike, since they are compared.
pub(in crate::system) fn hides_unified() -> bool {
    let controllers = Path::new(&*UNIFIED.to_string_lossy()).join("cgroup.controllers");
    std::fs::read_to_string(controllers).is_ok_and(|names| !names.trim().is_empty())
}

/// How the runtime is called.
pub(super) struct Caller {
    pub(super) program: PathBuf,
    pub(super) state: PathBuf,
    /// What its every command begins with.
    pub(super) flags: Vec<String>,
    pub(super) hides_unified: bool,
}

/// A container that was created, and started if that worked.
pub(super) struct Launched {
    pub(super) instants: Instants,
    pub(super) pid: Option<u32>,
    /// The CPU time of the runtime's programs that created and started it.
    pub(super) called_ns: Option<u64>,
    pub(super) started: Result<(), String>,
}

impl Caller {
    /// Does something where the runtime sees what it may: on a thread with a mount namespace of its
    /// own where version 2 of control groups is hidden, or a layer is mounted. What is launched there
    /// is launched as from any other thread, and the namespace is there before a clock begins.
    pub(super) fn within<T: Send>(
        &self,
        layer: Option<&Layer>,
        work: impl FnOnce(&Self) -> Result<T, String> + Send,
    ) -> Result<T, String> {
        if !self.hides_unified && layer.is_none() {
            return work(self);
        }
        let hidden = || {
            own_mounts().map_err(|error| format!("no mount namespace can be made: {error}"))?;
            if self.hides_unified {
                hide_unified().map_err(|error| {
                    format!("version 2 of control groups cannot be hidden from it: {error}")
                })?;
            }
            if let Some(layer) = layer {
                layer.mount().map_err(|error| {
                    format!(
                        "no layer can be mounted over the image: {error}; --out on a file system that \
                            overlayfs takes, such as ext4"
                    )
                })?;
            }
            work(self)
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().spawn_scoped(scope, hidden);
            let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
            thread
                .join()
                .unwrap_or_else(|_| Err("the thread that calls it has failed".to_owned()))
        })
    }

    /// Whether a program of the runtime's was called with this state: a command of it, a sandbox.
    fn is_called(&self) -> bool {
        // Those that clean up are called with it too.
        let cleaning = called_with(cleanup::ARGUMENT.as_bytes());
        let called = called_with(self.state.as_os_str().as_bytes());
        called.iter().any(|pid| !cleaning.contains(pid))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(&self.state)
            .args(&self.flags)
            .env("PATH", machine::programs::search_path())
            .stdin(Stdio::null());
        command
    }

    /// `create` and `start`, timed, and given up at `until_ns`.
    pub(super) fn create_and_start(
        &self,
        bundle: &Path,
        id: &str,
        until_ns: u64,
    ) -> Result<Launched, String> {
        let launched_ns = now_ns();
        let creating_ns = self.create(bundle, id, until_ns)?;
        let created_ns = now_ns();
        let started = self.run(&["start", id], until_ns);
        let instants = Instants {
            pulling_ns: None,
            launched_ns,
            created_ns,
            started_ns: now_ns(),
        };
        let pid = std::fs::read_to_string(bundle.join("pid"));
        Ok(Launched {
            instants,
            pid: pid.ok().and_then(|pid| pid.trim().parse().ok()),
            called_ns: started
                .as_ref()
                .ok()
                .and_then(|starting_ns| Some(creating_ns? + (*starting_ns)?)),
            started: started.map(drop),
        })
    }

    /// `create`, whose standard streams the container inherits, so that they must not be pipes that
    /// this waits on. Its CPU time.
    fn create(&self, bundle: &Path, id: &str, until_ns: u64) -> Result<Option<u64>, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("cannot create the container: {error}");
        let (printed, log) = (bundle.join("stdout"), bundle.join("stderr"));
        let output = |file: &Path| File::create(file).map_err(|error| wrong(&error));
        let mut command = self.command();
        command
            .args(["create", "--bundle"])
            .arg(bundle)
            .arg("--pid-file")
            .arg(bundle.join("pid"))
            .arg(id)
            .stdout(output(&printed)?)
            .stderr(output(&log)?);
        let mut child = command.spawn().map_err(|error| wrong(&error))?;
        if !ends_by(&mut child, until_ns) {
            return Err(wrong(&LATE));
        }
        match wait_with_cpu(child.id()) {
            Ok((status, cpu_ns)) if status.success() => Ok(cpu_ns),
            Ok(_) => Err(wrong(&tail(&log))),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// Has the runtime do something, which it does by `until_ns` or not at all. Its CPU time.
    fn run(&self, words: &[&str], until_ns: u64) -> Result<Option<u64>, String> {
        let mut command = self.command();
        command
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let wrong = |error: io::Error| format!("cannot run {}: {error}", self.program.display());
        let mut child = command.spawn().map_err(wrong)?;
        if !ends_by(&mut child, until_ns) {
            return Err(LATE.to_owned());
        }
        let (output, cpu_ns) = output_of(child).map_err(wrong)?;
        if output.status.success() {
            Ok(cpu_ns)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    pub(super) fn delete(&self, id: &str) -> Result<(), String> {
        self.run(&["delete", "--force", id], now_ns() + DELETING_NS)
            .map(drop)
    }
}

/// How long a runtime may take to delete a container.
const DELETING_NS: u64 = 20_000_000_000;

/// What is said of one that was killed for the time that it took.
const LATE: &str = "the runtime did not come to an end in time";

/// Gives the calling thread a mount namespace of its own, of which nothing gets out.
#[expect(unsafe_code, reason = "the standard library has no such call")]
fn own_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let (nothing, root) = (std::ptr::null(), c"/".as_ptr());
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the pointers are to constants, or null where the call takes none.
    done(unsafe { libc::mount(nothing, root, nothing, private, std::ptr::null()) })
}

/// In a mount namespace of the calling thread's own, takes version 2 of control groups away.
#[expect(unsafe_code, reason = "the standard library has no such call")]
fn hide_unified() -> io::Result<()> {
    // SAFETY: the pointer is to a constant.
    done(unsafe { libc::umount2(UNIFIED.as_ptr(), libc::MNT_DETACH) })
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Stands for a runtime: computes for a while in `create`, and in `start` has a child do it.
    const RUNTIME: &str = r#"#!/bin/sh
busy() { i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; }
case "$3" in
  create) busy; echo 7 > "$7" ;;
  start) (busy) ;;
esac
"#;

    #[test]
    fn what_the_runtime_computes_is_charged() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("runtime");
        std::fs::write(&program, RUNTIME).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let caller = Caller {
            program,
            state: folder.path().join("state"),
            flags: Vec::new(),
            hides_unified: false,
        };
        let until_ns = now_ns() + 60_000_000_000;
        let launched = caller.create_and_start(folder.path(), "id", until_ns);
        let launched = launched.unwrap();
        assert_eq!(launched.started, Ok(()));
        assert_eq!(launched.pid, Some(7));
        let created_ns = launched.instants.created_ns - launched.instants.launched_ns;
        let called_ns = launched.called_ns.unwrap();
        assert!(called_ns > 10_000_000, "{called_ns}");
        // Both are in it: neither alone lasted as long as it took in all.
        assert!(called_ns > created_ns / 4, "{called_ns} of {created_ns}");
        assert_eq!(
            caller.run(&["delete"], until_ns).map(|ns| ns.is_some()),
            Ok(true)
        );
    }
}
