//! The programs that perform starts: this one with Wasmtime in it, and a sibling for the engine
//! that may not share its process image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host::engine::wasmtime::VERSION;
use host_probe::settings::Engine;
use host_probe::spec::VERSION as ASK_VERSION;
use results::digest::sha256_file;

use crate::launch;
use campaign::sibling::Package;
use campaign::{Error, Exit};

/// This program, however often it is rebuilt while it runs.
pub(crate) const THIS: &str = "/proc/self/exe";

/// The sibling, and the package that it is built from.
const SIBLING: Package = Package {
    name: "host-wasmedge",
    arguments: &["--features", "wasmedge"],
    flags: None,
    first_build: "building the program that embeds WasmEdge: once, about two minutes",
};

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
    /// Finds those that are `wanted`, and builds `WasmEdge`'s if cargo started this program and the
    /// library is installed.
    ///
    /// # Errors
    /// If this program cannot read itself.
    pub(crate) fn find(wanted: impl Fn(Engine) -> bool) -> Result<Self, Error> {
        let sha256 = sha256_file(Path::new(THIS)).map_err(|error| {
            Error::new(Exit::Internal, format!("cannot read this program: {error}"))
        })?;
        let wasmtime = Program {
            path: THIS.into(),
            version: VERSION.to_owned(),
            sha256,
        };
        let wasmedge = if wanted(Engine::WasmEdge) {
            wasmedge()
        } else {
            Err("no cell needs it".to_owned())
        };
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
    if !library_installed() {
        return Err("libwasmedge is not installed; `./setup wasmedge` installs it".to_owned());
    }
    let path = SIBLING.program(SIBLING.name).map_err(|reason| {
        format!(
            "{reason}; `{}` builds it, with what `./setup wasmedge` installs",
            SIBLING.command()
        )
    })?;
    let ended = launch::run::<String>(&path, ASK_VERSION, &[], Duration::from_secs(10));
    let version = ended
        .reported
        .map_err(|failure| format!("{} does not run: {failure}", path.display()))?;
    let sha256 =
        sha256_file(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(Program {
        path,
        version,
        sha256,
    })
}

/// Whether the library's header is in one of the places where the SDK looks for it.
fn library_installed() -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let named = std::env::var_os("WASMEDGE_INCLUDE_DIR").map(PathBuf::from);
    let usual = ["/usr/include", "/usr/local/include"].map(PathBuf::from);
    let places = usual
        .into_iter()
        .chain(named)
        .chain(home.map(|home| home.join(".wasmedge/include")));
    places
        .into_iter()
        .any(|place| place.join("wasmedge/wasmedge.h").is_file())
}
