//! Executable code: from a file to what can be linked.

use std::alloc::Layout;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use machine::Timeline;
use machine::timeline::Begun;
use results::{Param, Phase};
use wasmtime::component::Component;
use wasmtime::{CustomCodeMemory, Engine, Module};

use super::guest::engine_failure;
use super::seen::Seen;
use host_probe::report::{Cause, Failure};
use host_probe::request::Spec;
use host_probe::settings::Acquire;

/// `read` and the one phase that turns bytes into code.
pub(super) fn acquire<C: Code>(
    engine: &Engine,
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
    seen: &mut Seen,
) -> Result<C, Failure> {
    let levers = &spec.settings.levers;
    let phase = match spec.acquire {
        Acquire::Compile => Phase::Compile,
        Acquire::CacheMiss => Phase::CacheMiss,
        Acquire::CacheHit => Phase::CacheHit,
        Acquire::Deserialize => Phase::Deserialize,
        Acquire::DeserializeFile => {
            let file: &PathBuf = &spec.file;
            let code = if levers.is_moved(&Param::CodeFile) {
                File::open(file).map_err(Into::into).and_then(|file| {
                    seen.give(&file);
                    C::deserialize_open(engine, file)
                })
            } else {
                C::deserialize_file(engine, file)
            };
            timeline.end(Phase::DeserializeFile, begun);
            return code.map_err(|error| not_loaded(&error));
        }
        Acquire::Interpret | Acquire::Aot | Acquire::Jit | Acquire::Source => {
            return Err(Failure::new(
                Cause::Harness,
                "Wasmtime has no such code acquisition mode",
            ));
        }
    };
    if phase == Phase::Deserialize && levers.is_moved(&Param::CodeMemory) {
        let pages = read_pages(&spec.file);
        timeline.end(Phase::Read, begun);
        let pages = pages?;
        let code = timeline
            .time(phase, || C::deserialize_given(engine, pages))
            .map_err(|error| not_loaded(&error))?;
        return if std::ptr::eq(code.image().as_ptr(), pages.cast::<u8>().as_ptr()) {
            Ok(code)
        } else {
            Err(Failure::new(
                Cause::Harness,
                "the engine copied code that it was to run where it was given",
            ))
        };
    }
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
    std::fs::read(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Cause::Artifact,
        format!("cannot read {}: {error}", file.display()),
    )
}

/// Pages of memory are of this size, or of a multiple that this machine's allocator keeps too.
const PAGE: usize = 4096;

/// A file in pages that hold nothing else and that are never given back, as those of a program's own
/// data: code that is run where it is given must stay there.
#[expect(
    unsafe_code,
    reason = "memory at a page's beginning comes from the allocator only"
)]
fn read_pages(file: &Path) -> Result<NonNull<[u8]>, Failure> {
    let contents = || {
        let mut opened = File::open(file)?;
        let length = usize::try_from(opened.metadata()?.len()).map_err(io::Error::other)?;
        let layout = Layout::from_size_align(length.max(1).next_multiple_of(PAGE), PAGE)
            .map_err(io::Error::other)?;
        // SAFETY: the layout is not of size zero, and the memory is initialised.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let mut pages = NonNull::slice_from_raw_parts(start, length);
        // SAFETY: nothing else refers to memory that was just made.
        opened.read_exact(unsafe { pages.as_mut() })?;
        Ok(pages)
    };
    contents().map_err(|error: io::Error| unreadable(file, &error))
}

/// Makes code executable where it was given to the engine, and nothing that is writable.
#[derive(Debug)]
pub(super) struct InPlace;

impl InPlace {
    #[expect(
        unsafe_code,
        reason = "only the kernel changes what memory may be used for"
    )]
    fn protect(pages: *const u8, length: usize, allowed: libc::c_int) -> wasmtime::Result<()> {
        // SAFETY: the engine names pages of the image that it was given, which nobody writes to.
        let done = unsafe { libc::mprotect(pages.cast_mut().cast(), length, allowed) };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error().into())
        }
    }
}

impl CustomCodeMemory for InPlace {
    fn required_alignment(&self) -> usize {
        PAGE
    }

    fn publish_executable(&self, pages: *const u8, length: usize) -> wasmtime::Result<()> {
        Self::protect(pages, length, libc::PROT_READ | libc::PROT_EXEC)
    }

    fn unpublish_executable(&self, pages: *const u8, length: usize) -> wasmtime::Result<()> {
        Self::protect(pages, length, libc::PROT_READ | libc::PROT_WRITE)
    }
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
    /// From precompiled bytes, run where they are; the caller vouches for them, and for that they stay.
    ///
    /// # Errors
    /// The engine's own.
    fn deserialize_given(engine: &Engine, code: NonNull<[u8]>) -> wasmtime::Result<Self>;
    /// From a precompiled file that is open, which is mapped and which the caller vouches for.
    ///
    /// # Errors
    /// The engine's own, or that it takes none of this kind.
    fn deserialize_open(engine: &Engine, file: File) -> wasmtime::Result<Self>;
    /// Makes the image now that memories are mapped from.
    ///
    /// # Errors
    /// The engine's own.
    fn make_image(&self) -> wasmtime::Result<()>;
    /// The compiled image in memory: what ran, not what should have run.
    fn image(&self) -> &[u8];
}

macro_rules! code {
    ($type:ty, $open:path) => {
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

            fn deserialize_given(engine: &Engine, code: NonNull<[u8]>) -> wasmtime::Result<Self> {
                // SAFETY: as above; and the pages are never given back (`read_pages`).
                unsafe { <$type>::deserialize_raw(engine, code) }
            }

            fn deserialize_open(engine: &Engine, file: File) -> wasmtime::Result<Self> {
                $open(engine, file)
            }

            fn make_image(&self) -> wasmtime::Result<()> {
                self.initialize_copy_on_write_image()
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

code!(Module, open_module);
code!(Component, open_component);

#[expect(
    unsafe_code,
    reason = "loading machine code is unsafe: a caller has checked where it is from"
)]
fn open_module(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: as of a file that is named.
    unsafe { Module::deserialize_open_file(engine, file) }
}

fn open_component(_: &Engine, _: File) -> wasmtime::Result<Component> {
    wasmtime::bail!("the engine takes no component out of a file that is open")
}
