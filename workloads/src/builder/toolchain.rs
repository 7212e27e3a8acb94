//! What the guests are built with: rustup's target where it is installed, else Debian's Rust for
//! the web.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use machine::programs;

use super::{BuildError, Folders, io};

/// The target of all modules. Components are made from modules for it.
const MODULES: &str = "wasm32-wasip1";

/// The target of the image: no operating system, and no floating point in registers.
const IMAGE: &str = "x86_64-unknown-none";

/// The separator of `CARGO_ENCODED_RUSTFLAGS`, which can carry paths with spaces.
const UNIT_SEPARATOR: &str = "\u{1f}";

/// What is built, by how it begins to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A module that `_start` runs to its end.
    Command,
    /// A module that `_initialize` prepares for calls.
    Reactor,
    /// An image that a virtual machine boots.
    Image,
}

impl Kind {
    /// The target that it is built for.
    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::Command | Self::Reactor => MODULES,
            Self::Image => IMAGE,
        }
    }
}

/// A toolchain that builds for both targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// `rustup target add wasm32-wasip1 x86_64-unknown-none`: complete in itself.
    Rustup,
    /// Debian's `rustc-web`, `cargo-web`, `rust-web-src` and `wasi-libc`. Builds the standard
    /// library from source, and takes the linker from the rustup toolchain, whose folders these
    /// are.
    Debian {
        /// Folders with `rust-lld` and `wasm-ld`.
        linkers: [PathBuf; 2],
    },
}

/// Nothing here builds for the target.
#[derive(Debug, thiserror::Error)]
#[error(
    "no toolchain here builds for {MODULES} and {IMAGE}: {reason}\n  hint: `rustup target add \
        {MODULES} {IMAGE}`; on Debian without rustup's downloads, `./setup guests`.\n  The built guests in \
        workloads/artifacts can be used without: `cargo run -p workloads -- verify` checks them."
)]
pub struct ToolchainError {
    reason: String,
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_LIBC: &str = "/usr/lib/wasm32-wasi";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library";

impl Toolchain {
    /// Finds one.
    ///
    /// # Errors
    /// [`ToolchainError`] names what is missing and how to install it.
    pub fn find() -> Result<Self, ToolchainError> {
        let missing = |reason: String| ToolchainError { reason };
        let sysroot = rustc(&["--print", "sysroot"])
            .map_err(|error| missing(format!("rustc does not run ({error})")))?;
        let rustlib = Path::new(&sysroot).join("lib/rustlib");
        let has = |target| rustlib.join(target).join("lib").is_dir();
        if has(MODULES) && has(IMAGE) {
            return Ok(Self::Rustup);
        }
        if let Some(gone) = [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_LIBC, DEBIAN_STD]
            .iter()
            .find(|path| !Path::new(path).exists())
        {
            return Err(missing(format!(
                "rustup's targets are not both installed, and Debian's toolchain lacks {gone}"
            )));
        }
        let host = rustc(&["--print", "host-tuple"])
            .map_err(|error| missing(format!("rustc does not run ({error})")))?;
        let bin = rustlib.join(host).join("bin");
        let linkers = [bin.clone(), bin.join("gcc-ld")];
        if !linkers[1].join("wasm-ld").exists() {
            return Err(missing(format!(
                "the linker is not where rustup keeps it, {}",
                linkers[1].display()
            )));
        }
        Ok(Self::Debian { linkers })
    }

    /// One line for the record: which compiler, from where.
    ///
    /// # Errors
    /// [`BuildError::Io`] if the compiler does not run.
    pub fn describe(&self) -> Result<String, BuildError> {
        let (program, origin) = match self {
            Self::Rustup => ("rustc", "rustup's targets"),
            Self::Debian { .. } => (
                DEBIAN_RUSTC,
                "Debian's rustc-web, its standard library built from source",
            ),
        };
        let version = programs::command(program)
            .and_then(|mut compiler| output(compiler.arg("--version")))
            .map_err(io(format!("running {program}")))?;
        Ok(format!(
            "{version}\ntargets {MODULES} and {IMAGE}, {origin}"
        ))
    }

    /// The command that builds one guest.
    ///
    /// # Errors
    /// There is no cargo any more.
    pub(super) fn cargo_rustc(
        &self,
        package: &str,
        kind: Kind,
        folders: &Folders,
    ) -> std::io::Result<Command> {
        let mut command = match self {
            Self::Rustup => programs::command("cargo")?,
            Self::Debian { linkers } => {
                let mut command = Command::new(DEBIAN_CARGO);
                let path = linkers.iter().cloned().chain(programs::folders());
                command
                    .env(
                        "PATH",
                        std::env::join_paths(path)
                            .expect("rustup's folders have no colon in their names"),
                    )
                    .env("RUSTC", DEBIAN_RUSTC)
                    // Building the standard library from source is an unstable option of a stable
                    // compiler.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .args(match kind {
                        Kind::Command | Kind::Reactor => &["-Zbuild-std=std,panic_abort"][..],
                        // Without a C library, its functions for memory are the compiler's own.
                        Kind::Image => &[
                            "-Zbuild-std=core,alloc",
                            "-Zbuild-std-features=compiler-builtins-mem",
                        ],
                    });
                command
            }
        };
        command
            .current_dir(folders.sources.join(match kind {
                Kind::Command | Kind::Reactor => "guests",
                Kind::Image => "unikernel",
            }))
            .env("CARGO_TARGET_DIR", &folders.target)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(kind, folders))
            // Set by the rustup shim and by the cargo that runs this program: both would pick
            // another compiler.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .env_remove("RUSTFLAGS")
            .args([
                "rustc",
                "--locked",
                "--release",
                "--target",
                kind.target(),
                "--package",
                package,
            ]);
        let object = match (self, kind) {
            (Self::Rustup, _) | (_, Kind::Image) => None,
            (Self::Debian { .. }, Kind::Command) => {
                Some(format!("-Clink-arg={DEBIAN_LIBC}/crt1-command.o"))
            }
            (Self::Debian { .. }, Kind::Reactor) => {
                Some(format!("-Clink-arg={DEBIAN_LIBC}/crt1-reactor.o"))
            }
        };
        command.args(object.into_iter().flat_map(|it| ["--".to_owned(), it]));
        Ok(command)
    }

    /// Flags for every crate. No path of this machine may reach the guest, or no two people build
    /// the same bytes.
    fn flags(&self, kind: Kind, folders: &Folders) -> OsString {
        let home = std::env::var_os("CARGO_HOME").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
            PathBuf::from,
        );
        let remap = |from: &Path, to: &str| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flag
        };
        let mut flags = vec![
            remap(&home, "/cargo"),
            remap(&folders.sources, "/workloads"),
            remap(&folders.target, "/target"),
        ];
        if let Self::Debian { .. } = self {
            let std = std::fs::canonicalize(DEBIAN_STD).unwrap_or_else(|_| DEBIAN_STD.into());
            flags.extend([remap(&std, "/std"), remap(Path::new(DEBIAN_STD), "/std")]);
        }
        match (self, kind) {
            (_, Kind::Image) => flags.extend([
                // Entered where it lies, before anybody could move it.
                "-Crelocation-model=static".into(),
                // The processor's instructions for SHA-256 are vector instructions, which nobody has
                // switched on in there.
                "--cfg=sha2_backend=\"soft\"".into(),
            ]),
            (Self::Debian { .. }, _) => flags.extend([
                format!("-L{DEBIAN_LIBC}").into(),
                "-Clink-self-contained=no".into(),
            ]),
            (Self::Rustup, _) => {}
        }
        let mut encoded = OsString::new();
        for (index, flag) in flags.iter().enumerate() {
            if index > 0 {
                encoded.push(UNIT_SEPARATOR);
            }
            encoded.push(flag);
        }
        encoded
    }
}

fn rustc(arguments: &[&str]) -> std::io::Result<String> {
    output(programs::command("rustc")?.args(arguments))
}

fn output(command: &mut Command) -> std::io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(std::io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
