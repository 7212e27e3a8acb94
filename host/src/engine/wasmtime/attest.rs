//! The evidence: what the engine and the kernel report was done, gathered after the start is over.

use results::levers::LEVERS;
use results::{Attested, Evidence, Param};
use serde::Deserialize;
use serde_json::{Value, json};
use wasmtime::{Cache, Enabled, PoolingAllocationConfig};
use wasmtime_environ::object::{Object as _, ObjectSection as _};
use wasmtime_environ::{FlagValue, Tunables, obj};

use super::Witness;
use super::levers::{self, Written};
use super::seen::Stack;
use host_probe::mapped;
use host_probe::pool::{PoolSettings, Totals};
use host_probe::request::Spec;
use host_probe::settings::{Acquire, Allocator, Named as _};

/// The evidence of one start, whose guest printed on the stack `printed_on`. What cannot be found
/// out is absent, and then fails the sample's check.
pub(super) fn gather(
    witness: Witness<'_>,
    image: &[u8],
    spec: &Spec,
    printed_on: Stack,
) -> Attested {
    let Witness { engine, cache, .. } = witness;
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
    if let Some(settings) = engine.get_pooling_config().and_then(read_pool) {
        found.insert(Evidence::PoolSettings, json!(settings));
    }
    if let Some(threads) = compiler_threads(cache) {
        found.insert(Evidence::CompilerThreads, threads);
    }
    if let Some(kind) = memory_image(spec) {
        found.insert(Evidence::MemoryImage, kind);
    }
    match read_compiled(image) {
        Ok((compiled, mut moved)) => {
            found.extend(compiled);
            moved.extend(witness.seen.levers(&spec.file, printed_on));
            moved.extend(code_memory(spec));
            if let Some(moved) = listed(moved) {
                found.insert(Evidence::LeversMoved, moved);
            }
        }
        Err(reason) => _ = found.insert(Evidence::ImageUnreadable, reason),
    }
    if let Some(on_word) = listed(on_word(witness, spec, printed_on)) {
        found.insert(Evidence::LeversOnWord, on_word);
    }
    found
}

/// Levers, each with its position.
type Moved = Vec<(&'static Param, String)>;

/// Levers that the engine was called with and answered without an error, where nothing else shows
/// them.
fn on_word(witness: Witness<'_>, spec: &Spec, printed_on: Stack) -> Moved {
    let levers = &spec.settings.levers;
    let is_silent = levers.is_moved(&Param::Calls) && printed_on == Stack::Unknown;
    let all = [
        (&Param::CowImage, witness.seen.image_made),
        (&Param::Calls, is_silent),
    ];
    let of = all.into_iter().filter(|(_, is_so)| *is_so);
    of.map(|(param, _)| (param, levers.value(param).to_owned()))
        .collect()
}

/// The one lever that an address shows, without which a start has failed by now.
fn code_memory(spec: &Spec) -> Option<(&'static Param, String)> {
    let levers = &spec.settings.levers;
    let is_moved = spec.acquire == Acquire::Deserialize && levers.is_moved(&Param::CodeMemory);
    is_moved.then(|| {
        let value = levers.value(&Param::CodeMemory);
        (&Param::CodeMemory, value.to_owned())
    })
}

/// Levers with their positions in one line, in the order of tables; nothing of none.
fn listed(mut levers: Moved) -> Option<String> {
    levers.sort_by_key(|(param, _)| LEVERS.iter().position(|lever| lever.param == *param));
    let each = levers
        .iter()
        .map(|(param, value)| format!("{param}={value}"));
    let line = each.collect::<Vec<_>>().join(",");
    (!line.is_empty()).then_some(line)
}

/// What a pool was made of, as the engine has it. Nothing where its totals are none that settings
/// can say.
fn read_pool(pool: &PoolingAllocationConfig) -> Option<PoolSettings> {
    let number = |size: usize| u32::try_from(size).ok();
    let totals = Totals {
        components: pool.get_total_component_instances(),
        core_instances: pool.get_total_core_instances(),
        memories: pool.get_total_memories(),
        tables: pool.get_total_tables(),
        stacks: pool.get_total_stacks(),
    };
    let is_own = totals == PoolSettings::DEFAULT.totals();
    let settings = PoolSettings {
        table_elements: number(pool.get_table_elements())?,
        tables: pool.get_max_tables_per_module(),
        memories: pool.get_max_memories_per_module(),
        instance_bytes: number(pool.get_max_core_instance_size())?,
        slots: if is_own { 0 } else { totals.memories },
        memory_kept_bytes: number(pool.get_memory_keep_resident())?,
        table_kept_bytes: number(pool.get_table_keep_resident())?,
        stack_kept_bytes: number(pool.get_async_stack_keep_resident())?,
        pagemap_scan: match pool.get_pagemap_scan() {
            Enabled::No => 0,
            Enabled::Auto => 1,
            Enabled::Yes => 2,
        },
        warm_slots: pool.get_max_unused_warm_slots(),
        decommit_batch: number(pool.get_decommit_batch_size())?,
    };
    (settings.totals() == totals).then_some(settings)
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
    let maps = mapped::lines().ok()?;
    let file = mapped::name(&spec.file);
    let private = |line: &&str| {
        line.split(' ')
            .nth(1)
            .is_some_and(|mode| mode.starts_with("rw") && mode.ends_with('p'))
    };
    let mut writable = maps.lines().filter(private);
    let found = writable.find_map(|line| {
        if line.contains("/memfd:wasm-memory-image") {
            Some("memfd")
        } else if line.ends_with(&file) {
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

/// How the code that ran was compiled, and the levers that it was compiled with moved.
fn read_compiled(image: &[u8]) -> Result<(Attested, Moved), String> {
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
    let found = Attested::from([
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
    Ok((found, levers::read(&code)))
}

#[cfg(test)]
mod tests {
    use super::super::pool;
    use super::*;

    #[test]
    fn the_settings_of_a_pool_are_read_back() {
        let tuned = PoolSettings::TUNED.with_slots(7);
        for settings in [PoolSettings::DEFAULT, PoolSettings::TUNED, tuned] {
            assert_eq!(read_pool(&pool(settings)), Some(settings));
        }
        let mut other = pool(tuned);
        other.total_stacks(9);
        assert_eq!(read_pool(&other), None);
    }

    #[test]
    fn levers_are_listed_as_in_tables() {
        let levers = vec![
            (&Param::Calls, "direct".to_owned()),
            (&Param::CowImage, "eager".to_owned()),
        ];
        let line = listed(levers).unwrap();
        assert_eq!(line, "cow_image=eager,calls=direct");
        assert_eq!(listed(Vec::new()), None);
    }
}
