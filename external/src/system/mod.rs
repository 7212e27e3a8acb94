//! The systems: one adapter a product, which says how the system is found, what is prepared for a
//! start, what is then launched, and about how long that takes.
//!
//! Only this folder knows a product's flags, and only `systems` its label and looks.

mod child;
mod container;
mod containerd;
mod described;
mod docker;
mod given;
mod host_program;
mod instancing;
mod launch_spec;
mod launched;
pub mod managed;
pub mod microvm;
mod native;
mod oci;
mod own;
mod own_image;
pub mod own_milestones;
pub mod own_workload;
pub mod placeholders;
mod podman;
mod programs;
mod pull;
mod registry;
pub mod wasmcloud;
mod wasmedge;
mod wasmtime;

use std::path::{Path, PathBuf};

use results::manifest::Description;
use results::record::Scenario;
pub use results::values::Acquire;
use results::values::Lifecycle;
use results::{Skip, SkipKind};
use serde::Serialize;
use workloads::target::OwnFile;
use workloads::{Artifact, Call, Dialect, Script, Target, Workload};

pub use self::described::{Described, DescriptionError, Untimed};
pub use self::docker::image_id;
pub use self::host_program::HostProgram;
pub use self::instancing::Instancing;
use self::launch_spec::{ADDRESS, MILESTONES};
pub use self::launch_spec::{LaunchSpec, Mapped};
pub use self::launched::{Launched, launched};
use self::managed::ManagedSystem;
pub use self::own::{Contents, OwnArtifact, OwnArtifactError, Takes};
#[cfg(fuzzing)]
pub(crate) use self::own_image::counted_and_found;
use self::programs::{found, is_root, named_or_installed, run};
pub use self::registry::System;
use machine::programs::find as find_program;

/// A system as it was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The program that is launched.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
    /// That of the engine of WebAssembly in it, where the program is something larger and says so.
    pub engine_version: Option<String>,
    /// The digest of the program.
    pub sha256: String,
}

/// Why a system cannot be measured here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{reason}; {remedy}")]
pub struct Unavailable {
    /// What is missing or in the way.
    pub reason: String,
    /// The command that mends it, or what to do.
    pub remedy: String,
}

impl From<Unavailable> for Skip {
    fn from(unavailable: Unavailable) -> Self {
        Self::new(SkipKind::NotInstalled, unavailable.reason).remedy(unavailable.remedy)
    }
}

/// What is to be built and prepared.
#[derive(Debug, Clone, Copy)]
pub struct BuildRequest<'a> {
    /// The program under test.
    pub workload: Workload,
    /// Its code acquisition mode; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// How a service meets requests.
    pub instancing: Instancing,
    /// What runs in place of the workload as it is built here, if something does. The system
    /// [takes](Adapter::takes) it.
    pub own: Option<&'a OwnArtifact>,
    /// Of the system's [differences](Adapter::differences), those that the start is to be without.
    pub left_out: &'static [&'static str],
    /// A folder of its own for what is prepared.
    pub folder: &'a Path,
}

impl BuildRequest<'_> {
    /// Whether the start is to be without this difference.
    fn leaves_out(&self, difference: &str) -> bool {
        self.left_out.contains(&difference)
    }
}

/// What a system's commands are given: paths, or what stands for them in documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The module or component.
    pub guest: String,
    /// What was compiled of it beforehand.
    pub code: String,
    /// The folder of the runtime's cache of compiled code.
    pub cache: String,
    /// The file that tells a runtime about that folder.
    pub cache_config: String,
}

/// The command lines of a start, and of what comes before all starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// The program, without its folder.
    pub program: String,
    /// The arguments with which the same program compiles the guest, where it does; once for all
    /// starts.
    pub compile: Option<Vec<String>>,
    /// The arguments of a start.
    pub launch: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&word| word.to_owned()).collect()
}

/// About how long samples take, on two cores like the authors'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// One start, with what is done before and after it, in milliseconds.
    pub start_ms: f64,
    /// One request under load, in microseconds.
    pub request_us: f64,
}

impl Estimate {
    /// What a request takes a guest that is compiled code.
    pub const REQUEST_US: f64 = 250.0;

    /// Of a system whose requests take as long as those of most.
    pub const fn start(start_ms: f64) -> Self {
        Self {
            start_ms,
            request_us: Self::REQUEST_US,
        }
    }
}

/// A variable of the environment that sets the code acquisition mode of one system.
#[derive(Debug, Clone, Copy)]
pub struct AcquireVariable {
    /// Its name.
    pub name: &'static str,
    /// What it means, for people.
    pub meaning: &'static str,
    /// The key of the mode in the manifests of runs that recorded it under a key of its own.
    pub old_key: &'static str,
    /// Its values, for people.
    pub values: &'static str,
    /// What a value means; nothing if it is none of them.
    pub parse: fn(&str) -> Option<Acquire>,
}

/// One way to run a workload.
pub trait Adapter: Sync {
    /// Its name in cells and on the command line.
    fn name(&self) -> &'static str;

    /// Finds it on this machine, building what is ours.
    ///
    /// # Errors
    /// Why it cannot be measured here, and the command that mends that.
    fn find(&self) -> Result<Found, Unavailable>;

    /// Its code acquisition modes; none for machine code.
    fn acquire_modes(&self) -> &'static [Acquire];

    /// The ways in which its services can meet requests: the first is the one that it has unless it
    /// is told otherwise.
    fn instancings(&self) -> &'static [Instancing] {
        &[Instancing::PROCESS]
    }

    /// The way in which its service of a workload meets requests unless another is asked for: what
    /// is to keep its state needs an instance that lives on.
    fn usual_instancing(&self, workload: Workload) -> Instancing {
        if let Some(target) = workload.own()
            && self.gives_sockets()
            && own_workload::listens_itself(target)
        {
            return Instancing::PROCESS;
        }
        let all = self.instancings();
        let keeps = all
            .iter()
            .find(|it| workload == Workload::HttpState && it.lifecycle == Lifecycle::Reused);
        *keeps.unwrap_or(&all[0])
    }

    /// Why it has no starts of a scenario, or none that are not another scenario's too, if so.
    fn lacks(&self, scenario: Scenario) -> Option<&'static str> {
        lacks(self.acquire_modes(), self.managed(), scenario)
    }

    /// Does what no start is charged with: copies, compiles ahead.
    ///
    /// # Errors
    /// Why it cannot be prepared.
    fn prepare(&self, found: &Found, build: &BuildRequest<'_>) -> Result<LaunchSpec, String>;

    /// About how long its samples take.
    fn estimate(&self, acquire: Option<Acquire>, scenario: Scenario) -> Estimate;

    /// Brings back what a run restarts, and was killed while it did: a run that goes on finds it as
    /// it was. Nothing where a run restarts nothing that lives longer than it.
    ///
    /// # Errors
    /// Why it does not come back.
    fn bring_back(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether it can run the workload at all.
    fn supports(&self, _: Workload) -> bool {
        true
    }

    /// The JavaScript that a workload is on it; nothing where it runs something else.
    fn script(&self, _: Workload) -> Option<Script> {
        None
    }

    /// What of a person's own it runs in place of what is built here; nothing if it takes none.
    fn takes(&self) -> Option<Takes> {
        None
    }

    /// The program of this project that runs guests in it, of which another build may be measured in
    /// place of the usual one; nothing where that is somebody else's product.
    fn host_program(&self) -> Option<HostProgram> {
        None
    }

    /// Whether it gives guests sockets of WASI's to listen on by themselves.
    fn gives_sockets(&self) -> bool {
        false
    }

    /// Whether it runs a person's own workload as that is built.
    ///
    /// # Errors
    /// What would be needed.
    fn check_own(&self, target: &Target) -> Result<(), Skip> {
        own_workload::usual_check(self.name(), self.takes(), self.gives_sockets(), target)
    }

    /// How it is started if an engine of its own does that; nothing if it is a program that is
    /// launched.
    fn managed(&self) -> Option<&dyn ManagedSystem> {
        None
    }

    /// The variable of the environment that sets its code acquisition mode, if there is one.
    fn acquire_variable(&self) -> Option<AcquireVariable> {
        None
    }

    /// In what its usual start differs from that of the same engine used the other way, as far as that
    /// can be undone: by what it has and the other has not, in the order in which it is left out.
    fn differences(&self, _: Option<Acquire>) -> &'static [&'static str] {
        &[]
    }

    /// The command lines of its starts; nothing where an engine of its own starts it.
    fn commands(&self, _: &BuildRequest<'_>, _: &Paths) -> Option<Commands> {
        None
    }

    /// Whether a sample of this workload would take longer than it may: an interpreter does not
    /// compute what compiled code does.
    fn too_much(&self, acquire: Option<Acquire>, workload: Workload) -> bool {
        acquire == Some(Acquire::Interpret) && workload.too_much_for_interpreters().is_some()
    }

    /// How whoever reads its records is to show it, who has no other description of it.
    fn description(&self) -> Option<Description> {
        None
    }

    /// The arguments with which its program only begins and ends: what it does then is the price of
    /// its process.
    fn bare(&self) -> &'static [&'static str] {
        &["--version"]
    }

    /// By what means a service keeps its state between requests, on any connection, for as long as
    /// it runs.
    ///
    /// # Errors
    /// Why it keeps none.
    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok("memory of the process")
    }

    /// Whether its services report their own milestones, with the flag `--milestones FILE`.
    fn reports_milestones(&self) -> bool {
        false
    }
}

/// How a service keeps its state whose instance outlives a request.
const REUSED_INSTANCE: &str = "memory of one instance that takes all requests, in turn";

/// Why a system has no starts of a scenario, as far as that follows from what it is.
fn lacks(
    modes: &[Acquire],
    managed: Option<&dyn ManagedSystem>,
    scenario: Scenario,
) -> Option<&'static str> {
    match scenario {
        Scenario::CodeCold if !modes.iter().any(|mode| mode.from_source()) => {
            Some("nothing of it is compiled, so they would be those of warm-disk")
        }
        Scenario::DiskCold | Scenario::WarmDisk
            if !modes.is_empty() && modes.iter().all(|mode| mode.compiles()) =>
        {
            Some("it keeps nothing of what it compiles, so each start is one of code-cold")
        }
        Scenario::ImageCold if managed.is_none_or(|it| it.variants(true, scenario).is_empty()) => {
            Some("it pulls no image from a registry")
        }
        _ => None,
    }
}

/// How a service keeps its state whose one instance is a server itself.
const ONE_INSTANCE: &str = "memory of one instance, which is a server itself";

/// The artifact of a workload as it was built, in the folder of what is prepared: the run owns the
/// pages that it evicts.
fn copy_artifact(artifact: Artifact, folder: &Path) -> Result<(PathBuf, String), String> {
    let bytes = artifact.read().map_err(|error| error.to_string())?;
    let path = folder.join(artifact.file_name());
    std::fs::write(&path, &bytes)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok((path, results::digest::sha256_hex(&bytes)))
}

/// The guest of a workload in a dialect, copied: the one that is built here, or a person's own.
fn copy_guest(build: &BuildRequest<'_>, dialect: Dialect) -> Result<(PathBuf, String), String> {
    if let Some(target) = build.workload.own() {
        let file = own_workload::guest(target, dialect).map_err(|skip| skip.to_string())?;
        return match build.own {
            Some(own) => copy_build(own, &build.folder.join(OWN_GUEST)),
            None => copy_own(file, build.folder),
        };
    }
    let artifact = built_in(build.workload, dialect)?;
    let Some(own) = build.own else {
        return copy_artifact(artifact, build.folder);
    };
    copy_build(own, &build.folder.join(artifact.file_name()))
}

/// One of two builds, copied.
fn copy_build(own: &OwnArtifact, copy: &Path) -> Result<(PathBuf, String), String> {
    own.copy_to(copy)?;
    Ok((copy.to_owned(), own.sha256.clone()))
}

/// What a person's own guest is called where it is copied to.
const OWN_GUEST: &str = "guest.wasm";

/// A person's own guest, copied.
fn copy_own(file: &OwnFile, folder: &Path) -> Result<(PathBuf, String), String> {
    let path = folder.join(OWN_GUEST);
    std::fs::copy(own_workload::check_unchanged(file)?, &path)
        .map_err(|error| format!("cannot copy {}: {error}", file.path.display()))?;
    Ok((path, file.sha256.clone()))
}

/// The component of a service, copied.
fn copy_component(workload: Workload, folder: &Path) -> Result<(PathBuf, String), String> {
    match workload.own() {
        Some(target) => {
            let file = own_workload::guest(target, Dialect::WasiHttp);
            copy_own(file.map_err(|skip| skip.to_string())?, folder)
        }
        None => copy_artifact(built_in(workload, Dialect::WasiHttp)?, folder),
    }
}

/// The guest of a workload that is built here.
fn built_in(workload: Workload, dialect: Dialect) -> Result<Artifact, String> {
    let artifact = workload.artifact_for(dialect);
    artifact.ok_or_else(|| format!("{} is not built here", workload.name()))
}

/// What the words of guards begin with that [`cleanup`] is for.
#[cfg(test)]
pub(crate) const CLEANUPS: [&str; 4] = [
    docker::CLEANUP,
    containerd::CLEANUP,
    podman::CLEANUP,
    oci::CLEANUP,
];

/// Removes what a killed run left in a product's engine. The words are those of its guard.
///
/// # Errors
/// The words are not those of a guard, or the engine refuses.
pub(crate) fn cleanup(product: &str, words: &[String]) -> Result<(), String> {
    match (product, words) {
        (docker::CLEANUP, [socket, owner]) => docker::remove_all(socket.into(), owner),
        (containerd::CLEANUP, [socket, id]) => containerd::remove(Path::new(socket), id),
        (podman::CLEANUP, [program, root, state]) => {
            let removed = podman::remove_left(program, root, state);
            oci::remove_groups();
            removed
        }
        (oci::CLEANUP, [program, state, id]) => {
            oci::caller::delete(program.into(), state.into(), id)
        }
        _ => Err(format!("nothing can be cleaned up of `{product}`")),
    }
}

/// A path as an argument.
fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The arguments that a command's call gives it; none for a service.
fn call_arguments(workload: Workload) -> Vec<String> {
    match workload.call() {
        Call::Run(arguments) => arguments,
        Call::Http(_) => Vec::new(),
    }
}

/// Whether the workload listens.
pub fn listens(workload: Workload) -> bool {
    matches!(workload.call(), Call::Http(_))
}

/// An error with what caused it: the outermost says no more than that something failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
