//! Executable code: from a file to what can be linked.

use std::path::{Path, PathBuf};

use machine::Timeline;
use machine::timeline::Begun;
use results::Phase;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use super::guest::engine_failure;
use host_probe::report::{Cause, Failure};
use host_probe::request::Spec;
use host_probe::settings::Acquire;

/// `read` and the one phase that turns bytes into code.
pub(super) fn acquire<C: Code>(
    engine: &Engine,
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
) -> Result<C, Failure> {
    let phase = match spec.acquire {
        Acquire::Compile => Phase::Compile,
        Acquire::CacheMiss => Phase::CacheMiss,
        Acquire::CacheHit => Phase::CacheHit,
        Acquire::Deserialize => Phase::Deserialize,
        Acquire::DeserializeFile => {
            let file: &PathBuf = &spec.file;
            let code = C::deserialize_file(engine, file);
            timeline.end(Phase::DeserializeFile, begun);
            return code.map_err(|error| not_loaded(&error));
        }
        Acquire::Interpret | Acquire::Aot | Acquire::Jit => {
            return Err(Failure::new(
                Cause::Harness,
                "Wasmtime has no such code acquisition mode",
            ));
        }
    };
    let bytes = read(&spec.file);
    timeline.end(Phase::Read, begun);
    let bytes = bytes?;
    if phase == Phase::Deserialize {
        // The bytes are dropped inside the phase, as an embedder would.
        return timeline
            .time(phase, move || C::deserialize(engine, &bytes))
            .map_err(|error| not_loaded(&error));
    }
    timeline
        .time(phase, move || C::compile(engine, &bytes))
        .map_err(|error| not_compiled(&error))
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        Failure::new(
            Cause::Artifact,
            format!("cannot read {}: {error}", file.display()),
        )
    })
}

pub(crate) fn not_compiled(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Artifact, "it does not compile", error)
}

pub(super) fn not_loaded(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Harness, "the precompiled code does not load", error)
}

/// Executable code in either of its two kinds.
pub trait Code: Sized {
    /// From Wasm; through the engine's cache, if it has one.
    ///
    /// # Errors
    /// The engine's own.
    fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self>;
    /// From precompiled bytes, which the caller vouches for.
    ///
    /// # Errors
    /// The engine's own.
    fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Self>;
    /// From a precompiled file, which is mapped and which the caller vouches for.
    ///
    /// # Errors
    /// The engine's own.
    fn deserialize_file(engine: &Engine, file: &Path) -> wasmtime::Result<Self>;
    /// The compiled image in memory: what ran, not what should have run.
    fn image(&self) -> &[u8];
}

macro_rules! code {
    ($type:ty) => {
        #[expect(
            unsafe_code,
            reason = "loading machine code is unsafe: a caller has checked where it is from"
        )]
        impl Code for $type {
            fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self> {
                <$type>::from_binary(engine, wasm)
            }

            fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Self> {
                // SAFETY: a probe's bytes are what `prepare` wrote: the parent compares their digest
                // before each launch. Those of a person's file were asked to be run as native code,
                // out of a file that nobody else can have written (`host_probe::trust`).
                unsafe { <$type>::deserialize(engine, code) }
            }

            fn deserialize_file(engine: &Engine, file: &Path) -> wasmtime::Result<Self> {
                // SAFETY: as above; and nobody but the run that owns the folder, or the person that
                // owns the file, can write there while it is mapped.
                unsafe { <$type>::deserialize_file(engine, file) }
            }

            fn image(&self) -> &[u8] {
                let range = self.image_range();
                // SAFETY: the range is the image's mapping, readable and unchanged for as long as
                // `self` lives.
                unsafe {
                    std::slice::from_raw_parts(range.start, range.end.addr() - range.start.addr())
                }
            }
        }
    };
}

code!(Module);
code!(Component);
