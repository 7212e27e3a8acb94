//! What a run must not leave on the machine, known by what it is called and by who made it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use external::network::firewall::nft::Nft;
use external::system::System;
use machine::processes;

use crate::turns;

/// Where the kernel shows the devices of the machine's network.
const DEVICES: &str = "/sys/class/net";

/// What begins the names of all that is made in the machine's network, and in engines.
const NAME: &str = "coldphase-";

/// What all that a run makes is known by.
pub(crate) struct Traces<'a> {
    /// Where everything of it is.
    pub(crate) folder: &'a Path,
    /// The processes that measured, with the ticks at which they began.
    pub(crate) launched: &'a [(u32, u64)],
    /// The devices that were there before it.
    pub(crate) devices_before: &'a [String],
    /// Whether coldphase's own engine is its alone meanwhile.
    pub(crate) has_engine: bool,
}

impl Traces<'_> {
    /// What is there of it.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = processes_below(self.folder);
        left.extend(mounts_below(self.folder));
        if self.has_engine {
            // What died last may have been the engine, which could tell of nothing then.
            turns::engine();
            left.extend(self.of_engine(&["ps", "--all"], "{{.Names}} {{.State}}"));
            left.extend(self.of_engine(&["network", "ls"], "{{.Name}} {{.Driver}}"));
            left.extend(self.published_ports());
        }
        let namespaces = namespaces().into_iter();
        left.extend(
            namespaces
                .filter(|name| self.is_ours(name))
                .map(|name| format!("namespace {name}")),
        );
        left.extend(self.devices());
        left.extend(self.table());
        left
    }

    /// What is in the names of what these processes make.
    fn owners(&self) -> impl Iterator<Item = String> {
        let each = self.launched.iter();
        each.map(|(pid, began)| format!("{pid}-{began}"))
    }

    fn is_ours(&self, name: &str) -> bool {
        self.owners()
            .any(|owner| name.contains(&format!("{NAME}{owner}")))
    }

    /// What the engine lists by these words whose name is of this run, containers in any state too.
    fn of_engine(&self, words: &[&str], shown: &str) -> Vec<String> {
        let Ok(docker) = System::from_name("docker").unwrap().find() else {
            return Vec::new();
        };
        let mut arguments = words.iter().map(ToString::to_string).collect::<Vec<_>>();
        arguments.extend(["--format".into(), shown.into()]);
        for owner in self.owners() {
            arguments.extend(["--filter".into(), format!("name=^{NAME}{owner}")]);
        }
        let host = format!("unix://{}", docker.program.display());
        let listed = Command::new("docker")
            .args(["--host", &host])
            .args(&arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&listed.stdout);
        let lines = text.lines();
        lines.map(|line| format!("{} {line}", words[0])).collect()
    }

    /// Ports that the engine listens on for containers, by what passes them on since this run began.
    fn published_ports(&self) -> Vec<String> {
        let engine = docker_engine::running().ok().flatten();
        let below = engine.map_or_else(Vec::new, processes::descendants);
        let first = self.launched.first().map(|(_, began)| *began);
        let is_since = |pid: u32| machine::usage::began(pid) >= first;
        let proxies = below.into_iter().map(|(pid, _)| pid);
        proxies
            .filter(|&pid| is_called(pid, "docker-proxy") && is_since(pid))
            .map(|pid| format!("port: {}", told(pid)))
            .collect()
    }

    /// Devices of links and of virtual machines. Those of a link are called as the last part of its
    /// namespace's name, those of a virtual machine have their owner beside it.
    fn devices(&self) -> Vec<String> {
        let namespaces = namespaces();
        let is_others = |device: &String| {
            let file = Path::new(DEVICES).join(device).join("ifalias");
            let alias = fs::read_to_string(file).unwrap_or_default();
            let number = device.strip_prefix(NAME).unwrap_or_default();
            let of_namespace = |name: &&String| name.rsplit('-').next() == Some(number);
            match (alias.trim(), namespaces.iter().find(of_namespace)) {
                ("", Some(namespace)) => !self.is_ours(namespace),
                ("", None) => self.devices_before.contains(device),
                (owner, _) => !self.owners().any(|ours| ours == owner),
            }
        };
        let devices = devices().into_iter();
        let ours = devices.filter(|device| !is_others(device));
        ours.map(|device| format!("device {device}")).collect()
    }

    /// The firewall's table, if this run has put it up.
    fn table(&self) -> Option<String> {
        let table = Nft::find().ok()?.table().ok()??;
        let is_ours = self.owners().any(|owner| owner == table.owner);
        is_ours.then(|| format!("table of nftables, of {}", table.owner))
    }
}

fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

fn namespaces() -> Vec<String> {
    names_in("/run/netns")
}

/// Network devices that are called like coldphase's.
pub(crate) fn devices() -> Vec<String> {
    let mut devices = names_in(DEVICES);
    devices.retain(|name| name.starts_with(NAME));
    devices
}

/// Every process that has to do with a folder: by its arguments, its environment or where it works. Not
/// the engine, which a run brings back where it finds it dead, and which stays.
fn processes_below(folder: &Path) -> Vec<String> {
    let name = folder.as_os_str().as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|it| it == name);
    let engine = engine_daemons();
    let others = processes::numbers().into_iter();
    let others = others.filter(|pid| *pid != std::process::id() && !engine.contains(pid));
    let has_to_do = |pid: &u32| {
        let entry = PathBuf::from(format!("/proc/{pid}"));
        let read = |name| fs::read(entry.join(name)).is_ok_and(|bytes| holds(&bytes));
        let link = |name| {
            let target = fs::read_link(entry.join(name));
            target.is_ok_and(|target| target.starts_with(folder))
        };
        read("cmdline") || read("environ") || link("cwd") || link("root")
    };
    let processes = others.filter(has_to_do).map(told);
    processes.map(|it| format!("process {it}")).collect()
}

/// Coldphase's own engine and its containerd; nothing of what they have started.
fn engine_daemons() -> Vec<u32> {
    let Some(engine) = docker_engine::running().ok().flatten() else {
        return Vec::new();
    };
    let below = processes::descendants(engine).into_iter();
    let below = below.map(|(pid, _)| pid);
    let containerd = below.filter(|&pid| is_called(pid, "containerd"));
    containerd.chain([engine]).collect()
}

/// Whether a process runs the program of this name.
fn is_called(pid: u32, name: &str) -> bool {
    let program = fs::read_to_string(format!("/proc/{pid}/comm"));
    program.is_ok_and(|program| program.trim() == name)
}

/// A process as a message shows it.
fn told(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    format!("{pid}: {words}")
}

fn mounts_below(folder: &Path) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let name = folder.to_str().unwrap();
    let below = mounts.lines().filter(|line| line.contains(name));
    below.map(|line| format!("mount {line}")).collect()
}
