//! The artifact that `host serve`, `host run` and `host compile` are given: what it holds, how its
//! code is acquired, and the code.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use campaign::Error;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{Acquire, Allocator, Configuration, EngineSettings};
use wasmtime::Engine;

use crate::engine::wasmtime::{Code, not_compiled, not_loaded, read};
use crate::error::{unusable_artifact, usage};

/// What a file holds, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    Component,
    Module,
    Precompiled,
    Other,
}

impl Contents {
    /// Reads the first bytes of a file.
    pub(crate) fn detect(path: &Path) -> Result<Self, Error> {
        let mut head = [0; 8];
        let mut read = 0;
        let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
        while read < head.len() {
            match file
                .read(&mut head[read..])
                .map_err(|error| unreadable(path, &error))?
            {
                0 => break,
                some => read += some,
            }
        }
        Ok(match &head[..read] {
            [0x7f, b'E', b'L', b'F', ..] => Self::Precompiled,
            [0, b'a', b's', b'm', 1, 0, 0, 0] => Self::Module,
            [0, b'a', b's', b'm', _, 0, 1, 0] => Self::Component,
            _ => Self::Other,
        })
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    unusable_artifact(
        path,
        format_args!("cannot read it: {error}"),
        "--artifact takes the path of a file that can be read",
    )
}

/// The settings of an engine that loads it: the baseline's, whose guests can be interrupted.
pub(crate) fn engine_settings(allocator: Allocator) -> EngineSettings {
    EngineSettings {
        allocator,
        ..Configuration::BASELINE.settings
    }
}

/// The code acquisition mode: the one requested, if what the file holds allows it.
pub(crate) fn acquire_mode(
    path: &Path,
    contents: Contents,
    requested: Option<Acquire>,
) -> Result<Acquire, Error> {
    match (contents, requested) {
        (Contents::Component | Contents::Module, None) => Ok(Acquire::Compile),
        (Contents::Precompiled, None) => Ok(Acquire::DeserializeFile),
        (Contents::Component | Contents::Module, Some(acquire)) if !acquire.takes_precompiled() => {
            Ok(acquire)
        }
        (Contents::Precompiled, Some(acquire)) if acquire.takes_precompiled() => Ok(acquire),
        (Contents::Component | Contents::Module, Some(_)) => Err(usage(
            format!(
                "--acquire deserialize and deserialize_file need precompiled code, and {} is Wasm",
                path.display()
            ),
            "`host compile --artifact x.wasm --output x.cwasm` precompiles it",
        )),
        (Contents::Precompiled, Some(_)) => Err(usage(
            format!(
                "{} is precompiled: there is nothing left to compile or to cache",
                path.display()
            ),
            "leave --acquire out, or give the .wasm that it was made from",
        )),
        (Contents::Other, _) => Err(unusable_artifact(
            path,
            "it is neither Wasm nor precompiled code",
            "a .wasm file, or what `host compile` made of one",
        )),
    }
}

/// The code in the file, acquired so.
pub(crate) fn load<C: Code>(engine: &Engine, path: &Path, acquire: Acquire) -> Result<C, Failure> {
    match acquire {
        Acquire::Compile | Acquire::CacheHit | Acquire::CacheMiss => {
            C::compile(engine, &read(path)?).map_err(|error| not_compiled(&error))
        }
        Acquire::Deserialize => {
            C::deserialize(engine, &read(path)?).map_err(|error| not_loaded(&error))
        }
        Acquire::DeserializeFile => {
            C::deserialize_file(engine, path).map_err(|error| not_loaded(&error))
        }
        Acquire::Interpret | Acquire::Aot => Err(Failure::new(
            Cause::Harness,
            "Wasmtime has no such code acquisition mode",
        )),
    }
}
