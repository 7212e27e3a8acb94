//! A container of Podman's, from the order to run it to its removal.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};

use machine::clock::now_ns;
use machine::{ports, usage};
use results::record::Resources;
use results::{Attested, Evidence, Failure, Param, PhaseTime};
use serde_json::{Value, json};

use super::super::container::{HOST_NETWORK, Instants, charged, confinement, printed, tail};
use super::super::is_root;
use super::super::managed::{Ended, Instance, StartRequest, Usage, ended_late};
use super::super::oci::bundle;
use super::super::programs::ends_by;
use super::store::Store;
use crate::client::readiness::{FirstAnswer, Target};
use crate::process::{Adopting, wait_for_end, wait_with_cpu};

/// The parts of a container's costs that are its companion's, and Podman's own.
const CONMON: &str = "conmon";
const PODMAN: &str = "podman";

/// Between two looks whether its process still lives.
const LOOK_NS: u64 = 1_000_000;

/// Where Podman writes about a container, and what it prints.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) pid: PathBuf,
    pub(super) conmon: PathBuf,
    pub(super) stdout: PathBuf,
    pub(super) stderr: PathBuf,
}

impl Files {
    /// Those of a run's one container, without anything of the last one.
    pub(super) fn in_folder(folder: &Path) -> Self {
        let files = Self {
            pid: folder.join("pid"),
            conmon: folder.join("conmon-pid"),
            stdout: folder.join("stdout"),
            stderr: folder.join("stderr"),
        };
        for file in [&files.pid, &files.conmon] {
            let _ = std::fs::remove_file(file);
        }
        files
    }

    /// One of them, to be printed into.
    pub(super) fn create(file: &Path) -> Result<File, String> {
        File::create(file).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }
}

/// A command: Podman runs as long as it does, and ends as it does.
pub(super) enum Command {
    Running(Child),
    Ended(ExitStatus),
}

/// A container of ours. Dropping it removes it.
pub(super) struct Container<'a> {
    store: &'a Store,
    name: String,
    files: Files,
    network: String,
    address: IpAddr,
    pub(super) milestones: Option<PathBuf>,
    pub(super) instants: Instants,
    pub(super) command: Option<Command>,
    /// The CPU time of Podman for it, as far as that has ended.
    pub(super) called_ns: Option<u64>,
    pid: u32,
    conmon: Option<u32>,
    looked_ns: u64,
    removed: bool,
    _adopting: Adopting,
}

impl<'a> Container<'a> {
    pub(super) fn new(
        store: &'a Store,
        name: String,
        files: Files,
        request: &StartRequest,
        adopting: Adopting,
    ) -> Self {
        let network = request.variant.get(Param::Network).unwrap_or(HOST_NETWORK);
        Self {
            store,
            name,
            files,
            network: network.to_owned(),
            address: request.address,
            milestones: None,
            instants: Instants::default(),
            command: None,
            called_ns: None,
            pid: 0,
            conmon: None,
            looked_ns: now_ns(),
            removed: false,
            _adopting: adopting,
        }
    }

    /// Reads which processes it has.
    pub(super) fn read_processes(&mut self) -> Result<(), String> {
        let read = |file: &Path| -> Option<u32> {
            std::fs::read_to_string(file).ok()?.trim().parse().ok()
        };
        self.pid = read(&self.files.pid)
            .ok_or_else(|| "podman did not say which process the container has".to_owned())?;
        self.conmon = read(&self.files.conmon);
        Ok(())
    }

    /// What Podman gave its OCI runtime for it, without its own name in it.
    fn configuration(&self) -> Result<Value, String> {
        let id = std::fs::read_to_string(&self.files.stdout).unwrap_or_default();
        let id = id.trim();
        let folder = self.store.root.join("overlay-containers").join(id);
        let file = folder.join("userdata").join(bundle::CONFIGURATION);
        let wrong = |error: &dyn std::fmt::Display| {
            format!("what podman gives its OCI runtime cannot be read: {error}")
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        // What names it, and this run, is in places too that are told by nothing else.
        let named = |text: String, folder: &Path| text.replace(&*folder.to_string_lossy(), "");
        let text = text.replace(id, "ID").replace(&self.name, "NAME");
        let text = named(named(text, &self.store.root), &self.store.state);
        let mut value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        // What lies in a file of a container's own is that of each, as its time of creation is.
        value["annotations"] = Value::Null;
        Ok(value)
    }

    fn own(&self) -> Vec<u32> {
        // Whoever is not root may have no control groups to put containers into.
        let mut own = if is_root() {
            usage::members(self.pid)
        } else {
            usage::tree(self.pid)
        };
        own.extend(self.conmon);
        own
    }
}

impl Instance for Container<'_> {
    fn launched_ns(&self) -> u64 {
        self.instants.began_ns()
    }

    fn target(&self, port: u16) -> Target {
        Target::new(SocketAddr::new(self.address, port))
    }

    fn verify(&mut self) -> Result<Attested, Failure> {
        let configuration = self.configuration()?;
        let mut attested = confinement(self.pid, &self.network, Some(&configuration))?;
        let digest = bundle::digest(&configuration);
        attested.insert(Evidence::BundleSha256, json!(digest));
        Ok(attested)
    }

    fn processes(&mut self) -> Vec<u32> {
        self.own()
    }

    fn shim(&mut self) -> Option<u32> {
        self.conmon
    }

    fn ended(&mut self) -> Option<String> {
        if now_ns() < self.looked_ns + LOOK_NS {
            return None;
        }
        self.looked_ns = now_ns();
        usage::began(self.pid)
            .is_none()
            .then(|| "its process has ended".to_owned())
    }

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, Failure> {
        let code = match &mut self.command {
            Some(Command::Running(child)) => {
                if !ends_by(child, deadline_ns) {
                    return Err(ended_late());
                }
                let seen_ns = now_ns();
                let waited = wait_with_cpu(child.id()).map_err(|error| error.to_string())?;
                let (status, cpu_ns) = waited;
                self.called_ns = cpu_ns;
                self.command = Some(Command::Ended(status));
                return self.ended_with(status, seen_ns);
            }
            Some(Command::Ended(status)) => *status,
            // A service that ended instead of listening: its log says why.
            None => {
                wait_for_end(self.pid, deadline_ns);
                if now_ns() >= deadline_ns {
                    return Err(ended_late());
                }
                let seen_ns = now_ns();
                let code = self.store.order(&["wait", &self.name])?;
                return Ok(Ended {
                    code: code.trim().parse().unwrap_or(-1),
                    printed: Vec::new(),
                    seen_ns,
                });
            }
        };
        self.ended_with(code, now_ns())
    }

    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        self.instants
            .phases(self.milestones.as_deref(), first, answered_ns)
    }

    fn usage(&mut self) -> Usage {
        if self.pid == 0 {
            return Usage::default();
        }
        let own = if is_root() {
            usage::of_group(self.pid)
        } else {
            usage::of_tree(self.pid)
        };
        let mut all: Vec<Resources> = vec![own];
        let called = Resources {
            cpu_ns: self.called_ns,
            ..Resources::default()
        };
        let mut parts = BTreeMap::from([(PODMAN.to_owned(), called)]);
        if let Some(conmon) = self.conmon {
            // It lives as long as the container, and for nothing else; it executes the OCI runtime.
            let cost = usage::of_daemon(conmon);
            all.push(cost);
            parts.insert(CONMON.to_owned(), cost);
        }
        Usage {
            resources: charged(&all, self.called_ns),
            parts,
        }
    }

    fn verify_port(&mut self, port: u16) -> Result<(), Failure> {
        Ok(ports::held_by(port, self.pid)?)
    }

    fn attested(&mut self) -> Attested {
        if self.command.is_some() {
            return Attested::new();
        }
        self.instants.attested()
    }

    fn log_tail(&mut self) -> String {
        let said = tail(&self.files.stderr);
        if self.command.is_some() || self.pid == 0 {
            return said;
        }
        self.store.log(&self.name).unwrap_or(said)
    }

    fn remove(&mut self) -> Result<u64, String> {
        let before_ns = now_ns();
        self.store.remove(&self.name)?;
        let took_ns = now_ns() - before_ns;
        if let Some(Command::Running(child)) = &mut self.command {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.removed = true;
        self.store.settle()?;
        Ok(took_ns)
    }
}

impl Container<'_> {
    fn ended_with(&self, status: ExitStatus, seen_ns: u64) -> Result<Ended, Failure> {
        let code = status.code().ok_or_else(|| {
            format!(
                "podman died of signal {}",
                status.signal().unwrap_or_default()
            )
        })?;
        Ok(Ended {
            code: code.into(),
            printed: printed(&self.files.stdout)?,
            seen_ns,
        })
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.remove();
        }
    }
}
