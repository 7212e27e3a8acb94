//! From an artifact to code, in each way that this engine has.

use std::path::Path;

use host_command::{read, wrong};
use host_probe::report::{Cause, Failure};
use host_probe::request::{Destination, Preparation, Spec};
use host_probe::settings::{Acquire, Named as _};
use machine::Timeline;
use results::Phase;
use wasmer::{Engine, Module};
use wasmer_cache::{Cache as _, FileSystemCache, Hash};

/// A module, and what the engine's cache did for it.
pub struct Code {
    pub(crate) module: Module,
    pub(crate) cache: &'static str,
}

/// Code as a start acquires it: `read`, where the artifact is read apart, and the phase of its mode.
pub(crate) fn acquire(
    engine: &Engine,
    spec: &Spec,
    timeline: &mut Timeline,
) -> Result<Code, Failure> {
    let none = |module| Code {
        module,
        cache: "none",
    };
    if spec.acquire == Acquire::DeserializeFile {
        let begun = timeline.follow();
        let module = deserialize_file(engine, &spec.file);
        timeline.end(Phase::DeserializeFile, begun);
        return module.map(none);
    }
    let begun = timeline.follow();
    let bytes = read(&spec.file)?;
    timeline.end(Phase::Read, begun);
    let begun = timeline.follow();
    // The bytes are dropped within, as in Wasmtime's starts.
    let (phase, code) = match spec.acquire {
        Acquire::Compile => {
            let module = compile(engine, &bytes);
            drop(bytes);
            (Phase::Compile, module.map(none))
        }
        Acquire::Deserialize => (Phase::Deserialize, deserialize(engine, bytes).map(none)),
        Acquire::CacheHit | Acquire::CacheMiss => {
            let code = cached(engine, &bytes, spec.cache.as_deref());
            drop(bytes);
            let phase = if spec.acquire == Acquire::CacheHit {
                Phase::CacheHit
            } else {
                Phase::CacheMiss
            };
            (phase, code)
        }
        other => {
            let reason = format!("this engine has no acquire={}", other.name());
            return Err(Failure::new(Cause::Harness, reason));
        }
    };
    timeline.end(phase, begun);
    code
}

fn compile(engine: &Engine, wasm: &[u8]) -> Result<Module, Failure> {
    Module::from_binary(engine, wasm)
        .map_err(|error| wrong(Cause::Artifact, "it does not compile", &error))
}

/// Out of the engine's cache, or into it: keyed by a digest of the Wasm, as the crate for it has it.
fn cached(engine: &Engine, wasm: &[u8], folder: Option<&Path>) -> Result<Code, Failure> {
    let folder = folder.ok_or_else(|| Failure::new(Cause::Harness, "no folder for the cache"))?;
    let mut cache = open(folder)?;
    let key = Hash::generate(wasm);
    #[expect(
        unsafe_code,
        reason = "the folder is private to the run: a child of the process that measures made what is \
            in it"
    )]
    // SAFETY: as above: it is what this version of the engine made.
    let found = unsafe { cache.load(engine, key) };
    if let Ok(module) = found {
        return Ok(Code {
            module,
            cache: "hit",
        });
    }
    let module = compile(engine, wasm)?;
    keep(&mut cache, key, &module)?;
    Ok(Code {
        module,
        cache: "miss",
    })
}

fn open(folder: &Path) -> Result<FileSystemCache, Failure> {
    FileSystemCache::new(folder)
        .map_err(|error| wrong(Cause::Machine, "cannot open the engine's cache", &error))
}

fn keep(cache: &mut FileSystemCache, key: Hash, module: &Module) -> Result<(), Failure> {
    cache.store(key, module).map_err(|error| {
        wrong(
            Cause::Machine,
            "cannot keep code in the engine's cache",
            &error,
        )
    })
}

#[expect(
    unsafe_code,
    reason = "the process that measures has compared the file's digest with that of what its child made"
)]
fn deserialize(engine: &Engine, code: Vec<u8>) -> Result<Module, Failure> {
    // SAFETY: as above: it is what this version of the engine made.
    unsafe { Module::deserialize(engine, code) }.map_err(|error| not_loaded(&error))
}

#[expect(
    unsafe_code,
    reason = "the process that measures has compared the file's digest with that of what its child made"
)]
fn deserialize_file(engine: &Engine, file: &Path) -> Result<Module, Failure> {
    // SAFETY: as above: it is what this version of the engine made.
    unsafe { Module::deserialize_from_file(engine, file) }.map_err(|error| not_loaded(&error))
}

fn not_loaded(error: &wasmer::DeserializeError) -> Failure {
    wrong(Cause::Artifact, "it does not load", error)
}

/// Makes compiled code, outside any timing.
pub(crate) fn prepare(engine: &Engine, preparation: &Preparation) -> Result<(), Failure> {
    let wasm = read(&preparation.file)?;
    let module = compile(engine, &wasm)?;
    match &preparation.into {
        Destination::File(file) => {
            let code = module
                .serialize()
                .map_err(|error| wrong(Cause::Artifact, "it cannot be kept", &error))?;
            std::fs::write(file, code).map_err(|error| {
                wrong(
                    Cause::Machine,
                    &format!("cannot write {}", file.display()),
                    &error,
                )
            })
        }
        Destination::Cache(folder) => keep(&mut open(folder)?, Hash::generate(&wasm), &module),
    }
}
