//! Where a run's containers are kept, how Podman is called for it, and how all of it goes.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use machine::clock::now_ns;
use machine::processes::called_with;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::geteuid;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::super::oci::caller::hides_unified;
use super::super::oci::{self, orphans};
use super::super::programs::{ends_by, output_of};

/// The programs that Podman consists of, itself first.
const PROGRAMS: [&str; 6] = [
    "podman",
    "conmon",
    "runc",
    "crun",
    "fuse-overlayfs",
    "rootlessport",
];

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
        self.charged(words).map(|(printed, _)| printed)
    }

    /// The same, and its CPU time.
    ///
    /// # Errors
    /// What it says.
    pub(super) fn charged<W: AsRef<OsStr>>(
        &self,
        words: &[W],
    ) -> Result<(String, Option<u64>), String> {
        let (output, cpu_ns) = self.run(words)?;
        if output.status.success() {
            let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            return Ok((printed, cpu_ns));
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
        let (output, _) = self.run(&["logs", "--tail", "20", name])?;
        let streams = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&streams).trim().to_owned())
    }

    fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<(Output, Option<u64>), String> {
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
        output_of(child).map_err(wrong)
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

    /// The processes of Podman's that work in the store, and what each is called. Others may be called with its
    /// folders too: whoever looks into them, and those of this program that clean up.
    fn working(&self) -> Vec<(u32, String)> {
        let called = called_with(self.root.as_os_str().as_bytes()).into_iter();
        let of_podmans = |pid: u32| {
            let name = name_of_own(pid)?;
            PROGRAMS.contains(&name.as_str()).then_some((pid, name))
        };
        called.filter_map(of_podmans).collect()
    }

    /// Kills those that work in the store and have such a name. Each is held before it is looked at again: by then
    /// its number may be somebody else's.
    fn kill_working(&self, is_meant: impl Fn(&str) -> bool) {
        for (pid, name) in self.working() {
            let held = Pid::from_raw(pid.cast_signed())
                .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
            if let Some(held) = held
                && is_meant(&name)
                && self.working().contains(&(pid, name))
            {
                // One that has ended meanwhile is what is wanted.
                let _ = pidfd_send_signal(&held, Signal::KILL);
            }
        }
    }

    /// Removes everything, whatever there is of it.
    ///
    /// # Errors
    /// What is left.
    pub(super) fn remove_all(&self) -> Result<(), String> {
        // What was ordered by a process that has died is not to come.
        self.kill_working(|name| name == PROGRAMS[0]);
        let removed = if self.root.is_dir() {
            self.remove("--all")
        } else {
            Ok(())
        };
        self.kill_working(|_| true);
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

/// What a process's program is called; nothing of another user's.
fn name_of_own(pid: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let user: u32 = users.split_whitespace().next()?.parse().ok()?;
    if user != geteuid().as_raw() {
        return None;
    }
    // One that has called itself again is called otherwise by the kernel.
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = program.as_deref().and_then(Path::file_name);
    let name = name.map(|it| it.to_string_lossy().into_owned());
    name.or_else(|| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(name.trim().to_owned())
    })
}

/// Takes away what is mounted in a folder, the innermost first.
fn unmount_below(folder: &Path) {
    // As the kernel writes it.
    let Ok(folder) = std::fs::canonicalize(folder) else {
        return;
    };
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| {
        // The kernel writes blanks as their numbers.
        let place = line.split_whitespace().nth(1)?.replace("\\040", " ");
        Path::new(&place).starts_with(&folder).then_some(place)
    });
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.len()));
    for place in places {
        let _ = unmount(place, UnmountFlags::DETACH);
    }
}

/// A folder with a short path for a run's state, which is made: sockets have room for a hundred bytes.
///
/// # Errors
/// None can be made that is nobody else's.
pub(super) fn state_folder(owner: &str) -> Result<PathBuf, String> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folders = [Some(PathBuf::from("/run")), own, Some(std::env::temp_dir())];
    let name = format!("coldphase-podman-{owner}");
    let mut why = String::new();
    for folder in folders.into_iter().flatten() {
        let folder = folder.join(&name);
        match make_own(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => why = format!("{}: {error}", folder.display()),
        }
    }
    Err(format!("podman's state can be kept nowhere: {why}"))
}

/// What others than its owner may do with a file.
const OTHERS: u32 = 0o077;

/// Makes a folder, or finds one that was made so before. Whoever sees this process begin knows the name that it
/// will have, and may make one in a place where everybody may.
fn make_own(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let found = std::fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & OTHERS == 0 {
        return Ok(());
    }
    Err(io::Error::other("somebody else has made it"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::process::Child;

    use super::*;

    fn store(folder: &Path) -> Store {
        Store {
            program: "/nowhere/podman".into(),
            root: folder.join("podman-store"),
            state: folder.join("state"),
        }
    }

    /// Waits for its input, and is called with the store's folder.
    fn called(program: &Path, store: &Store) -> Child {
        let mut command = Command::new(program);
        command.args(["-c", "read line", "sh"]).arg(&store.root);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let name = program.file_name().unwrap().to_str().unwrap();
        while name_of_own(child.id()).as_deref() != Some(name) {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::sleep(LOOK);
        }
        child
    }

    #[test]
    fn whoever_looks_into_the_store_is_not_killed_with_what_works_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let shell = std::fs::canonicalize("/bin/sh").unwrap();
        let podman = folder.path().join("podman");
        std::fs::copy(&shell, &podman).unwrap();
        let mut person = called(&shell, &store);
        let mut works = called(&podman, &store);
        store.remove_all().unwrap();
        assert!(!works.wait().unwrap().success());
        assert!(person.try_wait().unwrap().is_none(), "a person's own");
        person.kill().unwrap();
        person.wait().unwrap();
    }

    #[test]
    fn state_is_kept_in_no_folder_of_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        make_own(&path("own")).unwrap();
        let mode = std::fs::metadata(path("own")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        make_own(&path("own")).expect("several of a run have one in common");
        symlink(path("own"), path("link")).unwrap();
        std::fs::create_dir(path("open")).unwrap();
        std::fs::set_permissions(path("open"), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(path("file"), "").unwrap();
        let mut others = vec!["link", "open", "file"];
        if geteuid().is_root() {
            make_own(&path("foreign")).unwrap();
            chown(path("foreign"), Some(65_534), None).unwrap();
            others.push("foreign");
        }
        for name in others {
            assert!(make_own(&path(name)).is_err(), "{name}");
        }
    }
}
