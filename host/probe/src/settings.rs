//! The matrix: every parameter of an embedded start, and the values it can take.

use std::fmt;

use crate::pool::PoolSettings;
use results::levers::{LEVERS, Lever, Positions, When};
use results::{Param, Params, Scenario};
use serde::{Deserialize, Serialize};

pub use results::values::{
    Acquire, Allocator, CompileThreads, Compiler, Interrupt, MemoryInit, Named, PageCache,
    Parameter, Translation,
};

/// What `--select` calls the choice of a system, which is no parameter of a cell.
const SYSTEM: &str = "system";

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Wasmtime, as a library.
    Wasmtime,
    /// `WasmEdge`, as a library.
    WasmEdge,
    /// Wasmer, as a library.
    Wasmer,
    /// Wasmi, as a library.
    Wasmi,
}

impl Named for Engine {
    const ALL: &'static [Self] = &[Self::Wasmtime, Self::WasmEdge, Self::Wasmer, Self::Wasmi];

    fn name(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime-embedded",
            Self::WasmEdge => "wasmedge-embedded",
            Self::Wasmer => "wasmer-embedded",
            Self::Wasmi => "wasmi-embedded",
        }
    }
}

impl Engine {
    /// The system that it is in cells.
    pub fn system(self) -> results::System {
        self.name().into()
    }

    /// The engine's own name.
    pub const fn product(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::WasmEdge => "wasmedge",
            Self::Wasmer => "wasmer",
            Self::Wasmi => "wasmi",
        }
    }

    /// Whether its program serves. Others run commands only: their guests have no sockets.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Wasmtime | Self::WasmEdge)
    }

    /// Those whose programs serve.
    pub fn serving() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|engine| engine.serves())
    }

    /// Whether it is measured, and its program built, without being named where a run is to be
    /// short: of other engines the program alone takes a while to build.
    pub const fn is_usual(self) -> bool {
        matches!(self, Self::Wasmtime | Self::WasmEdge)
    }

    /// Whether a selection asks for it: by its name, or by a value that no usual engine has.
    pub fn is_named_by(self, selected: &[Value]) -> bool {
        let has = |engine: Self, value| Configuration::baseline(engine).with(value).is_some();
        let usual = |value| {
            let mut usual = Self::ALL.iter().filter(|engine| engine.is_usual());
            usual.any(|engine| has(*engine, value))
        };
        selected
            .iter()
            .any(|value| has(self, *value) && !usual(*value))
    }

    /// Whether it has no compiled code at all.
    pub const fn only_interprets(self) -> bool {
        matches!(self, Self::Wasmi)
    }

    /// What it can compile with, if there is a choice.
    pub const fn compilers(self) -> &'static [Compiler] {
        match self {
            Self::Wasmtime => &[
                Compiler::Cranelift,
                Compiler::CraneliftNone,
                Compiler::Winch,
            ],
            Self::Wasmer => &[Compiler::Cranelift, Compiler::Singlepass],
            Self::WasmEdge | Self::Wasmi => &[],
        }
    }

    /// Its code acquisition modes, in the order of its starts from slow to fast.
    pub const fn acquire_modes(self) -> &'static [Acquire] {
        match self {
            Self::Wasmtime | Self::Wasmer => &[
                Acquire::Compile,
                Acquire::CacheMiss,
                Acquire::CacheHit,
                Acquire::Deserialize,
                Acquire::DeserializeFile,
            ],
            Self::WasmEdge => &[Acquire::Compile, Acquire::Interpret, Acquire::Aot],
            Self::Wasmi => &[Acquire::Interpret],
        }
    }
}

/// What of a configuration is the engine's: two starts with equal settings can share compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EngineSettings {
    /// Where instances get their memory.
    pub allocator: Allocator,
    /// How a linear memory gets its first contents.
    pub memory_init: MemoryInit,
    /// What compiles.
    pub compiler: Compiler,
    /// How many threads compile.
    pub compile_threads: CompileThreads,
    /// Whether compiled code checks if its time is up.
    pub interrupt: Interrupt,
    /// What a pooling allocator has room for; of no effect with another one.
    pub pool: PoolSettings,
    /// What else of the engine is moved.
    pub levers: Positions,
    /// When functions are translated; of an interpreter that translates them.
    pub translation: Translation,
}

/// One point of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Configuration {
    /// Which engine.
    pub engine: Engine,
    /// How its code is acquired.
    pub acquire: Acquire,
    /// What of it engines have; what one has not is of no effect there.
    pub settings: EngineSettings,
    /// Whether the files that a start reads are in the page cache.
    pub page_cache: PageCache,
}

impl Configuration {
    /// A cell where nothing is selected: Wasmtime's own defaults, and epochs so that a guest cannot
    /// hang.
    pub const BASELINE: Self = Self {
        engine: Engine::Wasmtime,
        acquire: Acquire::Compile,
        settings: EngineSettings {
            allocator: Allocator::OnDemand,
            memory_init: MemoryInit::Cow,
            compiler: Compiler::Cranelift,
            compile_threads: CompileThreads::Parallel,
            interrupt: Interrupt::Epoch,
            pool: PoolSettings::DEFAULT,
            levers: Positions::DEFAULT,
            translation: Translation::LazyTranslation,
        },
        page_cache: PageCache::Hot,
    };

    /// The baseline of an engine.
    pub const fn baseline(engine: Engine) -> Self {
        match engine {
            Engine::Wasmtime => Self::BASELINE,
            Engine::Wasmer => Self {
                engine,
                ..Self::BASELINE
            },
            Engine::WasmEdge | Engine::Wasmi => Self {
                engine,
                acquire: Acquire::Interpret,
                ..Self::BASELINE
            },
        }
    }

    /// Which kind of cold its starts are.
    pub const fn scenario(&self) -> Scenario {
        match self.page_cache {
            _ if self.acquire.from_source() => Scenario::CodeCold,
            PageCache::EvictedAll => Scenario::DiskCold,
            PageCache::Hot | PageCache::Evicted => Scenario::WarmDisk,
        }
    }

    /// The parameters of the cell. What has no effect, and what its scenario says, is left out:
    /// nothing compiles when code is only loaded.
    pub fn params(&self) -> Params {
        fn entry<P: Parameter>(value: P) -> (Param, &'static str) {
            (P::PARAM.clone(), value.name())
        }
        let mut params = Params::from([entry(self.acquire)]);
        if self.page_cache != self.scenario().page_cache() {
            params.extend([entry(self.page_cache)]);
        }
        match self.engine {
            Engine::Wasmtime => {}
            Engine::WasmEdge => return params,
            Engine::Wasmer => {
                params.extend([entry(self.settings.compiler)]);
                return params;
            }
            Engine::Wasmi => {
                params.extend([entry(self.settings.translation)]);
                return params;
            }
        }
        params.extend([
            entry(self.settings.allocator),
            entry(self.settings.memory_init),
            entry(self.settings.compiler),
            entry(self.settings.interrupt),
        ]);
        if self.compiles() {
            params.extend([entry(self.settings.compile_threads)]);
        }
        if self.settings.allocator == Allocator::Pooling {
            params.extend(self.settings.pool.params());
        }
        let moved = self.settings.levers.only(|lever| self.has_effect(lever));
        params.extend(
            moved
                .moved()
                .map(|(lever, value)| (lever.param.clone(), value)),
        );
        params
    }

    /// Whether a lever has an effect on such a start, of whatever guest.
    pub fn has_effect(&self, lever: &Lever) -> bool {
        let settings = &self.settings;
        self.engine == Engine::Wasmtime
            && lever.when.iter().all(|when| match when {
                When::Compiles => self.compiles(),
                When::Cranelift => settings.compiler != Compiler::Winch,
                When::Deserializes => self.acquire == Acquire::Deserialize,
                When::MapsFile => self.acquire == Acquire::DeserializeFile,
                When::CopyOnWrite => settings.memory_init == MemoryInit::Cow,
                When::CoreModule | When::Component | When::RunsToEnd => true,
            })
    }

    /// Whether the start itself compiles.
    pub const fn compiles(&self) -> bool {
        self.acquire.compiles()
    }

    /// Whether the start loads a file that was compiled before.
    pub const fn loads_precompiled(&self) -> bool {
        self.acquire.takes_precompiled()
    }

    /// The same with parameters without effect at their baseline, so that equal starts compare
    /// equal.
    #[must_use]
    pub fn normal(mut self) -> Self {
        if !self.compiles() {
            self.settings.compile_threads = Self::BASELINE.settings.compile_threads;
        }
        if self.settings.allocator != Allocator::Pooling {
            self.settings.pool = Self::BASELINE.settings.pool;
        }
        self.settings.levers = self.settings.levers.only(|lever| self.has_effect(lever));
        self
    }

    /// The same with one parameter set; nothing if its engine has no such parameter, or no such
    /// value of it.
    #[must_use]
    pub fn with(mut self, value: Value) -> Option<Self> {
        match value {
            Value::Acquire(value) if self.engine.acquire_modes().contains(&value) => {
                self.acquire = value;
            }
            Value::PageCache(value) => self.page_cache = value,
            Value::Engine(value) if value == self.engine => {}
            Value::Translation(value) if self.engine == Engine::Wasmi => {
                self.settings.translation = value;
            }
            Value::Compiler(value) if self.engine.compilers().contains(&value) => {
                self.settings.compiler = value;
            }
            _ if self.engine != Engine::Wasmtime => return None,
            Value::Allocator(value) => self.settings.allocator = value,
            Value::MemoryInit(value) => self.settings.memory_init = value,
            Value::CompileThreads(value) => self.settings.compile_threads = value,
            Value::Interrupt(value) => self.settings.interrupt = value,
            Value::Lever(lever, place) => {
                self.settings.levers = self.settings.levers.with(lever, place);
            }
            Value::Acquire(_) | Value::Engine(_) | Value::Compiler(_) | Value::Translation(_) => {
                return None;
            }
        }
        Some(self)
    }
}

/// A value of some parameter, as `--select key=value` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Of [`Engine`].
    Engine(Engine),
    /// Of [`Acquire`].
    Acquire(Acquire),
    /// Of [`Allocator`].
    Allocator(Allocator),
    /// Of [`MemoryInit`].
    MemoryInit(MemoryInit),
    /// Of [`Compiler`].
    Compiler(Compiler),
    /// Of [`CompileThreads`].
    CompileThreads(CompileThreads),
    /// Of [`PageCache`].
    PageCache(PageCache),
    /// Of [`Interrupt`].
    Interrupt(Interrupt),
    /// Of [`Translation`].
    Translation(Translation),
    /// Of a lever: its place in [`LEVERS`], and that of its position.
    Lever(usize, u8),
}

/// Every parameter that can be selected with its values, in the order in which help and messages
/// list them.
pub fn parameters() -> Vec<(&'static str, Vec<Value>)> {
    fn row<P: Parameter>(values: &[P], wrap: fn(P) -> Value) -> (&'static str, Vec<Value>) {
        (P::PARAM.name(), wrapped(values, wrap))
    }
    fn wrapped<N: Named>(values: &[N], wrap: fn(N) -> Value) -> Vec<Value> {
        values.iter().map(|value| wrap(*value)).collect()
    }
    // Command lines have others besides.
    let has = |mode: &Acquire| {
        Engine::ALL
            .iter()
            .any(|it| it.acquire_modes().contains(mode))
    };
    let acquires: Vec<_> = Acquire::ALL.iter().copied().filter(has).collect();
    let levers = LEVERS.iter().enumerate().map(|(at, lever)| {
        let places = (0..).zip(lever.values);
        let values = places.map(|(place, _)| Value::Lever(at, place));
        (lever.param.name(), values.collect())
    });
    let mut all = vec![
        (SYSTEM, wrapped(Engine::ALL, Value::Engine)),
        (Acquire::PARAM.name(), wrapped(&acquires, Value::Acquire)),
        row(Allocator::ALL, Value::Allocator),
        row(MemoryInit::ALL, Value::MemoryInit),
        row(Compiler::ALL, Value::Compiler),
        row(CompileThreads::ALL, Value::CompileThreads),
        row(PageCache::ALL, Value::PageCache),
        row(Interrupt::ALL, Value::Interrupt),
        row(Translation::ALL, Value::Translation),
    ];
    all.extend(levers);
    all
}

impl Value {
    /// The key of the parameter that the value belongs to.
    pub fn key(self) -> &'static str {
        match self {
            Self::Engine(_) => SYSTEM,
            Self::Acquire(_) => Acquire::PARAM.name(),
            Self::Allocator(_) => Allocator::PARAM.name(),
            Self::MemoryInit(_) => MemoryInit::PARAM.name(),
            Self::Compiler(_) => Compiler::PARAM.name(),
            Self::CompileThreads(_) => CompileThreads::PARAM.name(),
            Self::PageCache(_) => PageCache::PARAM.name(),
            Self::Interrupt(_) => Interrupt::PARAM.name(),
            Self::Translation(_) => Translation::PARAM.name(),
            Self::Lever(lever, _) => LEVERS[lever].param.name(),
        }
    }

    /// The value's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Engine(value) => value.name(),
            Self::Acquire(value) => value.name(),
            Self::Allocator(value) => value.name(),
            Self::MemoryInit(value) => value.name(),
            Self::Compiler(value) => value.name(),
            Self::CompileThreads(value) => value.name(),
            Self::PageCache(value) => value.name(),
            Self::Interrupt(value) => value.name(),
            Self::Translation(value) => value.name(),
            Self::Lever(lever, place) => LEVERS[lever].values[usize::from(place)],
        }
    }

    /// Reads `key=value`.
    ///
    /// # Errors
    /// What is unknown, and what there is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, name) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not of the form key=value"))?;
        let known = parameters();
        let Some((_, values)) = known.iter().find(|(known, _)| *known == key) else {
            let keys: Vec<_> = known.iter().map(|(key, _)| *key).collect();
            return Err(format!(
                "there is no parameter `{key}`; there are {}",
                keys.join(", ")
            ));
        };
        let found = values.iter().find(|value| value.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = values.iter().map(|value| value.name()).collect();
            format!("`{key}` has no value `{name}`; it has {}", names.join(", "))
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_can_be_selected_by_its_name() {
        for (key, values) in parameters() {
            for value in values {
                let text = format!("{key}={}", value.name());
                assert_eq!(
                    (Value::parse(&text), value.to_string()),
                    (Ok(value), text.clone())
                );
                let with = |engine: &Engine| Configuration::baseline(*engine).with(value);
                let selected: Vec<_> = Engine::ALL.iter().filter_map(with).collect();
                assert!(!selected.is_empty(), "{text}");
                // One that stands as the engine has it is in no cell.
                let in_cell = !matches!(value, Value::Engine(_) | Value::Lever(..));
                assert!(
                    !in_cell
                        || selected.iter().all(|one| {
                            // What its scenario says is no parameter of it.
                            value == Value::PageCache(one.scenario().page_cache())
                                || one.params().is(key, value.name())
                        }),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_key_or_value_is_refused_with_the_known_ones() {
        assert_eq!(
            Value::parse("compilr=winch").unwrap_err(),
            "there is no parameter `compilr`; there are system, acquire, allocator, memory_init, \
                compiler, compile_threads, page_cache, interrupt, translation, cow_image, thread_init, \
                memory_reservation, memory_guard, guard_before, memory_may_move, signal_traps, \
                table_init, memory_image_in, address_map, unwind_info, concurrency, \
                incremental_compilation, register_allocator, inlining, code_memory, code_file, calls"
        );
        assert_eq!(
            Value::parse("compiler=llvm").unwrap_err(),
            "`compiler` has no value `llvm`; it has cranelift, cranelift_none, winch, singlepass"
        );
        assert_eq!(
            Value::parse("winch").unwrap_err(),
            "`winch` is not of the form key=value"
        );
    }

    #[test]
    fn a_parameter_without_effect_is_in_no_cell() {
        let loaded = Configuration {
            acquire: Acquire::DeserializeFile,
            ..Configuration::BASELINE
        };
        assert!(!loaded.params().contains_key(Param::CompileThreads));
        let single = loaded
            .with(Value::CompileThreads(CompileThreads::Single))
            .unwrap();
        assert_eq!(single.normal(), loaded.normal());
    }

    #[test]
    fn a_lever_is_in_the_cells_where_it_has_an_effect_and_is_moved() {
        let moved =
            |text: &str, base: Configuration| base.with(Value::parse(text).unwrap()).unwrap();
        let loaded = Configuration {
            acquire: Acquire::DeserializeFile,
            ..Configuration::BASELINE
        };
        for (text, here, there) in [
            ("memory_image_in=memfd", loaded, Configuration::BASELINE),
            (
                "incremental_compilation=yes",
                Configuration::BASELINE,
                loaded,
            ),
        ] {
            let (key, value) = text.split_once('=').unwrap();
            assert!(moved(text, here).params().is(key, value), "{text}");
            assert_eq!(moved(text, there).params(), there.params(), "{text}");
            assert_eq!(moved(text, there).normal(), there.normal(), "{text}");
        }
        let default = moved("memory_reservation=4GiB", loaded);
        assert_eq!(default, loaded);
    }
}
