//! Builds the guests from source.

mod toolchain;

use std::io;
use std::path::PathBuf;

use results::digest::sha256_hex;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::artifact::SUMS;
use crate::{Artifact, Form};

pub use toolchain::{Kind, Toolchain, ToolchainError};

/// Why the guests could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is nothing to build with.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// A program could not be started, or a file not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
    /// Cargo ran and failed; its own words are above.
    #[error("building {package} failed; cargo reports why above")]
    Cargo {
        /// What was being built.
        package: &'static str,
    },
    /// The module that was built cannot be made a component.
    #[error("cannot make a component of {package}: {reason}")]
    Component {
        /// What was being built.
        package: &'static str,
        /// The error of the encoder.
        reason: String,
    },
}

fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> BuildError {
    move |source| BuildError::Io {
        what: what.into(),
        source,
    }
}

/// Where guests come from and go to.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The folder of the guests' sources: the workspace of the Wasm ones, and the image's.
    pub sources: PathBuf,
    /// Cargo's target folder for them.
    pub target: PathBuf,
    /// Where the built guests and their digests are written.
    pub artifacts: PathBuf,
}

/// Builds every guest with `toolchain`, and writes it and the list of digests.
///
/// # Errors
/// [`BuildError`].
pub fn build(toolchain: &Toolchain, folders: &Folders) -> Result<(), BuildError> {
    std::fs::create_dir_all(&folders.artifacts)
        .map_err(io(format!("making {}", folders.artifacts.display())))?;
    let mut sums = String::new();
    for artifact in Artifact::ALL {
        let built = build_one(toolchain, folders, artifact)?;
        let bytes = match artifact.form() {
            Form::CoreModule | Form::SocketsModule | Form::BootImage => built,
            Form::HttpComponent => component(package(artifact), &built)?,
        };
        let path = folders.artifacts.join(artifact.file_name());
        std::fs::write(&path, &bytes).map_err(io(format!("writing {}", path.display())))?;
        sums.push_str(&format!(
            "{}  {}\n",
            sha256_hex(&bytes),
            artifact.file_name()
        ));
    }
    let write = |name: &str, text: &str| {
        let path = folders.artifacts.join(name);
        std::fs::write(&path, text).map_err(io(format!("writing {}", path.display())))
    };
    write("BUILT-WITH.txt", &format!("{}\n", toolchain.describe()?))?;
    write(SUMS, &sums)
}

const fn package(artifact: Artifact) -> &'static str {
    match artifact {
        Artifact::Hello => "guest-hello",
        Artifact::CpuHash => "guest-cpu-hash",
        Artifact::HttpComponent => "guest-http",
        Artifact::HttpSockets => "guest-http-sockets",
        Artifact::Unikernel => "unikernel",
    }
}

/// A command has `main` and is called once; a component's module is a reactor, which is initialised
/// and then called.
const fn kind(artifact: Artifact) -> Kind {
    match artifact.form() {
        Form::CoreModule | Form::SocketsModule => Kind::Command,
        Form::HttpComponent => Kind::Reactor,
        Form::BootImage => Kind::Image,
    }
}

/// What cargo makes of an artifact's package.
fn build_one(
    toolchain: &Toolchain,
    folders: &Folders,
    artifact: Artifact,
) -> Result<Vec<u8>, BuildError> {
    let package = package(artifact);
    let status = toolchain
        .cargo_rustc(package, kind(artifact), folders)
        .and_then(|mut cargo| cargo.status())
        .map_err(io(format!("starting cargo to build {package}")))?;
    if !status.success() {
        return Err(BuildError::Cargo { package });
    }
    let file = match artifact.form() {
        Form::CoreModule | Form::SocketsModule => format!("{package}.wasm"),
        Form::HttpComponent => format!("{}.wasm", package.replace('-', "_")),
        Form::BootImage => package.to_owned(),
    };
    let path = folders
        .target
        .join(kind(artifact).target())
        .join("release")
        .join(file);
    std::fs::read(&path).map_err(io(format!("reading {}", path.display())))
}

/// A preview 1 module that speaks `wasi:http`, and the adapter that turns its preview 1 imports
/// into WASI 0.2 ones.
fn component(package: &'static str, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
            )
        })
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| BuildError::Component {
            package,
            reason: format!("{error:#}"),
        })
}

impl Folders {
    /// The folders of this checkout.
    pub fn in_checkout() -> Self {
        let here = results::checkout::root().join("workloads");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
            || here.join("guests/target"),
            |target| PathBuf::from(target).join("guests"),
        );
        Self {
            sources: here.clone(),
            target,
            artifacts: here.join("artifacts"),
        }
    }
}
