//! The evidence: what the engine and the kernel report was done, gathered after the start is over.

use results::{Attested, Evidence, Param};
use serde::Deserialize;
use serde_json::Value;
use wasmtime::{Cache, Engine};
use wasmtime_environ::object::{Object as _, ObjectSection as _};
use wasmtime_environ::{FlagValue, Tunables, obj};

use super::levers::{self, Written};
use host_probe::request::Spec;
use host_probe::settings::{Acquire, Allocator, Named as _};

/// The evidence of one start. What cannot be found out is absent, and then fails the sample's
/// check.
pub(super) fn gather(
    engine: &Engine,
    image: &[u8],
    spec: &Spec,
    cache: Option<&Cache>,
) -> Attested {
    let pool = engine.pooling_allocator_metrics();
    let allocator = if pool.is_some() {
        Allocator::Pooling
    } else {
        Allocator::OnDemand
    };
    let mut found = Attested::from([
        (Evidence::Cache, cache_used(cache)),
        (Evidence::World, spec.world.name()),
        (Evidence::Allocator, allocator.name()),
    ]);
    if let Some(pool) = pool {
        found.insert(Evidence::PooledInstances, pool.core_instances());
        found.insert(Evidence::PooledMemories, pool.memories());
    }
    if let Some(threads) = compiler_threads(cache) {
        found.insert(Evidence::CompilerThreads, threads);
    }
    if let Some(kind) = memory_image(spec) {
        found.insert(Evidence::MemoryImage, kind);
    }
    match read_compiled(image, spec) {
        Ok(compiled) => found.extend(compiled),
        Err(reason) => _ = found.insert(Evidence::ImageUnreadable, reason),
    }
    found
}

/// Whether the engine's cache was used, by its own counters.
fn cache_used(cache: Option<&Cache>) -> &'static str {
    match cache.map(|cache| (cache.cache_hits(), cache.cache_misses())) {
        None => "none",
        Some((hits, 0)) if hits > 0 => "hit",
        Some((0, misses)) if misses > 0 => "miss",
        Some(_) => "mixed",
    }
}

/// Threads of the compiler's pool, which stay when they have nothing to do: all but this one, the
/// cache's worker, and those on which the executor waits for files that the guest is given.
fn compiler_threads(cache: Option<&Cache>) -> Option<usize> {
    let others = 1 + usize::from(cache.is_some());
    let of_executor = |task: &std::fs::DirEntry| {
        std::fs::read(task.path().join("comm")).is_ok_and(|name| name.starts_with(b"tokio"))
    };
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let tasks = tasks.filter(|task| !of_executor(task)).count();
    tasks.checked_sub(others)
}

/// How linear memories got their first contents, as the kernel sees it: a private writable mapping
/// of a file — one in memory that the engine made, or the precompiled file itself — or nothing of
/// the kind.
fn memory_image(spec: &Spec) -> Option<&'static str> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let file = spec.file.to_string_lossy();
    let private = |line: &&str| {
        line.split(' ')
            .nth(1)
            .is_some_and(|mode| mode.starts_with("rw") && mode.ends_with('p'))
    };
    let mut writable = maps.lines().filter(private);
    let found = writable.find_map(|line| {
        if line.contains("/memfd:wasm-memory-image") {
            Some("memfd")
        } else if line.ends_with(&*file) {
            Some("precompiled_file")
        } else {
            None
        }
    });
    Some(found.unwrap_or("none"))
}

/// What the engine writes into everything it compiles, so that it can refuse code that was made for
/// other settings. Wasmtime, `engine/serialization.rs`: a version byte, a length, the version, then
/// this in postcard.
#[derive(Deserialize)]
struct Metadata<'a> {
    target: String,
    #[serde(borrow)]
    shared_flags: Vec<(&'a str, FlagValue<'a>)>,
    #[serde(borrow)]
    _isa_flags: Vec<(&'a str, FlagValue<'a>)>,
    tunables: Tunables,
    _features: u64,
}

/// How the code that ran was compiled.
fn read_compiled(image: &[u8], spec: &Spec) -> Result<Attested, String> {
    let elf = wasmtime_environ::object::File::parse(image).map_err(|error| error.to_string())?;
    let section = elf
        .section_by_name(obj::ELF_WASM_ENGINE)
        .ok_or("it has no engine section")?;
    let data = section.data().map_err(|error| error.to_string())?;
    let [0, length, rest @ ..] = data else {
        return Err("its engine section has an unknown format".to_owned());
    };
    let (version, rest) = rest
        .split_at_checked(usize::from(*length))
        .ok_or("its engine section is cut")?;
    let metadata: Metadata<'_> = postcard::from_bytes(rest).map_err(|error| error.to_string())?;
    let tunables = &metadata.tunables;
    let code = Written {
        tunables,
        flags: &metadata.shared_flags,
    };
    let mut found = Attested::from([
        (
            Evidence::EngineMajor,
            Value::from(String::from_utf8_lossy(version)),
        ),
        (Evidence::Target, metadata.target.into()),
        (
            Evidence::OptLevel,
            code.flag("opt_level").map_or(Value::Null, Value::from),
        ),
        (Evidence::Winch, tunables.winch_callable.into()),
        (
            Evidence::EpochInterruption,
            tunables.epoch_interruption.into(),
        ),
        (Evidence::MemoryInitCow, tunables.memory_init_cow.into()),
    ]);
    let moved = levers_moved(&code, spec);
    if !moved.is_empty() {
        found.insert(Evidence::LeversMoved, moved);
    }
    Ok(found)
}

/// The levers that were moved, as the code that ran says; and the one that an address shows, without
/// which a start has failed by now.
fn levers_moved(code: &Written<'_>, spec: &Spec) -> String {
    let mut moved = levers::read(code);
    let code_memory = spec.settings.levers.value(&Param::CodeMemory);
    if spec.acquire == Acquire::Deserialize && spec.settings.levers.is_moved(&Param::CodeMemory) {
        moved.push((&Param::CodeMemory, code_memory.to_owned()));
    }
    let moved = moved
        .iter()
        .map(|(param, value)| format!("{param}={value}"));
    moved.collect::<Vec<_>>().join(",")
}
