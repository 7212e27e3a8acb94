//! Where a run's containers are kept, how Podman is called for it, and how all of it goes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use machine::processes::called_with;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::mount::{UnmountFlags, unmount};

use super::super::oci::caller::hides_unified;
use super::super::oci::{self, orphans};
use super::super::programs::ends_by;

/// How long one order may take that nobody times.
const ORDER_NS: u64 = 60_000_000_000;

/// How long what an order has started may go on after it, such as cleaning up after a container.
const SETTLING_NS: u64 = 10_000_000_000;

/// What is said of one that was killed for the time that it took.
pub(super) const LATE: &str = "podman did not come to an end in time";

/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// A run's images, containers and state.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) program: PathBuf,
    /// Images and containers: a folder of the run's.
    pub(super) root: PathBuf,
    /// State, in memory, and with a short path: sockets lie in it.
    pub(super) state: PathBuf,
}

/// How many files at once a container may have open, and how many processes it may have, unless
/// Podman is told otherwise.
const FILES: u64 = 1_048_576;
const PROCESSES: u64 = 32_768;

/// What Podman is told of limits where this process has lower ones than it would set: to keep them.
pub(super) fn limits() -> Vec<String> {
    let most = |of| getrlimit(of).map_or(u64::MAX, |(_, most)| most);
    let files = most(Resource::RLIMIT_NOFILE);
    if files >= FILES {
        return Vec::new();
    }
    let processes = most(Resource::RLIMIT_NPROC).min(PROCESSES);
    vec![
        format!("--ulimit=nofile={files}:{files}"),
        format!("--ulimit=nproc={processes}:{processes}"),
    ]
}

/// The runtime that Podman is told to call; nothing where it is left to choose. `crun`, its first
/// choice, refuses a machine that has controllers in both versions of control groups.
fn runtime() -> Option<&'static str> {
    let is_there = || machine::programs::find("runc", &[]).is_some();
    (hides_unified() && is_there()).then_some("runc")
}

impl Store {
    /// Podman, told to use this store and nothing else.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(&self.root)
            .arg("--runroot")
            .arg(self.state.join("run"))
            .arg("--tmpdir")
            .arg(self.state.join("tmp"))
            // There need be no service manager, nor its journal.
            .args([
                "--storage-driver",
                "overlay",
                "--cgroup-manager",
                "cgroupfs",
            ])
            .args(["--events-backend", "file"])
            .args(runtime().map(|it| format!("--runtime={it}")))
            .env("PATH", machine::programs::search_path())
            .stdin(Stdio::null());
        command
    }

    /// The control group that its containers are in, below ours.
    pub(super) fn group(&self) -> String {
        let name = self.state.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Has it do something that nobody times: what it printed.
    ///
    /// # Errors
    /// What it says.
    pub(super) fn order<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<String, String> {
        let output = self.run(words)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let order = words.first().map(|word| word.as_ref().to_string_lossy());
        Err(format!(
            "podman cannot {}: {}",
            order.unwrap_or_default(),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }

    /// The end of a container's log, both of its streams.
    pub(super) fn log(&self, name: &str) -> Result<String, String> {
        let output = self.run(&["logs", "--tail", "20", name])?;
        let streams = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&streams).trim().to_owned())
    }

    fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<Output, String> {
        let mut command = self.command();
        command
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let wrong = |error: std::io::Error| format!("cannot run podman: {error}");
        let mut child = command.spawn().map_err(wrong)?;
        if !ends_by(&mut child, now_ns() + ORDER_NS) {
            return Err(LATE.to_owned());
        }
        child.wait_with_output().map_err(wrong)
    }

    /// Removes containers by name, or all of them.
    ///
    /// # Errors
    /// What it says.
    pub(super) fn remove(&self, which: &str) -> Result<(), String> {
        self.order(&["rm", "--force", "--time", "0", which])
            .map(drop)
    }

    /// Waits until nothing works in the store: after a container's end its `conmon` calls Podman again.
    ///
    /// # Errors
    /// It goes on.
    pub(super) fn settle(&self) -> Result<(), String> {
        let until_ns = now_ns() + SETTLING_NS;
        loop {
            // Its companion is a child of this process by now.
            orphans::reap();
            if self.working().is_empty() {
                return Ok(());
            }
            if now_ns() > until_ns {
                return Err("processes of Podman's are left after its container".to_owned());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The processes that work in the store.
    fn working(&self) -> Vec<u32> {
        // Those that clean up are called with its folders too, and are this program.
        let this = std::env::current_exe().ok();
        let is_this = |pid: &u32| {
            let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
            program.is_some() && program == this
        };
        let called = called_with(self.root.as_os_str().as_bytes()).into_iter();
        called.filter(|pid| !is_this(pid)).collect()
    }

    /// Removes everything, whatever there is of it.
    ///
    /// # Errors
    /// What is left.
    pub(super) fn remove_all(&self) -> Result<(), String> {
        // What was ordered by a process that has died is not to come.
        for pid in self.working() {
            let is_podman = std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.trim() == "podman");
            if is_podman {
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
        let removed = if self.root.is_dir() {
            self.remove("--all")
        } else {
            Ok(())
        };
        for pid in self.working() {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        oci::end_group(&self.group());
        for folder in [&self.root, &self.state] {
            unmount_below(folder);
            let _ = std::fs::remove_dir_all(folder);
        }
        if self.root.exists() || self.state.exists() {
            return removed.and(Err(format!(
                "what Podman has kept is left in {} or {}",
                self.root.display(),
                self.state.display()
            )));
        }
        Ok(())
    }
}

/// Removes what a killed run left.
///
/// # Errors
/// What is left.
pub(in crate::system) fn remove_left(program: &str, root: &str, state: &str) -> Result<(), String> {
    let store = Store {
        program: program.into(),
        root: root.into(),
        state: state.into(),
    };
    store.remove_all()
}

/// Takes away what is mounted in a folder, the innermost first.
fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| {
        // The kernel writes blanks as their numbers.
        let place = line.split_whitespace().nth(1)?.replace("\\040", " ");
        Path::new(&place).starts_with(folder).then_some(place)
    });
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.len()));
    for place in places {
        let _ = unmount(place, UnmountFlags::DETACH);
    }
}

/// A folder with a short path for a run's state, which is made: sockets have room for a hundred bytes.
pub(super) fn state_folder(owner: &str) -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folders = [Some(PathBuf::from("/run")), own, Some(std::env::temp_dir())];
    let name = format!("coldphase-podman-{owner}");
    let mut usable = folders.into_iter().flatten().filter(|it| {
        let folder = it.join(&name);
        folder.is_dir() || std::fs::create_dir(&folder).is_ok()
    });
    let folder = usable.next().unwrap_or_else(std::env::temp_dir);
    folder.join(name)
}
