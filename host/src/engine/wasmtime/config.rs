//! Configurations in the engine's own terms, and the engine that is made from one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use results::Param;
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig, Strategy,
};

use host_probe::pool::PoolSettings;
use host_probe::report::{Cause, Failure};
use host_probe::settings::{
    Acquire, Allocator, CompileThreads, Compiler, EngineSettings, Interrupt, MemoryInit,
};

/// The engine of a configuration.
///
/// # Errors
/// The machine cannot give what the configuration needs.
pub fn new_engine(settings: EngineSettings, cache: Option<Cache>) -> Result<Engine, Failure> {
    engine_from(&config(Acquire::Compile, settings, cache))
}

/// The engine of these settings that a start from compiled code makes: without a compiler.
///
/// # Errors
/// The machine cannot give what the configuration needs.
pub fn new_engine_without_compiler(settings: EngineSettings) -> Result<Engine, Failure> {
    engine_from(&config(Acquire::DeserializeFile, settings, None))
}

/// A configuration in the engine's own terms, for code that is acquired so. Everything not named
/// here is the engine's default.
pub(crate) fn config(acquire: Acquire, settings: EngineSettings, cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    match settings.compiler {
        Compiler::Cranelift => config
            .strategy(Strategy::Cranelift)
            .cranelift_opt_level(OptLevel::Speed),
        Compiler::CraneliftNone => config
            .strategy(Strategy::Cranelift)
            .cranelift_opt_level(OptLevel::None),
        Compiler::Winch => config.strategy(Strategy::Winch),
        Compiler::Singlepass => {
            unreachable!("it is Wasmer's: `Engine::compilers` lets no cell of Wasmtime's have it")
        }
    };
    config.allocation_strategy(match settings.allocator {
        Allocator::OnDemand => InstanceAllocationStrategy::OnDemand,
        Allocator::Pooling => {
            let mut pool = pool(settings.pool);
            // A place reserves what a memory does, and the engine wants to be told that it has room
            // for no more.
            if let Some(bytes) = super::levers::reservation(&settings.levers) {
                pool.max_memory_size(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            InstanceAllocationStrategy::Pooling(pool)
        }
    });
    config.memory_init_cow(settings.memory_init == MemoryInit::Cow);
    config.parallel_compilation(settings.compile_threads == CompileThreads::Parallel);
    config.epoch_interruption(settings.interrupt == Interrupt::Epoch);
    super::levers::apply(&mut config, &settings.levers);
    if settings.levers.value(&Param::CodeMemory) == "given" {
        config.with_custom_code_memory(Some(Arc::new(super::code::InPlace)));
    }
    config.cache(cache);
    // A compiler that nobody calls is still set up for this machine. A start from compiled code
    // does without, as a person would build it to start fast; but an engine without it takes no
    // code of Winch's.
    if acquire.takes_precompiled() && settings.compiler != Compiler::Winch {
        config.enable_compiler(false);
    }
    config
}

/// A pool in the engine's own terms.
pub(crate) fn pool(settings: PoolSettings) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.table_elements(settings.table_elements as usize)
        .max_tables_per_module(settings.tables)
        .max_memories_per_module(settings.memories)
        .max_core_instance_size(settings.instance_bytes as usize)
        .linear_memory_keep_resident(settings.memory_kept_bytes as usize)
        .table_keep_resident(settings.table_kept_bytes as usize)
        .async_stack_keep_resident(settings.stack_kept_bytes as usize)
        .pagemap_scan(match settings.pagemap_scan {
            0 => Enabled::No,
            1 => Enabled::Auto,
            _ => Enabled::Yes,
        })
        .max_unused_warm_slots(settings.warm_slots)
        .decommit_batch_size(settings.decommit_batch as usize);
    let totals = settings.totals();
    pool.total_component_instances(totals.components)
        .total_core_instances(totals.core_instances)
        .total_memories(totals.memories)
        .total_tables(totals.tables)
        // A store keeps the stack of its last call.
        .total_stacks(totals.stacks);
    pool
}

/// The engine that is configured so.
pub(crate) fn engine_from(config: &Config) -> Result<Engine, Failure> {
    Engine::new(config)
        .map_err(|error| Failure::new(Cause::Machine, format!("cannot make the engine: {error:#}")))
}

/// The engine's own cache in a folder that belongs to the run.
///
/// Its housekeeping is put off beyond the life of a run: a worker that recompresses or removes
/// entries while a sample is timed would make the hundredth hit another measurement than the first.
pub(crate) fn private_cache(folder: &Path) -> Result<Cache, Failure> {
    const NEVER: Duration = Duration::from_hours(365 * 24);
    // The engine takes absolute paths only. Of an empty path there is none, and the engine says so.
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut config = CacheConfig::new();
    config
        .with_directory(absolute)
        .with_cleanup_interval(NEVER)
        .with_optimized_compression_usage_counter_threshold(u64::MAX);
    Cache::new(config).map_err(|error| {
        Failure::new(
            Cause::Machine,
            format!(
                "cannot open the engine's cache in {}: {error:#}",
                folder.display()
            ),
        )
    })
}
