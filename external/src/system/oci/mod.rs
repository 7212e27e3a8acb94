//! Containers without an engine: what the layers below Docker start, of the same native programs.
//!
//! [`runtime`] is an OCI runtime alone, from a bundle that lies unpacked; [`super::containerd`] is
//! the daemon above it. Both are given the engine's own configuration, which [`bundle`] adapts, so
//! that the layers differ in nothing else.

pub(super) mod bundle;
pub(super) mod caller;
mod container;
mod layer;
pub(super) mod orphans;
pub(super) mod product;
pub(super) mod runtime;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::digest::sha256_file;
use results::{Attested, Evidence, Skip};
use serde_json::json;
use workloads::{Target, Workload};

use super::managed::StartRequest;
use super::own_image::{self, Process, Unpacked};

/// The parent of our control groups, in every hierarchy.
pub(super) const GROUPS: &str = "coldphase";

/// The first word of a runtime's [`crate::process::cleanup::guard`], before its program, its state and the container.
pub(super) const CLEANUP: &str = "oci-runtime";

/// What containers start, laid out in a folder that is their root file system.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// The digest of what is started.
    pub(super) sha256: String,
    /// The program; the files of a person's own image.
    pub(super) files: Vec<PathBuf>,
    /// That image; nothing of a program.
    pub(super) own: Option<Box<Unpacked>>,
}

impl Root {
    /// Lays out what a workload is into an empty folder. `work` is for what that takes.
    ///
    /// # Errors
    /// It cannot be built, had or written.
    pub(super) fn lay_out(root: &Path, workload: Workload, work: &Path) -> Result<Self, String> {
        if let Some(target) = workload.own() {
            let own = Unpacked::make(target, root, work)?;
            return Ok(Self {
                sha256: own.sha256.clone(),
                files: own.files.clone(),
                own: Some(Box::new(own)),
            });
        }
        let program = lay_out(root, workload)?;
        Ok(Self {
            sha256: sha256_file(&program).map_err(|error| error.to_string())?,
            files: vec![program],
            own: None,
        })
    }

    /// The port that its service listens on whatever it is told.
    pub(super) fn fixed_port(&self) -> Option<u16> {
        self.own.as_ref().and_then(|own| own.port)
    }

    /// Brings its files into the state that a start finds, and sees that the one port of its service
    /// is free.
    ///
    /// # Errors
    /// Somebody has it, or pages cannot be placed.
    pub(super) fn prepare(&self, request: &StartRequest) -> Result<Attested, Skip> {
        if let Some(port) = self.fixed_port() {
            own_image::check_free(port)?;
        }
        let resident: Result<Vec<_>, _> = self
            .files
            .iter()
            .map(|file| request.place_pages(file))
            .collect();
        let resident: Option<usize> = resident?.into_iter().sum();
        Ok(Attested::from([(Evidence::PagesResident, json!(resident))]))
    }

    /// What is started of a person's own image, whose service is to listen on `port`.
    pub(super) fn process(&self, request: &StartRequest, port: Option<u16>) -> Option<Process> {
        let address = port.map(|port| SocketAddr::new(request.address, port));
        self.own.as_ref().map(|own| own.process(address))
    }
}

/// Whether a target has what containers without an engine's network are made of.
///
/// # Errors
/// What would be needed.
pub(super) fn check_own(target: &Target) -> Result<(), Skip> {
    own_image::check(target).map(drop)
}

/// Lays out a root file system of nothing but a program, as an image of the engine's holds: the
/// runtime makes the folders that mounts go to.
fn lay_out(root: &Path, workload: Workload) -> Result<PathBuf, String> {
    let name = super::native::program_of(workload);
    let built = super::native::STATIC.program(name)?;
    let copy = || {
        std::fs::create_dir_all(root)?;
        link_or_copy(&built, &root.join(name))
    };
    copy().map_err(|error| format!("cannot lay out {}: {error}", root.display()))?;
    Ok(root.join(name))
}

/// Programs that were laid out before, by what they are copies of.
static LAID_OUT: Mutex<BTreeMap<PathBuf, Vec<PathBuf>>> = Mutex::new(BTreeMap::new());

/// A copy of the run's own, which all containers of it have in common as they would have a layer of
/// an image: what each had a file of its own for would be in memory as often.
fn link_or_copy(built: &Path, to: &Path) -> std::io::Result<()> {
    let mut laid_out = LAID_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = std::fs::remove_file(to);
    let copies = laid_out.entry(built.to_owned()).or_default();
    // One each for mounts that files cannot be linked across, such as an engine's own folder. Some
    // are gone with their run.
    if copies
        .iter()
        .any(|copy| std::fs::hard_link(copy, to).is_ok())
    {
        return Ok(());
    }
    std::fs::copy(built, to)?;
    copies.push(to.to_owned());
    Ok(())
}

/// Kills what is in a control group of ours and in those below it, in every hierarchy, and removes
/// them: what has died already goes with the next call.
pub(super) fn end_group(id: &str) {
    for root in group_roots() {
        end_below(&root.join(GROUPS).join(id));
    }
}

fn end_below(group: &Path) {
    let entries = std::fs::read_dir(group).into_iter().flatten().flatten();
    let folders = entries.filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.for_each(|it| end_below(&it.path()));
    let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    // One of another namespace is 0 here, which as a target is every process of this one's own group.
    let members = members.lines().filter_map(|line| line.parse().ok());
    for pid in members.filter(|pid| *pid > 1) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = std::fs::remove_dir(group);
}

/// Where hierarchies of control groups are mounted, or the one hierarchy.
fn group_roots() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten();
    let below = entries.flatten().map(|entry| entry.path());
    below.chain([PathBuf::from("/sys/fs/cgroup")]).collect()
}

/// Removes the parents of our control groups, which are nobody else's and go if nothing is in them.
pub(super) fn remove_groups() {
    let roots = group_roots().into_iter();
    roots.for_each(|root| drop(std::fs::remove_dir(root.join(GROUPS))));
}
