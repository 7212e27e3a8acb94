//! Wasmtime: one cold start, from configuration to teardown.

mod attest;
mod crowd;
mod deadline;
pub mod guest;
pub mod live;

use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::Timeline;
use machine::timeline::Begun;
use results::Phase;
use wasmtime::component::Component;
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, Module, OptLevel, Store,
    Strategy,
};

pub use self::crowd::crowd;
use self::deadline::Then;
use self::guest::Guest;
use self::live::Linked;
use host_probe::resources::Usage;
use host_probe::settings::{
    Acquire, Allocator, CompileThreads, Compiler, EngineSettings, Interrupt, MemoryInit,
};
use host_probe::spec::{Call, Cause, Destination, Failure, Kind, Preparation, Report, Spec};

/// The engine's version: that of the crate, which the workspace pins and a test compares with
/// `Cargo.lock`.
pub const VERSION: &str = "48.0.2";

/// What the engine writes of that into the code that it compiles.
pub const MAJOR: &str = "48";

/// Performs one cold start and reports it. `engine` has `begun` before the call: the pages of this
/// function's stack are the engine's to pay for.
///
/// # Errors
/// The start came to nothing; whose fault that was is said.
pub fn start(spec: &Spec, timeline: &mut Timeline, begun: Begun) -> Result<Report, Failure> {
    let cache = spec.cache.as_deref().map(private_cache).transpose()?;
    let engine = engine_of(&config(spec.acquire, spec.engine, cache.clone()))?;
    let executor = new_executor()?;
    timeline.end(Phase::Engine, begun);
    // What comes next begins here and not in `acquire`: the first call into its pages costs
    // microseconds, of which a short start may have twenty in no phase.
    let begun = timeline.begin();
    match spec.kind {
        Kind::Module => {
            let module: Module = acquire(&engine, spec, timeline, begun)?;
            let linked = timeline.time(Phase::Link, || Linked::module(&engine, &module))?;
            let begun = timeline.begin();
            executor.block_on(run(
                &engine,
                &linked,
                &module,
                spec,
                timeline,
                begun,
                cache.as_ref(),
            ))
        }
        Kind::Component => {
            let component: Component = acquire(&engine, spec, timeline, begun)?;
            let linked =
                timeline.time(Phase::Link, || Linked::component(&engine, &component, spec))?;
            let begun = timeline.begin();
            executor.block_on(run(
                &engine,
                &linked,
                &component,
                spec,
                timeline,
                begun,
                cache.as_ref(),
            ))
        }
    }
}

/// The executor that a start runs on.
///
/// # Errors
/// The machine has no descriptor left for it.
pub fn new_executor() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Cause::Machine, format!("cannot make an executor: {error}")))
}

/// A store with what the guest is given, its limits set: the `store` phase.
#[inline]
pub fn new_store(engine: &Engine, spec: &Spec) -> Store<Guest> {
    let mut store = Store::new(engine, Guest::new(spec));
    store.limiter(|guest| &mut guest.memory);
    let (limit, then) = time_limit(spec);
    allow(&mut store, limit, then);
    store
}

/// The time that a guest has, and what happens then.
fn time_limit(spec: &Spec) -> (Duration, Then) {
    let then = if spec.engine.interrupt == Interrupt::Epoch {
        Then::Interrupt
    } else {
        Then::End
    };
    (Duration::from_millis(spec.time_limit_ms), then)
}

/// From a linked guest to its teardown.
async fn run(
    engine: &Engine,
    linked: &Linked,
    code: &impl Code,
    spec: &Spec,
    timeline: &mut Timeline,
    begun: Begun,
    cache: Option<&Cache>,
) -> Result<Report, Failure> {
    let (limit, then) = time_limit(spec);
    // `store` began before the executor was entered, which the first store is the first to need.
    let mut store = new_store(engine, spec);
    timeline.end(Phase::Store, begun);

    let begun = timeline.begin();
    let live = linked.instantiate(&mut store).await;
    timeline.end(Phase::Instantiate, begun);
    let live = live.map_err(|error| guest::failure(&error, &store))?;

    let begun = timeline.begin();
    let mut used = None;
    let first = live.call(&mut store, &spec.call, limit, || {
        timeline.end(Phase::FirstRequest, begun);
        timeline.answered();
        used = Some(Usage::now());
    });
    let first = first.await?;
    let mut resources = used.map(Usage::resources).unwrap_or_default();

    let second = match spec.call {
        Call::Run(_) => None,
        Call::Http { .. } => {
            allow(&mut store, limit, then);
            let begun = timeline.begin();
            let answer = live.call(&mut store, &spec.call, limit, || {
                timeline.end(Phase::SecondRequest, begun)
            });
            Some(answer.await)
        }
    };
    resources.pss_bytes = host_probe::resources::pss_bytes();
    let attested = attest::gather(engine, code.image(), spec, cache);
    timeline.time(Phase::Teardown, || drop((live, store)));
    Ok(Report {
        recorded: timeline.recorded(),
        first,
        second,
        resources,
        attested,
    })
}

/// Gives the guest `limit` from now.
fn allow(store: &mut Store<Guest>, limit: Duration, then: Then) {
    deadline::arm(store.engine(), limit, then);
    if then == Then::Interrupt {
        // After the deadline has moved: a timer that goes off for an earlier store in between would
        // end this one's guest.
        store.set_epoch_deadline(1);
    }
}

/// Makes compiled code, outside any timing.
///
/// # Errors
/// The artifact cannot be read or compiled, or what was compiled cannot be kept.
pub fn prepare(preparation: &Preparation) -> Result<(), Failure> {
    let Preparation {
        file,
        kind,
        engine,
        into,
    } = preparation;
    let wasm = read(file)?;
    match into {
        Destination::File(path) => {
            let engine = new_engine(*engine, None)?;
            let code = match kind {
                Kind::Module => engine.precompile_module(&wasm),
                Kind::Component => engine.precompile_component(&wasm),
            };
            let code = code.map_err(|error| not_compiled(&error))?;
            std::fs::write(path, code).map_err(|error| {
                Failure::new(
                    Cause::Machine,
                    format!("cannot write {}: {error}", path.display()),
                )
            })
        }
        Destination::Cache(folder) => {
            let engine = new_engine(*engine, Some(private_cache(folder)?))?;
            match kind {
                Kind::Module => <Module as Code>::compile(&engine, &wasm).map(drop),
                Kind::Component => <Component as Code>::compile(&engine, &wasm).map(drop),
            }
            .map_err(|error| not_compiled(&error))
        }
    }
}

/// The engine of a configuration.
///
/// # Errors
/// The machine cannot give what the configuration needs.
pub fn new_engine(settings: EngineSettings, cache: Option<Cache>) -> Result<Engine, Failure> {
    engine_of(&config(Acquire::Compile, settings, cache))
}

/// The engine of these settings that a start from compiled code makes: without a compiler.
///
/// # Errors
/// The machine cannot give what the configuration needs.
pub fn new_engine_without_compiler(settings: EngineSettings) -> Result<Engine, Failure> {
    engine_of(&config(Acquire::DeserializeFile, settings, None))
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
    };
    config.allocation_strategy(match settings.allocator {
        Allocator::OnDemand => InstanceAllocationStrategy::OnDemand,
        Allocator::Pooling => InstanceAllocationStrategy::pooling(),
    });
    config.memory_init_cow(settings.memory_init == MemoryInit::Cow);
    config.parallel_compilation(settings.compile_threads == CompileThreads::Parallel);
    config.epoch_interruption(settings.interrupt == Interrupt::Epoch);
    config.cache(cache);
    // A compiler that nobody calls is still set up for this machine. A start from compiled code
    // does without, as a person would build it to start fast; but an engine without it takes no
    // code of Winch's.
    if acquire.takes_precompiled() && settings.compiler != Compiler::Winch {
        config.enable_compiler(false);
    }
    config
}

/// The engine that is configured so.
pub(crate) fn engine_of(config: &Config) -> Result<Engine, Failure> {
    Engine::new(config)
        .map_err(|error| Failure::new(Cause::Machine, format!("cannot make the engine: {error:#}")))
}

/// The engine's own cache in a folder that belongs to the run.
///
/// Its housekeeping is put off beyond the life of a run: a worker that recompresses or removes
/// entries while a sample is timed would make the hundredth hit another measurement than the first.
pub(crate) fn private_cache(folder: &Path) -> Result<Cache, Failure> {
    const NEVER: Duration = Duration::from_hours(365 * 24);
    let mut config = CacheConfig::new();
    config
        .with_directory(folder)
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

/// `read` and the one phase that turns bytes into code.
fn acquire<C: Code>(
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
        Acquire::Interpret | Acquire::Aot => {
            return Err(Failure::new(
                Cause::Harness,
                "Wasmtime has no such way of acquiring code",
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

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        Failure::new(
            Cause::Artifact,
            format!("cannot read {}: {error}", file.display()),
        )
    })
}

pub(crate) fn not_compiled(error: &wasmtime::Error) -> Failure {
    Failure::new(Cause::Artifact, format!("it does not compile: {error:#}"))
}

pub(crate) fn not_loaded(error: &wasmtime::Error) -> Failure {
    Failure::new(
        Cause::Harness,
        format!("the precompiled code does not load: {error:#}"),
    )
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
            reason = "loading machine code is unsafe; the parent has checked its digest"
        )]
        impl Code for $type {
            fn compile(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Self> {
                <$type>::from_binary(engine, wasm)
            }

            fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Self> {
                // SAFETY: the bytes are what `prepare` wrote: the parent compares their digest
                // before each launch.
                unsafe { <$type>::deserialize(engine, code) }
            }

            fn deserialize_file(engine: &Engine, file: &Path) -> wasmtime::Result<Self> {
                // SAFETY: as above; and nobody but the run that owns the folder writes there while
                // it is mapped.
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
