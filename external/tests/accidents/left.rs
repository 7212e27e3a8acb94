//! What a suite that was killed has left on the machine.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use machine::processes::Stat;
use machine::usage;
use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use crate::suite::{Campaign, HANG_NS};

/// Programs that a suite starts for all who come after it: an engine that it had to restart.
const STAY: [&str; 2] = ["dockerd", "containerd"];

/// Has whatever loses its parent become a child of this process, where it is seen.
pub(crate) fn watch_orphans() {
    nix::sys::prctl::set_child_subreaper(true).unwrap();
}

/// The children of this process that are not engines, and the reapers among them.
#[derive(Default)]
struct Children {
    reapers: BTreeSet<i32>,
    /// Those of these that did not end well.
    failed: Vec<String>,
}

impl Children {
    /// Those that live, after those that have ended were waited for.
    fn look(&mut self) -> Vec<String> {
        let this = std::process::id();
        let children: Vec<u32> = usage::tree(this)
            .into_iter()
            .filter(|pid| Stat::of(*pid).is_some_and(|stat| stat.parent == this))
            .collect();
        for pid in &children {
            if command_line(*pid).contains("__reaper") {
                self.reapers.insert(pid.cast_signed());
            }
        }
        self.reap();
        let living = children.into_iter().filter(|pid| is_there(*pid));
        let told = |pid: u32| format!("process {pid}: {}", command_line(pid));
        living.map(told).filter(|it| !it.is_empty()).collect()
    }

    fn reap(&mut self) {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(ended) => {
                    let pid = ended.pid().map_or(0, nix::unistd::Pid::as_raw);
                    let is_well = matches!(ended, WaitStatus::Exited(_, 0));
                    if self.reapers.contains(&pid) && !is_well {
                        self.failed
                            .push(format!("the reaper could not remove all: {ended:?}"));
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn command_line(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

/// Whether it is there, and no engine that stays.
fn is_there(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Stat::of(pid).is_some() && !STAY.contains(&name.trim())
}

/// Waits until nothing is left of a suite, and tells what is if something is.
pub(crate) fn nothing(campaign: &Campaign, owner: &str, told: &str) {
    let mut children = Children::default();
    let mut left = Vec::new();
    let until_ns = machine::clock::now_ns() + HANG_NS;
    while machine::clock::now_ns() < until_ns {
        left = children.look();
        if left.is_empty() {
            left = on_disk(campaign);
            left.extend(in_the_kernel(campaign, owner));
            left.extend(in_engines(owner));
        }
        if left.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(left, Vec::<String>::new(), "{told}: left");
    assert_eq!(children.failed, Vec::<String>::new(), "{told}");
}

/// Private folders of runs, temporary ones, and folders that look like runs and are none.
fn on_disk(campaign: &Campaign) -> Vec<String> {
    let names = |folder: &Path| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let mut left = names(&campaign.temporary());
    for run in names(&campaign.out()) {
        if run.join("work").exists() {
            left.push(run.join("work"));
        }
        if !run.join("manifest.json").exists() {
            left.push(run);
        }
    }
    left.iter().map(|path| path.display().to_string()).collect()
}

/// Mounts, namespaces, a firewall's table, control groups.
fn in_the_kernel(campaign: &Campaign, owner: &str) -> Vec<String> {
    let folder = campaign.out().parent().unwrap().display().to_string();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let is_ours = |line: &&str| {
        let place = line.split(' ').nth(4).unwrap_or_default();
        line.contains(owner) || (place.starts_with(&folder) && place != folder)
    };
    let mut left: Vec<String> = mounts.lines().filter(is_ours).map(str::to_owned).collect();
    let namespaces = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    let named = namespaces.map(|entry| entry.path().display().to_string());
    left.extend(named.filter(|path| path.contains(owner)));
    let table = said("nft", &["list", "table", "inet", "coldphase"]);
    left.extend(table.filter(|it| it.contains(&format!("owner.{owner}"))));
    groups(Path::new("/sys/fs/cgroup"), owner, 4, &mut left);
    left
}

fn groups(folder: &Path, owner: &str, depth: usize, left: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth > 0 {
            if path.to_string_lossy().contains(owner) {
                left.push(path.display().to_string());
            }
            groups(&path, owner, depth - 1, left);
        }
    }
}

/// Containers in any state, and networks.
fn in_engines(owner: &str) -> Vec<String> {
    let mut left = Vec::new();
    let socket = docker_engine::socket();
    if socket.exists() {
        let host = format!("unix://{}", socket.display());
        let (name, label) = (
            format!("name=coldphase-{owner}"),
            format!("label=coldphase={owner}"),
        );
        for words in [
            ["ps", "--all", "--quiet", "--filter", &name],
            ["network", "ls", "--quiet", "--filter", &label],
        ] {
            let words: Vec<&str> = ["--host", &host].into_iter().chain(words).collect();
            left.extend(said("docker", &words).filter(|it| !it.trim().is_empty()));
        }
    }
    let socket = docker_engine::containerd_socket();
    if socket.exists() {
        let address = socket.display().to_string();
        let words = [
            "--address",
            &address,
            "--namespace",
            "coldphase",
            "containers",
            "ls",
            "-q",
        ];
        let listed = said("ctr", &words).unwrap_or_default();
        let of_owner = listed.lines().filter(|it| it.contains(owner));
        left.extend(of_owner.map(str::to_owned));
    }
    left
}

/// What a program says, if it is there and ends well.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(words).stdin(Stdio::null()).output().ok()?;
    let is_well = output.status.success();
    is_well.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
