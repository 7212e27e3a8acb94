//! The programs that perform starts: this one with Wasmtime in it, and a sibling for each engine
//! that may not share its process image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host_probe::request::{Message, VERSION as REPORT_VERSION};
use host_probe::settings::{Compiler, Engine, Named as _, Value};
use results::digest::sha256_file;
use results::installation::Installation;
use results::{Skip, SkipKind};

use super::launch;
use crate::engine::wasmtime::VERSION;
use campaign::sibling::{Flags, Package};
use campaign::{Error, Exit};

/// This program, however often it is rebuilt while it runs.
pub(crate) const THIS: &str = "/proc/self/exe";

/// The name of a copy of it, of which no page is in memory because this one runs.
pub(crate) const COPY_OF_THIS: &str = "host";

/// Whether a program is this one, or a run's copy of it.
pub(crate) fn is_this(program: &Path) -> bool {
    program == Path::new(THIS) || program.file_name().is_some_and(|name| name == COPY_OF_THIS)
}

/// The siblings, each with the package that it is built from.
pub(crate) const WASMEDGE: Package = Package {
    name: "host-wasmedge",
    arguments: &["--features", "wasmedge"],
    flags: None,
    first_build: "building the program that embeds WasmEdge: once, about two minutes",
};
/// In a workspace of its own: `host/wasmer/Cargo.toml` says why. What it is built with stays apart from what
/// the other programs are built with.
const WASMER: Package = Package {
    name: "host-wasmer",
    arguments: &["--manifest-path", "host/wasmer/Cargo.toml"],
    flags: Some(Flags {
        variant: "wasmer",
        rustflags: "",
        target: None,
    }),
    first_build: "building the program that embeds Wasmer: once, about seven minutes",
};
/// The same with the compiler whose licence keeps it from production: only for whoever selects that.
const WASMER_WITH_SINGLEPASS: Package = Package {
    arguments: &[
        "--manifest-path",
        "host/wasmer/Cargo.toml",
        "--features",
        "singlepass",
    ],
    ..WASMER
};
const WASMI: Package = Package {
    name: "host-wasmi",
    arguments: &["--features", "wasmi"],
    flags: None,
    first_build: "building the program that embeds Wasmi: once, about a minute",
};

/// A program that performs starts of one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The engine's version.
    pub(crate) version: String,
    pub(crate) sha256: String,
}

impl Program {
    /// This program, in which Wasmtime is.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn this() -> Result<Self, Error> {
        let sha256 = sha256_file(Path::new(THIS)).map_err(|error| {
            Error::new(Exit::Internal, format!("cannot read this program: {error}"))
        })?;
        Ok(Self {
            path: THIS.into(),
            version: VERSION.to_owned(),
            sha256,
        })
    }
}

/// Every engine's program, or why it is not available here and which command mends that.
#[derive(Debug)]
pub(crate) struct Programs {
    wasmtime: Program,
    wasmedge: Result<Program, Skip>,
    wasmer: Result<Program, Skip>,
    wasmi: Result<Program, Skip>,
}

impl Programs {
    /// Finds those that are `needed`, and builds them if cargo started this program: `WasmEdge`'s where the
    /// library is installed, and those that take a while where the selection asks for them.
    ///
    /// # Errors
    /// This program cannot be read.
    pub(crate) fn find(selected: &[Value], needed: impl Fn(Engine) -> bool) -> Result<Self, Error> {
        let sibling = |engine, find: &dyn Fn() -> Result<Program, Skip>| {
            if needed(engine) {
                find()
            } else {
                Err(Skip::new(SkipKind::NotApplicable, "no cell needs it"))
            }
        };
        let on_request = |engine: Engine, package: Package| {
            let asked = engine.is_named_by(selected);
            sibling(engine, &|| find_on_request(engine, package, asked))
        };
        let singlepass = selected.contains(&Value::Compiler(Compiler::Singlepass));
        Ok(Self {
            wasmtime: Program::this()?,
            wasmedge: sibling(Engine::WasmEdge, &find_wasmedge),
            wasmer: on_request(
                Engine::Wasmer,
                if singlepass {
                    WASMER_WITH_SINGLEPASS
                } else {
                    WASMER
                },
            ),
            wasmi: on_request(Engine::Wasmi, WASMI),
        })
    }

    /// The program that measures.
    pub(crate) const fn this(&self) -> &Program {
        &self.wasmtime
    }

    /// An engine's program.
    ///
    /// # Errors
    /// Why it is not available, and the remedy.
    pub(crate) const fn get(&self, engine: Engine) -> Result<&Program, &Skip> {
        match engine {
            Engine::Wasmtime => Ok(&self.wasmtime),
            Engine::WasmEdge => self.wasmedge.as_ref(),
            Engine::Wasmer => self.wasmer.as_ref(),
            Engine::Wasmi => self.wasmi.as_ref(),
        }
    }
}

fn missing(reason: String) -> Skip {
    Skip::new(SkipKind::NotInstalled, reason)
}

fn find_wasmedge() -> Result<Program, Skip> {
    // What it takes to build the program; that of a package is built, and finds its library or not.
    if Installation::here().package().is_none() && !library_installed() {
        return Err(missing("libwasmedge is not installed".to_owned())
            .remedy("`./setup wasmedge` installs it"));
    }
    let path = WASMEDGE.program(WASMEDGE.name).map_err(|reason| {
        missing(reason).remedy(format!(
            "{}, with what `./setup wasmedge` installs",
            WASMEDGE.remedy()
        ))
    })?;
    sibling_at(path)
}

/// A program of which nothing needs installing but which takes a while to build: it is built where it
/// was asked for or has been built before.
fn find_on_request(engine: Engine, package: Package, asked: bool) -> Result<Program, Skip> {
    let remedy = || package.remedy();
    if !asked && !package.is_built(package.name) {
        let reason = format!("{} is not built, which takes a while", package.name);
        let named = format!(
            "{}, and so does `--select system={}` where cargo runs this",
            remedy(),
            engine.name()
        );
        return Err(missing(reason).remedy(named));
    }
    let path = package
        .program(package.name)
        .map_err(|reason| missing(reason).remedy(remedy()))?;
    sibling_at(path)
}

/// A program that is there: what it says of itself.
fn sibling_at(path: PathBuf) -> Result<Program, Skip> {
    let finished = launch::run::<String>(
        &path,
        REPORT_VERSION,
        &Message::default(),
        Duration::from_secs(10),
    );
    let version = finished.report.map_err(|failure| {
        missing(format!("{} does not run: {failure}", path.display()))
            .remedy("`./setup wasmedge` installs the library that it needs")
    })?;
    let sha256 = sha256_file(&path)
        .map_err(|error| missing(format!("cannot read {}: {error}", path.display())))?;
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
