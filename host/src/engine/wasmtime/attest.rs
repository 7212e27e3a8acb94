//! The evidence: what the engine and the kernel say was done, gathered after the start is over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasmtime::{Cache, Engine};
use wasmtime_environ::object::{Object as _, ObjectSection as _};
use wasmtime_environ::{FlagValue, Tunables, obj};

use host_probe::settings::Parameter as _;
use host_probe::spec::Spec;

/// The evidence of one start. What cannot be found out is absent, and then fails the sample's
/// check.
pub(super) fn gather(
    engine: &Engine,
    image: &[u8],
    spec: &Spec,
    cache: Option<&Cache>,
) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut put = |key: &str, value: Value| _ = found.insert(key.to_owned(), value);
    put("cache", cache_used(cache).into());
    put("world", spec.world.name().into());
    let pool = engine.pooling_allocator_metrics();
    put(
        "allocator",
        if pool.is_some() {
            "pooling"
        } else {
            "on_demand"
        }
        .into(),
    );
    if let Some(pool) = pool {
        put("pooled_instances", pool.core_instances().into());
        put("pooled_memories", pool.memories().into());
    }
    if let Some(threads) = compiler_threads(cache) {
        put("compiler_threads", threads.into());
    }
    if let Some(kind) = memory_image(spec) {
        put("memory_image", kind.into());
    }
    match compiled_as(image) {
        Ok(compiled) => found.extend(compiled),
        Err(reason) => put("image_unreadable", reason.into()),
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

/// Threads of the compiler's pool, which stay when they have nothing to do: all but this one and
/// the cache's worker.
fn compiler_threads(cache: Option<&Cache>) -> Option<usize> {
    let others = 1 + usize::from(cache.is_some());
    std::fs::read_dir("/proc/self/task")
        .ok()?
        .count()
        .checked_sub(others)
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
fn compiled_as(image: &[u8]) -> Result<BTreeMap<String, Value>, String> {
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
    let opt_level = metadata
        .shared_flags
        .iter()
        .find(|(name, _)| *name == "opt_level");
    let entry = |key: &str, value: Value| (key.to_owned(), value);
    Ok(BTreeMap::from([
        entry("engine_major", String::from_utf8_lossy(version).into()),
        entry("target", metadata.target.into()),
        entry(
            "opt_level",
            opt_level.map_or(Value::Null, |(_, value)| value.to_string().into()),
        ),
        entry("winch", metadata.tunables.winch_callable.into()),
        entry(
            "epoch_interruption",
            metadata.tunables.epoch_interruption.into(),
        ),
        entry("memory_init_cow", metadata.tunables.memory_init_cow.into()),
    ]))
}
