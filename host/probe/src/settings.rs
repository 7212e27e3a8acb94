//! The matrix: every parameter of an embedded start, and the values it can take.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A parameter with a closed set of values.
pub trait Parameter: Copy + 'static {
    /// Its name in cells and on the command line.
    const KEY: &'static str;
    /// Its values.
    const ALL: &'static [Self];
    /// A value's name.
    fn name(self) -> &'static str;
}

macro_rules! parameter {
    ($(#[$doc:meta])* $type:ident, $key:literal: $($(#[$value_doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$value_doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Parameter for $type {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

parameter! {
    /// Which engine.
    Engine, "system":
    /// Wasmtime, as a library.
    Wasmtime = "wasmtime-embedded",
    /// `WasmEdge`, as a library.
    WasmEdge = "wasmedge-embedded",
}

parameter! {
    /// How bytes become executable code.
    Acquire, "acquire":
    /// Compiled, with no cache. `WasmEdge`: ahead of time into a file, and loaded from there.
    Compile = "compile",
    /// Compiled, and stored in the engine's cache, which was empty.
    CacheMiss = "cache_miss",
    /// Taken from the engine's cache.
    CacheHit = "cache_hit",
    /// Precompiled, read into memory and copied from there.
    Deserialize = "deserialize",
    /// Precompiled, and mapped from its file.
    DeserializeFile = "deserialize_file",
    /// Parsed and validated, to be interpreted.
    Interpret = "interpret",
    /// Precompiled to a shared library, and loaded by the dynamic linker.
    Aot = "aot",
}

impl Acquire {
    /// Those of an engine, in the order of its starts from slow to fast.
    pub const fn of(engine: Engine) -> &'static [Self] {
        match engine {
            Engine::Wasmtime => &[
                Self::Compile,
                Self::CacheMiss,
                Self::CacheHit,
                Self::Deserialize,
                Self::DeserializeFile,
            ],
            Engine::WasmEdge => &[Self::Compile, Self::Interpret, Self::Aot],
        }
    }

    /// Whether it begins with code that was compiled before.
    pub const fn takes_precompiled(self) -> bool {
        matches!(self, Self::Deserialize | Self::DeserializeFile | Self::Aot)
    }
}

parameter! {
    /// Where instances get their memory.
    Allocator, "allocator":
    /// From the kernel, each on its own.
    OnDemand = "on_demand",
    /// From slots that the engine reserved when it was made.
    Pooling = "pooling",
}

parameter! {
    /// How a linear memory gets its first contents.
    MemoryInit, "memory_init":
    /// Mapped copy-on-write from an image.
    Cow = "cow",
    /// Copied from data segments.
    Copy = "copy",
}

parameter! {
    /// What compiles.
    Compiler, "compiler":
    /// Cranelift, optimising for speed.
    Cranelift = "cranelift",
    /// Cranelift without optimisation.
    CraneliftNone = "cranelift_none",
    /// Winch, in one pass.
    Winch = "winch",
}

parameter! {
    /// How many threads compile.
    CompileThreads, "compile_threads":
    /// One for each core.
    Parallel = "parallel",
    /// The calling one.
    Single = "single",
}

parameter! {
    /// Whether the files that a start reads are in the page cache.
    PageCache, "page_cache":
    /// All their pages are.
    Hot = "hot",
    /// None is.
    Evicted = "evicted",
}

parameter! {
    /// Whether compiled code checks if its time is up.
    Interrupt, "interrupt":
    /// At every loop and function entry, against the engine's epoch.
    Epoch = "epoch",
    /// Never: a guest that does not answer is stopped with its process.
    None = "none",
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
}

/// One point of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Configuration {
    /// Which engine.
    pub of: Engine,
    /// How its code is acquired.
    pub acquire: Acquire,
    /// What of it is Wasmtime's; of no effect elsewhere.
    pub engine: EngineSettings,
    /// Whether the files that a start reads are in the page cache.
    pub page_cache: PageCache,
}

impl Configuration {
    /// What a cell is when nothing is said: Wasmtime's own defaults, and epochs so that a guest
    /// cannot hang.
    pub const BASELINE: Self = Self {
        of: Engine::Wasmtime,
        acquire: Acquire::Compile,
        engine: EngineSettings {
            allocator: Allocator::OnDemand,
            memory_init: MemoryInit::Cow,
            compiler: Compiler::Cranelift,
            compile_threads: CompileThreads::Parallel,
            interrupt: Interrupt::Epoch,
        },
        page_cache: PageCache::Hot,
    };

    /// The baseline of an engine.
    pub const fn baseline(of: Engine) -> Self {
        match of {
            Engine::Wasmtime => Self::BASELINE,
            Engine::WasmEdge => Self {
                of,
                acquire: Acquire::Interpret,
                ..Self::BASELINE
            },
        }
    }

    /// The parameters of the cell. What has no effect is left out: nothing compiles when code is
    /// only loaded.
    pub fn params(&self) -> BTreeMap<String, String> {
        fn entry<P: Parameter>(value: P) -> (String, String) {
            (P::KEY.to_owned(), value.name().to_owned())
        }
        if self.of == Engine::WasmEdge {
            return BTreeMap::from([entry(self.acquire), entry(self.page_cache)]);
        }
        let mut params = BTreeMap::from([
            entry(self.acquire),
            entry(self.engine.allocator),
            entry(self.engine.memory_init),
            entry(self.engine.compiler),
            entry(self.engine.interrupt),
            entry(self.page_cache),
        ]);
        if self.compiles() {
            params.extend([entry(self.engine.compile_threads)]);
        }
        params
    }

    /// Whether the start itself compiles.
    pub const fn compiles(&self) -> bool {
        matches!(self.acquire, Acquire::Compile | Acquire::CacheMiss)
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
            self.engine.compile_threads = Self::BASELINE.engine.compile_threads;
        }
        self
    }

    /// The same with one parameter set; nothing if its engine has no such parameter, or no such
    /// value of it.
    #[must_use]
    pub fn with(mut self, value: Value) -> Option<Self> {
        match value {
            Value::Acquire(value) if Acquire::of(self.of).contains(&value) => self.acquire = value,
            Value::PageCache(value) => self.page_cache = value,
            Value::Engine(value) if value == self.of => {}
            _ if self.of != Engine::Wasmtime => return None,
            Value::Allocator(value) => self.engine.allocator = value,
            Value::MemoryInit(value) => self.engine.memory_init = value,
            Value::Compiler(value) => self.engine.compiler = value,
            Value::CompileThreads(value) => self.engine.compile_threads = value,
            Value::Interrupt(value) => self.engine.interrupt = value,
            Value::Acquire(_) | Value::Engine(_) => return None,
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
}

/// Every parameter with its values' names, in the order in which help and messages list them.
pub fn parameters() -> Vec<(&'static str, Vec<&'static str>)> {
    fn row<P: Parameter>() -> (&'static str, Vec<&'static str>) {
        (P::KEY, P::ALL.iter().map(|value| value.name()).collect())
    }
    vec![
        row::<Engine>(),
        row::<Acquire>(),
        row::<Allocator>(),
        row::<MemoryInit>(),
        row::<Compiler>(),
        row::<CompileThreads>(),
        row::<PageCache>(),
        row::<Interrupt>(),
    ]
}

impl Value {
    /// The parameter that the value belongs to.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Engine(_) => Engine::KEY,
            Self::Acquire(_) => Acquire::KEY,
            Self::Allocator(_) => Allocator::KEY,
            Self::MemoryInit(_) => MemoryInit::KEY,
            Self::Compiler(_) => Compiler::KEY,
            Self::CompileThreads(_) => CompileThreads::KEY,
            Self::PageCache(_) => PageCache::KEY,
            Self::Interrupt(_) => Interrupt::KEY,
        }
    }

    /// Reads `key=value`.
    ///
    /// # Errors
    /// What is unknown, and what there is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        fn find<P: Parameter>(value: &str, wrap: fn(P) -> Value) -> Option<Value> {
            P::ALL
                .iter()
                .find(|known| known.name() == value)
                .copied()
                .map(wrap)
        }
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not of the form key=value"))?;
        let known = parameters();
        let Some((key, values)) = known.iter().find(|(known, _)| *known == key) else {
            let keys: Vec<_> = known.iter().map(|(key, _)| *key).collect();
            return Err(format!(
                "there is no parameter `{key}`; there are {}",
                keys.join(", ")
            ));
        };
        match *key {
            Engine::KEY => find(value, Self::Engine),
            Acquire::KEY => find(value, Self::Acquire),
            Allocator::KEY => find(value, Self::Allocator),
            MemoryInit::KEY => find(value, Self::MemoryInit),
            Compiler::KEY => find(value, Self::Compiler),
            CompileThreads::KEY => find(value, Self::CompileThreads),
            PageCache::KEY => find(value, Self::PageCache),
            _ => find(value, Self::Interrupt),
        }
        .ok_or_else(|| {
            format!(
                "`{key}` has no value `{value}`; it has {}",
                values.join(", ")
            )
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::Engine(value) => value.name(),
            Self::Acquire(value) => value.name(),
            Self::Allocator(value) => value.name(),
            Self::MemoryInit(value) => value.name(),
            Self::Compiler(value) => value.name(),
            Self::CompileThreads(value) => value.name(),
            Self::PageCache(value) => value.name(),
            Self::Interrupt(value) => value.name(),
        };
        write!(f, "{}={name}", self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_can_be_selected_by_its_name() {
        for (key, values) in parameters() {
            for value in values {
                let text = format!("{key}={value}");
                let parsed = Value::parse(&text).unwrap();
                assert_eq!(parsed.to_string(), text);
                let of = |engine: &Engine| Configuration::baseline(*engine).with(parsed);
                let selected: Vec<_> = Engine::ALL.iter().filter_map(of).collect();
                assert!(!selected.is_empty(), "{text}");
                assert!(
                    key == "system" || selected.iter().all(|one| one.params()[key] == value),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn what_is_unknown_is_answered_with_what_there_is() {
        assert_eq!(
            Value::parse("compilr=winch").unwrap_err(),
            "there is no parameter `compilr`; there are system, acquire, allocator, memory_init, \
                compiler, compile_threads, page_cache, interrupt"
        );
        assert_eq!(
            Value::parse("compiler=llvm").unwrap_err(),
            "`compiler` has no value `llvm`; it has cranelift, cranelift_none, winch"
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
        assert!(!loaded.params().contains_key("compile_threads"));
        let single = loaded
            .with(Value::CompileThreads(CompileThreads::Single))
            .unwrap();
        assert_eq!(single.normal(), loaded.normal());
    }
}
