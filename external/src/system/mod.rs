//! The systems: one file each, which says how the system is found, what is prepared for a start,
//! and what is then launched.
//!
//! Nothing outside this folder knows a product's name or flags.

mod containerd;
mod docker;
pub mod hosted;
mod native;
mod oci;
pub mod own;
mod programs;
pub mod wasmcloud;
mod wasmedge_cli;
mod wasmedge_embedded;
mod wasmtime_cli;
mod wasmtime_embedded;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use workloads::{Artifact, Call, Dialect, Workload};

use self::hosted::Hosted;
pub(crate) use self::programs::find_program;
use self::programs::{found, installed_by_setup, run};
pub use crate::doctor::Unavailable;
use crate::observe::janitor::{Guard, Janitor};

/// How a system comes by executable code. A system that runs machine code as it is has no such
/// choice.
///
/// The names are those of the embedded starts, for the same work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acquire {
    /// Compiled, with no cache.
    Compile,
    /// Compiled and stored in a cache that was empty.
    CacheMiss,
    /// Out of a cache.
    CacheHit,
    /// A precompiled file, mapped.
    DeserializeFile,
    /// Not compiled at all.
    Interpret,
    /// A precompiled shared library.
    Aot,
}

impl Acquire {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 6] = [
        Self::Compile,
        Self::CacheMiss,
        Self::CacheHit,
        Self::DeserializeFile,
        Self::Interpret,
        Self::Aot,
    ];

    /// The name in cells.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::CacheMiss => "cache_miss",
            Self::CacheHit => "cache_hit",
            Self::DeserializeFile => "deserialize_file",
            Self::Interpret => "interpret",
            Self::Aot => "aot",
        }
    }

    /// Whether nothing but the artifact as it was built goes into a start.
    pub const fn from_source(self) -> bool {
        matches!(self, Self::Compile | Self::CacheMiss | Self::Interpret)
    }
}

/// Which system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Machine code for this machine's processor family.
    Native,
    /// The same without the processor's instructions for SHA-256.
    NativePortable,
    /// Wasmtime in the program `host`.
    WasmtimeEmbedded,
    /// `WasmEdge` in the program `host-wasmedge`.
    WasmEdgeEmbedded,
    /// The program `wasmtime`.
    WasmtimeCli,
    /// The program `wasmedge`.
    WasmEdgeCli,
    /// A container of the native programs.
    Docker,
    /// A container of the program `wasmtime`.
    DockerWasmtime,
    /// The native programs in a container of containerd's, without Docker.
    Containerd,
    /// The native programs under `runc` alone.
    Runc,
    /// The native programs under `crun` alone.
    Crun,
    /// wasmCloud's host, with NATS and a registry.
    WasmCloud,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Native,
        Self::NativePortable,
        Self::WasmtimeEmbedded,
        Self::WasmEdgeEmbedded,
        Self::WasmtimeCli,
        Self::WasmEdgeCli,
        Self::Docker,
        Self::DockerWasmtime,
        Self::Containerd,
        Self::Runc,
        Self::Crun,
        Self::WasmCloud,
    ];

    /// The name in cells and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::NativePortable => "native-portable",
            Self::WasmtimeEmbedded => "wasmtime-embedded",
            Self::WasmEdgeEmbedded => "wasmedge-embedded",
            Self::WasmtimeCli => "wasmtime-cli",
            Self::WasmEdgeCli => "wasmedge-cli",
            Self::Docker => "docker",
            Self::DockerWasmtime => "docker-wasmtime",
            Self::Containerd => "containerd",
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::WasmCloud => "wasmcloud",
        }
    }

    /// The system of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name)
    }

    /// Its adapter.
    pub fn adapter(self) -> &'static dyn System {
        match self {
            Self::Native => &native::Native { portable: false },
            Self::NativePortable => &native::Native { portable: true },
            Self::WasmtimeEmbedded => &wasmtime_embedded::WasmtimeEmbedded,
            Self::WasmEdgeEmbedded => &wasmedge_embedded::WasmEdgeEmbedded,
            Self::WasmtimeCli => &wasmtime_cli::WasmtimeCli,
            Self::WasmEdgeCli => &wasmedge_cli::WasmEdgeCli,
            Self::Docker => &docker::Docker { wasmtime: false },
            Self::DockerWasmtime => &docker::Docker { wasmtime: true },
            Self::Containerd => &containerd::Containerd,
            Self::Runc => &oci::runtime::Runtime { program: "runc" },
            Self::Crun => &oci::runtime::Runtime { program: "crun" },
            Self::WasmCloud => &wasmcloud::WasmCloud,
        }
    }
}

/// A system as it was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The program that is launched.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
    /// The digest of the program.
    pub sha256: String,
}

/// What is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The program under test.
    pub workload: Workload,
    /// How its code is come by; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// A folder of its own for what is prepared.
    pub folder: &'a Path,
}

/// What a start finds prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The program.
    pub program: PathBuf,
    /// Its arguments. `{address}` in one of them stands for IP and port.
    pub arguments: Vec<String>,
    /// What the program opens when it begins to load; nothing for machine code.
    pub artifact: Option<PathBuf>,
    /// The digest of what was built: of the module, or of the native program.
    pub sha256: String,
    /// Its environment, beyond a home without configuration.
    pub environment: Vec<(String, String)>,
    /// Files that are the workload's, whose pages are in or out of the page cache as the cell says.
    pub files: Vec<PathBuf>,
    /// The folder of the runtime's cache of compiled code.
    pub cache: Option<PathBuf>,
    /// Whether the kernel maps compiled code of this file into the process, if that says how the
    /// code was come by.
    pub mapped: Option<PathBuf>,
}

impl Ready {
    /// The arguments of a start that listens on `address`, or of a command.
    pub fn arguments(&self, address: Option<SocketAddr>) -> Vec<OsString> {
        let address = address.map_or_else(String::new, |address| address.to_string());
        self.arguments
            .iter()
            .map(|argument| argument.replace("{address}", &address).into())
            .collect()
    }
}

/// One way to run a workload.
pub trait System: Sync {
    /// Finds it on this machine, building what is ours.
    ///
    /// # Errors
    /// Why it cannot be measured here, and the command that mends that.
    fn find(&self) -> Result<Found, Unavailable>;

    /// The ways in which it can come by code; none for machine code.
    fn acquires(&self) -> &'static [Acquire];

    /// Does what no start is charged with: copies, compiles ahead.
    ///
    /// # Errors
    /// Why the job cannot be prepared.
    fn prepare(&self, found: &Found, job: &Job<'_>) -> Result<Ready, String>;

    /// Whether it can run the workload at all.
    fn takes(&self, _: Workload) -> bool {
        true
    }

    /// How it is started if an engine of its own does that; nothing if it is a program that is
    /// launched.
    fn hosted(&self) -> Option<&dyn Hosted> {
        None
    }

    /// What it does in a start that can be switched off, to find out what that takes.
    fn extras(&self) -> &'static [Extra] {
        &[]
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

    /// Whether its services tell their own milestones, with the flag `--milestones FILE`.
    fn tells_milestones(&self) -> bool {
        false
    }
}

/// Why components of WASI 0.2 keep no state where each request gets an instance of its own.
const FRESH_INSTANCES: &str = "each request gets an instance of its own, which is gone after it, \
    and the component imports no store that would outlive it";

/// Work in a start that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extra {
    /// What it is.
    pub name: &'static str,
    /// The arguments that leave it out, after the first argument of the start.
    pub arguments: &'static [&'static str],
    /// The variables that leave it out.
    pub environment: &'static [(&'static str, &'static str)],
}

/// The name of what is left out where nothing but the process is left.
pub const WORK: &str = "work";

impl Ready {
    /// The program, doing nothing but to begin and to end.
    #[must_use]
    pub fn bare(&self, system: &dyn System) -> Self {
        let arguments = system
            .bare()
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        Self {
            arguments,
            artifact: None,
            files: Vec::new(),
            cache: None,
            mapped: None,
            ..self.clone()
        }
    }

    /// The same start without some of its work.
    #[must_use]
    pub fn without(&self, extra: &Extra) -> Self {
        let mut ready = self.clone();
        let after = ready.arguments.len().min(1);
        ready.arguments.splice(
            after..after,
            extra.arguments.iter().map(|&argument| argument.to_owned()),
        );
        ready.environment.extend(
            extra
                .environment
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned())),
        );
        ready
    }

    /// The same start, telling its own milestones into a file.
    #[must_use]
    pub fn telling(&self, file: &Path) -> Self {
        let mut ready = self.clone();
        ready
            .arguments
            .extend(["--milestones".to_owned(), text(file)]);
        ready
    }
}

/// The artifact of a workload as it was built, in the job's folder: the run owns the pages that it
/// evicts.
fn copied(artifact: Artifact, folder: &Path) -> Result<(PathBuf, String), String> {
    let bytes = artifact.read().map_err(|error| error.to_string())?;
    let path = folder.join(artifact.file_name());
    std::fs::write(&path, &bytes)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok((path, results::digest::sha256_hex(&bytes)))
}

/// The built guest of a workload in a dialect, copied.
fn guest(workload: Workload, dialect: Dialect, folder: &Path) -> Result<(PathBuf, String), String> {
    copied(workload.artifact_for(dialect), folder)
}

/// What objects of this process in an engine are named and labelled with: nobody else's have it,
/// not even those of a process that has got the same number since.
pub(crate) fn owner() -> String {
    let this = std::process::id();
    format!("{this}-{}", machine::usage::began(this).unwrap_or(0))
}

/// The argument that has this program put away what a killed run left in an engine. What comes
/// after it is what [`guard`] was given.
pub const PUT_AWAY: &str = "__put-away";

/// Has the janitor call this program with these words after a kill.
pub(crate) fn guard(janitor: &Janitor, words: &[&OsStr]) -> Result<Guard, String> {
    let wrong =
        |error: &dyn std::fmt::Display| format!("nothing would clean up after a kill: {error}");
    let this = std::env::current_exe().map_err(|error| wrong(&error))?;
    let words: Vec<_> = std::iter::once(OsStr::new(PUT_AWAY))
        .chain(words.iter().copied())
        .collect();
    janitor
        .guard_command(&this, &words)
        .map_err(|error| wrong(&error))
}

/// Puts away what a killed run left in an engine.
///
/// # Errors
/// The words are none that [`guard`] was given, or the engine refuses.
pub fn put_away(words: &[String]) -> Result<(), String> {
    match words {
        [docker, socket, owner] if docker == "docker" => docker::remove_all(socket.into(), owner),
        [containerd, socket, id] if containerd == "containerd" => {
            containerd::remove(Path::new(socket), id)
        }
        [name, program, state, id] if name == "runc" || name == "crun" => {
            oci::caller::delete(name, program.into(), state.into(), id)
        }
        [namespace, name, device] if namespace == "namespace" => {
            crate::link::remove_left(name, device)
        }
        [firewall, owner] if firewall == "firewall" => crate::firewall::remove_left(owner),
        _ => Err(
            "this is what the janitor of a killed run says; people have no use for it".to_owned(),
        ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for name in Name::ALL {
            assert_eq!(Name::from_name(name.name()), Some(name));
        }
        assert_eq!(Name::from_name("podman"), None);
    }

    #[test]
    fn an_address_takes_its_place() {
        let ready = Ready {
            program: "server".into(),
            arguments: vec!["--addr".into(), "{address}".into()],
            artifact: None,
            sha256: String::new(),
            environment: vec![],
            files: vec![],
            cache: None,
            mapped: None,
        };
        assert_eq!(
            ready.arguments(Some(([127, 0, 0, 1], 80).into())),
            ["--addr", "127.0.0.1:80"]
        );
    }
}
