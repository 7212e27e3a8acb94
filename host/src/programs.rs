//! The programs that perform starts: this one with Wasmtime in it, and a sibling for the engine that may not share its
//! process image.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use host::engine::wasmtime::VERSION;
use host_probe::settings::Engine;
use host_probe::spec::VERSION as ASK_VERSION;
use results::digest::sha256_file;

use crate::error::{Error, Exit};
use crate::launch;

/// This program, however often it is rebuilt while it runs.
pub(crate) const THIS: &str = "/proc/self/exe";

/// The sibling's name, and the package that it is built from.
const SIBLING: &str = "host-wasmedge";

/// How many of a failed build's last lines are told.
const LINES_TOLD: usize = 3;

/// A program that performs starts of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The engine's version.
    pub(crate) version: String,
    pub(crate) sha256: String,
}

/// Every engine's program, or why it cannot be had here and which command mends that.
#[derive(Debug)]
pub(crate) struct Programs {
    wasmtime: Program,
    wasmedge: Result<Program, String>,
}

impl Programs {
    /// Finds those that are `wanted`, and builds `WasmEdge`'s if cargo started this program and the library is installed.
    ///
    /// # Errors
    /// If this program cannot read itself.
    pub(crate) fn find(wanted: impl Fn(Engine) -> bool) -> Result<Self, Error> {
        let sha256 = sha256_file(Path::new(THIS))
            .map_err(|error| Error::new(Exit::Internal, format!("cannot read this program: {error}")))?;
        let wasmtime = Program { path: THIS.into(), version: VERSION.to_owned(), sha256 };
        let wasmedge = if wanted(Engine::WasmEdge) { wasmedge() } else { Err("no cell needs it".to_owned()) };
        Ok(Self { wasmtime, wasmedge })
    }

    /// An engine's program.
    ///
    /// # Errors
    /// Why it cannot be had, and the remedy.
    pub(crate) fn of(&self, engine: Engine) -> Result<&Program, &str> {
        match engine {
            Engine::Wasmtime => Ok(&self.wasmtime),
            Engine::WasmEdge => self.wasmedge.as_ref().map_err(String::as_str),
        }
    }
}

fn wasmedge() -> Result<Program, String> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let path = this.with_file_name(SIBLING);
    if !library_installed() {
        return Err("libwasmedge is not installed; `./setup wasmedge` installs it".to_owned());
    }
    // Cargo sets it for what it runs. Building anew each time keeps both programs at the same source, and takes a fraction
    // of a second when there is nothing to do.
    if let Some(cargo) = std::env::var_os("CARGO") {
        build(&cargo, &path)?;
    } else if !path.exists() {
        return Err(format!(
            "{} is not there; `cargo build -p {SIBLING} --features wasmedge` builds it, and so does \
             `cargo run -p host -- phases`",
            path.display()
        ));
    }
    let ended = launch::run::<String>(&path, ASK_VERSION, &[], Duration::from_secs(10));
    let version = ended.reported.map_err(|failure| format!("{} does not run: {failure}", path.display()))?;
    let sha256 = sha256_file(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(Program { path, version, sha256 })
}

/// Whether the library's header is in one of the places where the SDK looks for it.
fn library_installed() -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let named = std::env::var_os("WASMEDGE_INCLUDE_DIR").map(PathBuf::from);
    let usual = ["/usr/include", "/usr/local/include"].map(PathBuf::from);
    let places = usual.into_iter().chain(named).chain(home.map(|home| home.join(".wasmedge/include")));
    places.into_iter().any(|place| place.join("wasmedge/wasmedge.h").is_file())
}

/// Builds the sibling into the folder of this program, with the profile that this program was built with.
fn build(cargo: &OsStr, path: &Path) -> Result<(), String> {
    let folder = path.parent().and_then(|folder| Some((folder.parent()?, folder.file_name()?)));
    let (target, profile) = folder.ok_or("this program lies in no folder of a build")?;
    // The folder of cargo's `dev` profile has a name of its own.
    let profile = if profile == "debug" { OsStr::new("dev") } else { profile };
    if !path.exists() {
        let _ = writeln!(std::io::stderr(), "building the program that embeds WasmEdge: once, about two minutes");
    }
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--quiet", "--package", SIBLING, "--features", "wasmedge", "--target-dir"]);
    command.arg(target).arg("--profile").arg(profile).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("cannot start cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join(" | ");
    Err(format!(
        "`cargo build -p {SIBLING} --features wasmedge` failed: {last}; `./setup wasmedge` installs what it needs"
    ))
}
