//! Built guests and their checksums.

use std::io;
use std::path::{Path, PathBuf};

use results::digest::sha256_hex;
use results::installation::Installation;

use crate::Form;

/// A built guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Artifact {
    /// `hello` as a core module.
    Hello,
    /// `cpu-hash` as a core module.
    CpuHash,
    /// The service as a `wasi:http` component.
    HttpComponent,
    /// The service as a core module on WasmEdge's sockets. Its arguments are the address to listen
    /// on and, to have it return, the number of answers to give.
    HttpSockets,
    /// All workloads as an image that a virtual machine boots; its command line says which.
    Unikernel,
}

impl Artifact {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Hello,
        Self::CpuHash,
        Self::HttpComponent,
        Self::HttpSockets,
        Self::Unikernel,
    ];

    /// The file's name in the folder of artifacts.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Hello => "hello.wasm",
            Self::CpuHash => "cpu-hash.wasm",
            Self::HttpComponent => "http.component.wasm",
            Self::HttpSockets => "http-sockets.wasm",
            Self::Unikernel => "unikernel.elf",
        }
    }

    /// What it is.
    pub const fn form(self) -> Form {
        match self {
            Self::Hello | Self::CpuHash => Form::CoreModule,
            Self::HttpComponent => Form::HttpComponent,
            Self::HttpSockets => Form::SocketsModule,
            Self::Unikernel => Form::BootImage,
        }
    }

    /// Where the built guest is.
    pub fn path(self) -> PathBuf {
        folder().join(self.file_name())
    }

    /// Reads the guest and checks it against its recorded digest.
    ///
    /// # Errors
    /// [`ArtifactError`] if it cannot be read or is not what was recorded.
    pub fn read(self) -> Result<Vec<u8>, ArtifactError> {
        read_checked(&folder(), self.file_name())
    }
}

/// The folder of built guests.
pub(crate) fn folder() -> PathBuf {
    Installation::here().guests()
}

/// The file of digests, in the format of `sha256sum`.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What puts the folder right.
fn remedy() -> &'static str {
    match Installation::here() {
        Installation::Checkout { .. } => {
            "restore it with git, or build all guests with `cargo run -p workloads -- build`"
        }
        Installation::Package(_) => "unpack the package again, whole",
    }
}

/// Why a built guest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}\n  hint: {}", path.display(), remedy())]
    Io {
        /// Which one.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The file of digests does not name it.
    #[error("{} has no line for {file}\n  hint: {}", sums.display(), remedy())]
    NotListed {
        /// The file of digests.
        sums: PathBuf,
        /// The guest.
        file: String,
    },
    /// The digest is another.
    #[error(
        "{} is not the guest that was built: its digest is {found}, recorded is {recorded}\n  \
            hint: {}",
        path.display(),
        remedy()
    )]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// The digest of the file as it is.
        found: String,
        /// The digest in the file of digests.
        recorded: String,
    },
}

/// Why the folder of artifacts does not check out.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct VerifyError(pub Vec<ArtifactError>);

/// Checks every built guest in `folder` against its recorded digest. Builds nothing.
///
/// # Errors
/// [`VerifyError`] with every guest that does not check out.
pub fn verify(folder: &Path) -> Result<(), VerifyError> {
    let wrong: Vec<_> = Artifact::ALL
        .into_iter()
        .filter_map(|artifact| read_checked(folder, artifact.file_name()).err())
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(VerifyError(wrong))
    }
}

fn read_checked(folder: &Path, file: &str) -> Result<Vec<u8>, ArtifactError> {
    let read =
        |path: PathBuf| std::fs::read(&path).map_err(|source| ArtifactError::Io { path, source });
    let sums = folder.join(SUMS);
    let listed = String::from_utf8_lossy(&read(sums.clone())?).into_owned();
    let recorded = listed
        .lines()
        .find_map(|line| line.split_once("  ").filter(|&(_, name)| name == file))
        .map(|(digest, _)| digest.to_owned())
        .ok_or_else(|| ArtifactError::NotListed {
            sums,
            file: file.to_owned(),
        })?;
    let path = folder.join(file);
    let bytes = read(path.clone())?;
    let found = sha256_hex(&bytes);
    if found == recorded {
        Ok(bytes)
    } else {
        Err(ArtifactError::Damaged {
            path,
            found,
            recorded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_guests_are_those_that_were_recorded() {
        verify(&folder()).unwrap();
    }

    #[test]
    fn a_changed_and_a_missing_guest_are_both_named() {
        let copy = tempfile::tempdir().unwrap();
        for name in [
            SUMS,
            Artifact::Hello.file_name(),
            Artifact::CpuHash.file_name(),
        ] {
            std::fs::copy(folder().join(name), copy.path().join(name)).unwrap();
        }
        std::fs::write(copy.path().join("hello.wasm"), "changed").unwrap();
        let message = verify(copy.path()).unwrap_err().to_string();
        assert!(
            message.contains("hello.wasm is not the guest that was built"),
            "{message}"
        );
        assert!(
            message.contains("cannot read") && message.contains("http.component.wasm"),
            "{message}"
        );
        assert!(!message.contains("cpu-hash.wasm"), "{message}");
    }
}
