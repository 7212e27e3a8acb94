//! What the guests are built with: rustup's target where it is installed, else Debian's Rust for
//! the web.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use machine::programs;

use super::{BuildError, Folders, io};

/// The target of all guests. Components are made from modules for it.
pub(super) const TARGET: &str = "wasm32-wasip1";

/// The separator of `CARGO_ENCODED_RUSTFLAGS`, which can carry paths with spaces.
const UNIT_SEPARATOR: &str = "\u{1f}";

/// How a module begins to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crt {
    /// `_start` runs it to its end.
    Command,
    /// `_initialize` prepares it for calls.
    Reactor,
}

/// A toolchain that builds for [`TARGET`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// `rustup target add wasm32-wasip1`: complete in itself.
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
    "no toolchain here builds for {TARGET}: {reason}\n  hint: `rustup target add {TARGET}`; on \
        Debian without rustup's downloads, `./setup guests`.\n  The built guests in \
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
        if rustlib.join(TARGET).join("lib").is_dir() {
            return Ok(Self::Rustup);
        }
        if let Some(gone) = [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_LIBC, DEBIAN_STD]
            .iter()
            .find(|path| !Path::new(path).exists())
        {
            return Err(missing(format!(
                "rustup's target is not installed, and Debian's toolchain lacks {gone}"
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
            Self::Rustup => ("rustc", "rustup's target"),
            Self::Debian { .. } => (
                DEBIAN_RUSTC,
                "Debian's rustc-web, its standard library built from source",
            ),
        };
        let version = programs::command(program)
            .and_then(|mut compiler| output(compiler.arg("--version")))
            .map_err(io(format!("running {program}")))?;
        Ok(format!("{version}\ntarget {TARGET}, {origin}"))
    }

    /// The command that builds one guest.
    ///
    /// # Errors
    /// There is no cargo any more.
    pub(super) fn cargo_rustc(
        &self,
        package: &str,
        crt: Crt,
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
                    .arg("-Zbuild-std=std,panic_abort");
                command
            }
        };
        command
            .current_dir(&folders.sources)
            .env("CARGO_TARGET_DIR", &folders.target)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(folders))
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
                TARGET,
                "--package",
                package,
            ]);
        if let Self::Debian { .. } = self {
            let object = match crt {
                Crt::Command => "crt1-command.o",
                Crt::Reactor => "crt1-reactor.o",
            };
            command
                .arg("--")
                .arg(format!("-Clink-arg={DEBIAN_LIBC}/{object}"));
        }
        Ok(command)
    }

    /// Flags for every crate. No path of this machine may reach the guest, or no two people build
    /// the same bytes.
    fn flags(&self, folders: &Folders) -> OsString {
        let home = std::env::var_os("CARGO_HOME").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
            PathBuf::from,
        );
        let workloads = folders.sources.parent().unwrap_or(&folders.sources);
        let remap = |from: &Path, to: &str| {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flag
        };
        let mut flags = vec![
            remap(&home, "/cargo"),
            remap(workloads, "/workloads"),
            remap(&folders.target, "/target"),
        ];
        if let Self::Debian { .. } = self {
            let std = std::fs::canonicalize(DEBIAN_STD).unwrap_or_else(|_| DEBIAN_STD.into());
            flags.extend([remap(&std, "/std"), remap(Path::new(DEBIAN_STD), "/std")]);
            flags.extend([
                format!("-L{DEBIAN_LIBC}").into(),
                "-Clink-self-contained=no".into(),
            ]);
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
