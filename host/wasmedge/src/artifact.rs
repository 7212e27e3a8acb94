//! The artifact of a command: opened once, and loaded from that.
//!
//! The engine's own loader takes a path, opens it more than once, and maps and initialises whatever
//! is an ELF file, in every mode. So it is given the bytes of a module, and a path to compiled code
//! only if a person has asked for that and nobody else can have written it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use host_probe::settings::{Acquire, Named as _};
use host_probe::{exit, trust};
use host_wasmedge::words::words;
use wasmedge_sdk::config::Config;
use wasmedge_sdk::{Module, RunMode};

use crate::args::Error;

/// A file that was opened, and how it is run.
#[derive(Debug)]
pub(crate) struct Artifact {
    path: PathBuf,
    file: File,
    /// The first bytes, which were read from it.
    head: Vec<u8>,
    aot: bool,
}

impl Artifact {
    /// Opens it: compiled code is run if `acquire` says so, and nothing else then.
    pub(crate) fn open(path: &Path, acquire: Option<&OsStr>, usage: &str) -> Result<Self, Error> {
        let aot = mode(acquire, usage)? == RunMode::Aot;
        let file = File::open(path).map_err(|error| Error::unusable(path, &error))?;
        let mut head = Vec::new();
        (&file)
            .take(4)
            .read_to_end(&mut head)
            .map_err(|error| Error::unusable(path, &error))?;
        let artifact = Self {
            path: path.to_owned(),
            file,
            head,
            aot,
        };
        artifact.check(acquire.is_some(), usage)?;
        Ok(artifact)
    }

    /// Whether it may be run so.
    fn check(&self, asked: bool, usage: &str) -> Result<(), Error> {
        let path = self.path.display();
        match (self.head == *b"\x7fELF", self.aot) {
            (false, false) => Ok(()),
            (true, true) => trust::check_file(&self.path, &self.file).map_err(|untrusted| {
                let message = format_args!("cannot use {path}: {untrusted}");
                Error::new(exit::ARTIFACT, message, untrusted.hint())
            }),
            (true, false) if !asked => Err(Error::new(
                exit::ARTIFACT,
                format_args!("cannot use {path}: it is native code, which would run unchecked"),
                "if you compiled it yourself, --acquire aot runs it; a .wasm is interpreted",
            )),
            _ => {
                let reason = "compiled code is run by aot, and all else is interpreted";
                let message = format_args!("{path} does not go with that --acquire: {reason}");
                Err(Error::usage(message, usage))
            }
        }
    }

    /// Its code.
    pub(crate) fn load(&self, config: &Config) -> Result<Module, Error> {
        let unusable = |error: &dyn std::fmt::Display| Error::unusable(&self.path, error);
        if self.aot {
            // To the very file that was looked at. A path without an ending is taken for whatever
            // it holds.
            let descriptor = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            return Module::from_file(Some(config), descriptor)
                .map_err(|error| unusable(&words(&error)));
        }
        let mut bytes = self.head.clone();
        (&self.file)
            .read_to_end(&mut bytes)
            .map_err(|error| unusable(&error))?;
        Module::from_bytes(Some(config), bytes).map_err(|error| unusable(&words(&error)))
    }
}

/// How `--acquire` has an artifact run, whatever it holds.
pub(crate) fn mode(acquire: Option<&OsStr>, usage: &str) -> Result<RunMode, Error> {
    let Some(name) = acquire.map(|value| value.to_str().unwrap_or_default()) else {
        return Ok(RunMode::Interpreter);
    };
    match Acquire::from_name(name) {
        Some(Acquire::Interpret) => Ok(RunMode::Interpreter),
        Some(Acquire::Aot) => Ok(RunMode::Aot),
        _ => {
            let reason = format_args!("--acquire has no value `{name}`");
            Err(Error::usage(reason, usage))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn opened(bytes: &[u8], mode: u32, acquire: Option<&str>) -> Result<&'static str, u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        Artifact::open(&path, acquire.map(OsStr::new), "usage")
            .map(|artifact| if artifact.aot { "aot" } else { "interpreter" })
            .map_err(|error| error.exit)
    }

    #[test]
    fn native_code_is_run_on_request_only_and_ones_own_only() {
        let (elf, wasm) = (b"\x7fELF\x02", b"\0asm\x01\0\0\0");
        assert_eq!(opened(wasm, 0o666, None), Ok("interpreter"));
        assert_eq!(opened(wasm, 0o666, Some("interpret")), Ok("interpreter"));
        assert_eq!(opened(elf, 0o644, Some("aot")), Ok("aot"));
        assert_eq!(opened(elf, 0o644, None), Err(exit::ARTIFACT));
        assert_eq!(opened(elf, 0o666, Some("aot")), Err(exit::ARTIFACT));
        assert_eq!(opened(elf, 0o644, Some("interpret")), Err(exit::USAGE));
        assert_eq!(opened(wasm, 0o644, Some("aot")), Err(exit::USAGE));
        assert_eq!(opened(wasm, 0o644, Some("compile")), Err(exit::USAGE));
        assert_eq!(opened(b"", 0o644, None), Ok("interpreter"));
    }
}
