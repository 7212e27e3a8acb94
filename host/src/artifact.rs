//! The artifact that `host serve`, `host run` and `host compile` are given: what it holds, how its
//! code is acquired, and the code.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use campaign::Error;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{Acquire, Allocator, Configuration, EngineSettings, Interrupt};
use host_probe::trust;
use wasmtime::{Engine, Precompiled};

use crate::engine::wasmtime::guest::engine_failure;
use crate::engine::wasmtime::{Code, not_compiled};
use crate::error::{Advice, artifact_failed, not_trusted, unusable_artifact, usage};
use crate::inspect;
use crate::source::{self, Source};

/// What a file holds, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    Component,
    Module,
    Precompiled,
    Other,
}

impl Contents {
    const fn of(head: &[u8]) -> Self {
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Self::Precompiled,
            [0, b'a', b's', b'm', 1, 0, 0, 0] => Self::Module,
            [0, b'a', b's', b'm', _, 0, 1, 0] => Self::Component,
            _ => Self::Other,
        }
    }
}

/// A file that was opened. It is opened once, and everything is read or mapped from that: what is
/// looked at is what is loaded, whatever happens to the path meanwhile.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// As it was given.
    path: PathBuf,
    source: Source,
    file: File,
    /// The first bytes, which were read from it.
    head: Vec<u8>,
    pub(crate) contents: Contents,
}

impl Artifact {
    /// Opens it, or a copy of it in memory if it can be read once only, and reads its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        const HEAD_BYTES: u64 = 8;
        let source = source::find(path)?;
        let open = || {
            let file = File::open(&source.path)?;
            let mut head = Vec::new();
            (&file).take(HEAD_BYTES).read_to_end(&mut head)?;
            Ok((file, head))
        };
        let (file, head) = open().map_err(|error: io::Error| {
            unusable_artifact(
                path,
                format_args!("cannot read it: {error}"),
                "--artifact takes the path of a file that can be read",
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            source,
            contents: Contents::of(&head),
            file,
            head,
        })
    }

    /// The code acquisition mode: the one requested, if what the file holds allows it. Native code
    /// is acquired on request only, and only if nobody else can have written it.
    pub(crate) fn acquire_mode(&self, requested: Option<Acquire>) -> Result<Acquire, Error> {
        match (self.contents, requested) {
            (Contents::Other, _) => Err(self.not_wasm()),
            (Contents::Precompiled, None) => Err(unusable_artifact(
                &self.path,
                "it is native code, which would run unchecked",
                "if you compiled it yourself, --acquire deserialize_file runs it; a .wasm runs in \
                    the sandbox",
            )),
            (Contents::Precompiled, Some(acquire)) if acquire.takes_precompiled() => {
                if self.source.is_copy {
                    return Err(unusable_artifact(
                        &self.path,
                        "native code is run out of regular files only: nobody can tell who wrote \
                            what comes out of a pipe",
                        "give the path of a file that you compiled yourself",
                    ));
                }
                trust::check_file(&self.path, &self.file)
                    .map_err(|untrusted| not_trusted(&self.path, &untrusted))?;
                Ok(acquire)
            }
            (Contents::Precompiled, Some(_)) => Err(usage(
                format!(
                    "{} is precompiled: there is nothing left to compile or to cache",
                    self.path.display()
                ),
                "give --acquire deserialize_file, or the .wasm that it was made from",
            )),
            (Contents::Component | Contents::Module, Some(acquire))
                if acquire.takes_precompiled() =>
            {
                Err(usage(
                    format!(
                        "--acquire deserialize and deserialize_file need precompiled code, and {} \
                            is Wasm",
                        self.path.display()
                    ),
                    "`host compile --artifact x.wasm --output x.cwasm` precompiles it",
                ))
            }
            (Contents::Component | Contents::Module, requested) => {
                Ok(requested.unwrap_or(Acquire::Compile))
            }
        }
    }

    /// What the file is, since it is neither Wasm nor precompiled code.
    fn not_wasm(&self) -> Error {
        inspect::explain_other(&self.path, &self.source.path).unwrap_or_else(|| {
            unusable_artifact(
                &self.path,
                "it is neither Wasm nor precompiled code",
                "a .wasm file, or what `host compile` made of one",
            )
        })
    }

    /// Whether it is a core module, compiled or not.
    pub(crate) fn is_module(&self) -> Result<bool, Failure> {
        match self.contents {
            Contents::Precompiled => Engine::detect_precompiled_file(self.descriptor())
                .map(|kind| matches!(kind, Some(Precompiled::Module)))
                .map_err(|error| Failure::new(Cause::Artifact, format!("{error:#}"))),
            contents => Ok(contents == Contents::Module),
        }
    }

    /// The code in it, acquired so, which [`Self::acquire_mode`] has allowed.
    pub(crate) fn load<C: Code>(&self, engine: &Engine, acquire: Acquire) -> Result<C, Failure> {
        match acquire {
            Acquire::Compile | Acquire::CacheHit | Acquire::CacheMiss => {
                C::compile(engine, &self.read()?).map_err(|error| not_compiled(&error))
            }
            Acquire::Deserialize => {
                C::deserialize(engine, &self.read()?).map_err(|error| unloadable(&error))
            }
            Acquire::DeserializeFile => {
                C::deserialize_file(engine, &self.descriptor()).map_err(|error| unloadable(&error))
            }
            Acquire::Interpret | Acquire::Aot | Acquire::Jit | Acquire::Source => Err(
                Failure::new(Cause::Harness, "Wasmtime has no such code acquisition mode"),
            ),
        }
    }

    /// What the command that runs it tells about a failure.
    pub(crate) fn failed(&self, failure: &Failure, advice: Advice) -> Error {
        artifact_failed(&self.path, &self.source.path, failure, advice)
    }

    /// All of it. Once: what was read is not read again.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = self.head.clone();
        match (&self.file).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Failure::new(
                Cause::Artifact,
                format!("cannot read {}: {error}", self.path.display()),
            )),
        }
    }

    /// A path to the very file that was opened: the engine takes no descriptor of a component's.
    fn descriptor(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// A person's precompiled code does not load. That of a probe, which the harness made, is the
/// harness's fault.
fn unloadable(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Artifact, "the precompiled code does not load", error)
}

/// The settings of an engine that loads it: the baseline's but for these.
pub(crate) fn engine_settings(allocator: Allocator, interrupt: Interrupt) -> EngineSettings {
    EngineSettings {
        allocator,
        interrupt,
        ..Configuration::BASELINE.settings
    }
}

/// The folder of the engine's cache, made if it is not there. What is cached is native code: nobody
/// else can have put anything into it.
pub(crate) fn cache_folder(folder: &Path) -> Result<PathBuf, Error> {
    let make = || {
        // The engine takes no other path.
        let folder = std::path::absolute(folder)?;
        let mut maker = std::fs::DirBuilder::new();
        maker.recursive(true).mode(0o700).create(&folder)?;
        Ok(folder)
    };
    let folder = make().map_err(|error: io::Error| {
        usage(
            format!("cannot make {}: {error}", folder.display()),
            "--cache FOLDER takes a folder that you can write to",
        )
    })?;
    trust::check_tree(&folder).map_err(|untrusted| not_trusted(&folder, &untrusted))?;
    Ok(folder)
}
