//! What a person brings: a build of a workload, by its path. What it is follows from its first
//! bytes.

use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use results::digest::sha256_file;
use workloads::{Artifact, Dialect, Form, Workload};

use super::System;
use super::own_workload::guest_contents;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// A component of WebAssembly.
    Component,
    /// A core module of WebAssembly.
    Module,
    /// A program of machine code.
    Program,
}

/// What of a person's own a system runs in place of what is built here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A guest; a service speaks HTTP in this dialect.
    Guest(Dialect),
    /// A program of machine code.
    Program,
}

/// A build that a person named, as it was when the run was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnArtifact {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub contents: Contents,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: String,
}

/// Why a file cannot be measured as a build of a workload.
#[derive(Debug, thiserror::Error)]
pub enum OwnArtifactError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error(
        "{} is no file; it is started again and again, and what comes out of a pipe comes once",
        .0.display()
    )]
    NoFile(PathBuf),
    /// It is neither WebAssembly nor a program.
    #[error("{} is neither WebAssembly nor a program for Linux", .0.display())]
    Unknown(PathBuf),
    /// It is code that an engine has compiled, or a part of a program.
    #[error("{} is compiled code that is no program", .0.display())]
    NoProgram(PathBuf),
    /// It is a program that may not be executed.
    #[error("{} is a program, and not executable", .0.display())]
    NotExecutable(PathBuf),
    /// The system runs something else.
    #[error(
        "{} holds {contents}, and {workload} under {system} is {wanted}",
        path.display()
    )]
    NotTaken {
        /// Which.
        path: PathBuf,
        /// What it holds.
        contents: Contents,
        /// What it would be.
        workload: &'static str,
        /// What would run it.
        system: &'static str,
        /// What that runs.
        wanted: &'static str,
    },
}

impl From<OwnArtifactError> for Error {
    fn from(error: OwnArtifactError) -> Self {
        let hint = match &error {
            OwnArtifactError::Unreadable { .. } => "give the path of a file that can be read",
            OwnArtifactError::Unknown(_) => {
                "give a .wasm file, or a server that is started with the address to listen on"
            }
            OwnArtifactError::NoProgram(_) => {
                "give the .wasm that it was made from: each is compiled in the run's own folder"
            }
            OwnArtifactError::NoFile(_) => "put what it holds into a file first, and give that",
            OwnArtifactError::NotExecutable(_) => "`chmod +x` makes it so",
            OwnArtifactError::NotTaken { .. } => {
                "--system chooses what runs it: native runs programs, wasmtime-embedded and \
                    wasmtime-cli run components of wasi:http, wasmedge-embedded and wasmedge-cli \
                    modules that listen by themselves, and all but native commands as core modules"
            }
        };
        Self::new(Exit::Artifact, error.to_string()).hint(hint)
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Component => "a component",
            Self::Module => "a core module",
            Self::Program => "a program of machine code",
        })
    }
}

impl Contents {
    /// What begins so; `None` for what cannot be measured. `Err` for machine code that is no
    /// program.
    fn of(head: &[u8]) -> Option<Result<Self, ()>> {
        /// The place of the ABI in the identification of an ELF file, and the value of Wasmtime's.
        const WASMTIME: (usize, u8) = (7, 200);
        /// The place of the type, and those of programs: at a fixed address, or at any.
        const TYPE: usize = 16;
        const PROGRAMS: [u8; 2] = [2, 3];
        match head {
            [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Some(Ok(Self::Module)),
            [0, b'a', b's', b'm', _, 0, 1, 0, ..] => Some(Ok(Self::Component)),
            [0x7f, b'E', b'L', b'F', ..] => {
                let is_program = head.get(TYPE).is_some_and(|it| PROGRAMS.contains(it))
                    && head.get(WASMTIME.0) != Some(&WASMTIME.1);
                Some(if is_program {
                    Ok(Self::Program)
                } else {
                    Err(())
                })
            }
            _ => None,
        }
    }

    /// The system that runs it unless another is named.
    pub const fn usual_system(self) -> &'static str {
        match self {
            Self::Component | Self::Module => "wasmtime-embedded",
            Self::Program => "native",
        }
    }
}

impl Takes {
    /// What a workload must be to be run so.
    fn wanted(self, workload: Workload) -> Contents {
        let dialect = match self {
            Self::Program => return Contents::Program,
            Self::Guest(dialect) => dialect,
        };
        if let Some(target) = workload.own() {
            return guest_contents(target, dialect).unwrap_or(Contents::Module);
        }
        match workload.artifact_for(dialect).map(Artifact::form) {
            Some(Form::HttpComponent) => Contents::Component,
            Some(Form::CoreModule | Form::SocketsModule | Form::BootImage) | None => {
                Contents::Module
            }
        }
    }
}

impl OwnArtifact {
    /// Reads what a file is.
    ///
    /// # Errors
    /// It cannot be read, or is nothing that could be measured.
    pub fn open(path: &Path) -> Result<Self, OwnArtifactError> {
        let unreadable = |source| OwnArtifactError::Unreadable {
            path: path.to_owned(),
            source,
        };
        // Before it is opened: that waits where a pipe has no writer.
        let kind = std::fs::metadata(path).map_err(unreadable)?.file_type();
        if !kind.is_file() {
            return Err(OwnArtifactError::NoFile(path.to_owned()));
        }
        let mut head = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        file.take(32).read_to_end(&mut head).map_err(unreadable)?;
        let contents = match Contents::of(&head) {
            Some(Ok(contents)) => contents,
            Some(Err(())) => return Err(OwnArtifactError::NoProgram(path.to_owned())),
            None => return Err(OwnArtifactError::Unknown(path.to_owned())),
        };
        if contents == Contents::Program && metadata.permissions().mode() & 0o111 == 0 {
            return Err(OwnArtifactError::NotExecutable(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            contents,
            bytes: metadata.len(),
            sha256: sha256_file(path).map_err(unreadable)?,
        })
    }

    /// Checks that a system takes it for a workload.
    ///
    /// # Errors
    /// It is something else than that system runs.
    pub fn check_taken(&self, workload: Workload, system: System) -> Result<(), OwnArtifactError> {
        let wanted = system.takes().map(|takes| takes.wanted(workload));
        if wanted == Some(self.contents) {
            return Ok(());
        }
        Err(OwnArtifactError::NotTaken {
            path: self.path.clone(),
            contents: self.contents,
            workload: workload.name(),
            system: system.name(),
            wanted: match wanted {
                Some(Contents::Component) => "a component",
                Some(Contents::Module) => "a core module",
                Some(Contents::Program) => "a program of machine code",
                None => "always what is built here",
            },
        })
    }

    /// Copies it: the run owns the pages that it evicts.
    pub(crate) fn copy_to(&self, copy: &Path) -> Result<(), String> {
        let from = self.path.display();
        std::fs::copy(&self.path, copy).map_err(|error| format!("cannot copy {from}: {error}"))?;
        let copied = sha256_file(copy).map_err(|error| error.to_string())?;
        if copied == self.sha256 {
            Ok(())
        } else {
            Err(format!(
                "{from} is another file than when the run was planned"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(name: &str, bytes: &[u8]) -> Result<Contents, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let artifact = OwnArtifact::open(&path);
        artifact
            .map(|it| it.contents)
            .map_err(|error| Error::from(error).to_string())
    }

    fn elf(abi: u8, kind: u8) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, abi];
        head.resize(16, 0);
        head.extend([kind, 0]);
        head
    }

    #[test]
    fn what_a_file_is_follows_from_its_bytes() {
        let component = [0, b'a', b's', b'm', 13, 0, 1, 0];
        assert_eq!(opened("x", &component), Ok(Contents::Component));
        let module = [0, b'a', b's', b'm', 1, 0, 0, 0, 7];
        assert_eq!(opened("x.exe", &module), Ok(Contents::Module));
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for no_file in [pipe.as_path(), folder.path()] {
            let refused = Error::from(OwnArtifact::open(no_file).unwrap_err()).to_string();
            assert!(refused.contains("into a file first"), "{refused}");
        }
        let text = opened("x.wasm", b"(module)").unwrap_err();
        assert!(text.contains("neither WebAssembly nor a program"), "{text}");
        let program = opened("x", &elf(0, 3)).unwrap_err();
        assert!(program.contains("chmod +x"), "{program}");
        for compiled in [elf(200, 3), elf(0, 1)] {
            let compiled = opened("x", &compiled).unwrap_err();
            assert!(
                compiled.contains("the .wasm that it was made from"),
                "{compiled}"
            );
        }
        let this = OwnArtifact::open(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(this.contents, Contents::Program);
    }

    #[test]
    fn a_system_takes_its_own_kind_only() {
        use Contents::{Component, Module, Program};
        use Workload::{CpuHash, HttpHello};
        let of = |contents| OwnArtifact {
            path: "x".into(),
            contents,
            bytes: 0,
            sha256: String::new(),
        };
        let takes = |contents, workload, system| {
            let system = System::from_name(system).unwrap();
            of(contents).check_taken(workload, system).is_ok()
        };
        assert!(takes(Component, HttpHello, "wasmtime-embedded"));
        assert!(!takes(Module, HttpHello, "wasmtime-cli"));
        assert!(takes(Module, HttpHello, "wasmedge-cli"));
        assert!(takes(Module, CpuHash, "wasmtime-cli"));
        assert!(takes(Program, HttpHello, "native"));
        assert!(!takes(Program, HttpHello, "native-soft-sha"));
        for contents in [Component, Module, Program] {
            assert!(!takes(contents, HttpHello, "docker"));
        }
    }

    #[test]
    fn a_file_that_changed_is_not_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        std::fs::write(&path, [0, b'a', b's', b'm', 1, 0, 0, 0]).unwrap();
        let artifact = OwnArtifact::open(&path).unwrap();
        let copy = folder.path().join("copy");
        assert_eq!(artifact.copy_to(&copy), Ok(()));
        std::fs::write(&path, [0, b'a', b's', b'm', 1, 0, 0, 0, 0]).unwrap();
        assert!(
            artifact
                .copy_to(&copy)
                .unwrap_err()
                .contains("another file")
        );
    }
}
