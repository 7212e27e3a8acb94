//! From a profile and a selection to cells.

use std::collections::BTreeMap;

use results::{Cell, System};

use super::target::Target;
use crate::cli::Profile;
use host_probe::pool::PoolSettings;
use host_probe::settings::{
    Acquire, Allocator, CompileThreads, Compiler, Configuration, Engine, MemoryInit, Named,
    PageCache, Value,
};

/// A cell, and what a start of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) cell: Cell,
    /// The position of its target.
    pub(crate) target: usize,
    pub(crate) configuration: Configuration,
}

impl campaign::manifest::Planned for Start {
    fn cell(&self) -> &Cell {
        &self.cell
    }
}

/// Samples for each cell where their number is not given.
pub(crate) const fn default_samples(profile: Profile) -> u32 {
    match profile {
        Profile::Quick => 12,
        Profile::Standard | Profile::Slots => 20,
        Profile::Full => 10,
    }
}

/// All cells of a run: the profile's, with the selected values set in each that has the parameter,
/// and the A/A control.
///
/// An engine that is unavailable here keeps one cell for each workload: a row that shows why.
pub(crate) fn starts(
    profile: Profile,
    selected: &[Value],
    targets: &[Target],
    unavailable: &[Engine],
) -> Vec<Start> {
    let mut starts = Vec::new();
    for (position, target) in targets.iter().enumerate() {
        for engine in &target.engines {
            let configurations = configurations(*engine, profile, selected);
            let start = |system: &System, configuration: &Configuration| Start {
                cell: cell(system.clone(), &target.name, configuration),
                target: position,
                configuration: *configuration,
            };
            let system = engine.system();
            if unavailable.contains(engine) {
                starts.extend(configurations.first().map(|one| start(&system, one)));
                continue;
            }
            starts.extend(configurations.iter().map(|one| start(&system, one)));
            // What differs between the two names is noise, and no smaller difference is one.
            let twin = system.twin();
            starts.extend(controlled(&configurations).map(|one| start(&twin, one)));
        }
    }
    starts
}

/// Gives every pool these settings, and the cell that has one its name. The profile's number of slots
/// stays where the settings name none.
pub(crate) fn set_pool(starts: &mut [Start], pool: PoolSettings) {
    for start in starts {
        if start.configuration.settings.allocator == Allocator::Pooling {
            let planned = start.configuration.settings.pool.slots;
            let slots = if pool.slots > 0 { pool.slots } else { planned };
            start.configuration.settings.pool = pool.with_slots(slots);
            start.cell.params = start.configuration.params();
        }
    }
}

/// The cells that are measured twice: the slowest and the fastest kind of start, or else the first.
fn controlled(configurations: &[Configuration]) -> impl Iterator<Item = &Configuration> {
    let references = [
        Configuration::BASELINE,
        loaded(Engine::Wasmtime),
        loaded(Engine::WasmEdge),
    ];
    let mut found: Vec<_> = configurations
        .iter()
        .filter(|one| references.contains(one))
        .collect();
    if found.is_empty() {
        found.extend(configurations.first());
    }
    found.into_iter()
}

/// The start that loads a precompiled file, all else being as usual.
fn loaded(engine: Engine) -> Configuration {
    let acquire = match engine {
        Engine::Wasmtime => Acquire::DeserializeFile,
        Engine::WasmEdge => Acquire::Aot,
    };
    Configuration {
        acquire,
        ..Configuration::baseline(engine)
    }
}

fn cell(system: System, workload: &str, configuration: &Configuration) -> Cell {
    Cell {
        system,
        workload: workload.into(),
        scenario: configuration.scenario(),
        params: configuration.params(),
    }
}

/// The profile's configurations with the selected values, each once and in the profile's order.
fn configurations(engine: Engine, profile: Profile, selected: &[Value]) -> Vec<Configuration> {
    let mut by_key: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for value in selected {
        by_key.entry(value.key()).or_default().push(*value);
    }
    let mut all = profile_configurations(engine, profile);
    for values in by_key.values() {
        all = all
            .iter()
            .flat_map(|one| values.iter().filter_map(|value| one.with(*value)))
            .collect();
    }
    let mut once: Vec<Configuration> = Vec::new();
    for configuration in all.into_iter().map(Configuration::normal) {
        if !once.contains(&configuration) {
            once.push(configuration);
        }
    }
    once
}

fn profile_configurations(engine: Engine, profile: Profile) -> Vec<Configuration> {
    let base = Configuration::baseline(engine);
    let acquire = |value| Configuration {
        acquire: value,
        ..base
    };
    match (engine, profile) {
        (Engine::Wasmtime, Profile::Quick) => quick(),
        // Compiling takes WasmEdge seconds: it has its place in the longer profiles.
        (Engine::WasmEdge, Profile::Quick) => vec![
            base,
            Configuration {
                page_cache: PageCache::EvictedAll,
                ..loaded(engine)
            },
            loaded(engine),
        ],
        (Engine::Wasmtime, Profile::Slots) => slots(),
        // It has no pool.
        (Engine::WasmEdge, Profile::Slots) => Vec::new(),
        (_, Profile::Standard) => {
            let bases = engine.acquire_modes().iter().map(|value| acquire(*value));
            bases
                .flat_map(|base| {
                    let others = others()
                        .into_iter()
                        .filter_map(move |value| base.with(value));
                    std::iter::once(base).chain(others)
                })
                .collect()
        }
        (_, Profile::Full) => {
            let modes = engine.acquire_modes().iter();
            let mut all: Vec<_> = modes.map(|value| acquire(*value)).collect();
            let crossed = [
                values(Allocator::ALL, Value::Allocator),
                values(MemoryInit::ALL, Value::MemoryInit),
                values(Compiler::ALL, Value::Compiler),
                values(CompileThreads::ALL, Value::CompileThreads),
                values(&[PageCache::Hot, PageCache::EvictedAll], Value::PageCache),
            ];
            for values in crossed {
                let with = |one: &Configuration| -> Vec<_> {
                    let set: Vec<_> = values.iter().filter_map(|value| one.with(*value)).collect();
                    // A parameter that the engine lacks crosses nothing.
                    if set.is_empty() { vec![*one] } else { set }
                };
                all = all.iter().flat_map(with).collect();
            }
            all
        }
    }
}

fn quick() -> Vec<Configuration> {
    let compile = Configuration::BASELINE;
    let acquire = |value| Configuration {
        acquire: value,
        ..compile
    };
    let with = |mut one: Configuration, set: fn(&mut Configuration)| {
        set(&mut one);
        one
    };
    let loaded = loaded(Engine::Wasmtime);
    vec![
        compile,
        with(compile, |one| {
            one.settings.compile_threads = CompileThreads::Single;
        }),
        with(compile, |one| one.settings.compiler = Compiler::Winch),
        acquire(Acquire::CacheMiss),
        acquire(Acquire::CacheHit),
        acquire(Acquire::Deserialize),
        with(acquire(Acquire::Deserialize), |one| {
            one.page_cache = PageCache::Evicted;
        }),
        with(loaded, |one| one.page_cache = PageCache::EvictedAll),
        loaded,
        with(loaded, |one| one.settings.allocator = Allocator::Pooling),
        with(loaded, |one| one.settings.memory_init = MemoryInit::Copy),
    ]
}

/// Slots over which a pool's cost is a curve: one, few, as many as a small server takes, and the
/// engine's own number.
const SLOTS: [u32; 4] = [1, 16, 100, 1000];

/// Starts from a precompiled file without a pool, and with pools of so many slots.
fn slots() -> Vec<Configuration> {
    let loaded = loaded(Engine::Wasmtime);
    let pooled = SLOTS.map(|slots| {
        let mut one = loaded;
        one.settings.allocator = Allocator::Pooling;
        one.settings.pool = PoolSettings::DEFAULT.with_slots(slots);
        one
    });
    std::iter::once(loaded).chain(pooled).collect()
}

fn values<N: Named>(all: &[N], wrap: fn(N) -> Value) -> Vec<Value> {
    all.iter().map(|value| wrap(*value)).collect()
}

/// Every value that is not the baseline's, but for `acquire` and `interrupt`.
fn others() -> [Value; 6] {
    [
        Value::Allocator(Allocator::Pooling),
        Value::MemoryInit(MemoryInit::Copy),
        Value::Compiler(Compiler::CraneliftNone),
        Value::Compiler(Compiler::Winch),
        Value::CompileThreads(CompileThreads::Single),
        Value::PageCache(PageCache::EvictedAll),
    ]
}

#[cfg(test)]
mod tests {
    use results::Param;
    use workloads::Workload;

    use super::*;

    fn keys(configurations: &[Configuration]) -> Vec<String> {
        configurations
            .iter()
            .map(|one| {
                one.params()
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    #[test]
    fn the_full_profile_crosses_everything_that_has_an_effect() {
        // Two modes that compile × 2 allocators × 2 inits × 3 compilers × 2 thread settings × 2
        // states of the page cache, and three that load without the thread settings.
        assert_eq!(
            configurations(Engine::Wasmtime, Profile::Full, &[]).len(),
            2 * 48 + 3 * 24
        );
    }

    #[test]
    fn no_two_cells_are_the_same() {
        let targets = [
            Target::from_workload(Workload::Hello).unwrap(),
            Target::from_workload(Workload::HttpHello).unwrap(),
        ]
        .concat();
        for profile in [
            Profile::Quick,
            Profile::Standard,
            Profile::Full,
            Profile::Slots,
        ] {
            let starts = starts(profile, &[], &targets, &[]);
            let cells: std::collections::BTreeSet<_> =
                starts.iter().map(|start| &start.cell).collect();
            assert_eq!(cells.len(), starts.len(), "{profile:?}");
        }
    }

    #[test]
    fn pools_of_several_numbers_of_slots_stand_beside_none() {
        let targets = Target::from_workload(Workload::HttpHello).unwrap();
        let slots = |pool: &str| -> Vec<Option<String>> {
            let mut starts = starts(Profile::Slots, &[], &targets, &[]);
            set_pool(&mut starts, pool.parse().unwrap());
            let of = |start: &Start| start.cell.params.get(Param::PoolSlots).map(str::to_owned);
            starts
                .iter()
                .filter(|start| !start.cell.system.is_twin())
                .map(of)
                .collect()
        };
        let all = ["1", "16", "100", "1000"].map(|it| Some(it.to_owned()));
        assert_eq!(slots(""), [&[None][..], &all].concat());
        assert_eq!(slots("table_elements=30000"), slots(""), "other settings");
        assert!(
            slots("slots=7")[1..]
                .iter()
                .all(|it| it.as_deref() == Some("7"))
        );
    }

    #[test]
    fn a_selection_sets_its_value_everywhere_and_leaves_each_cell_once() {
        let winch = configurations(
            Engine::Wasmtime,
            Profile::Quick,
            &[Value::Compiler(Compiler::Winch)],
        );
        assert!(
            winch
                .iter()
                .all(|one| one.settings.compiler == Compiler::Winch)
        );
        assert_eq!(
            winch.len(),
            configurations(Engine::Wasmtime, Profile::Quick, &[]).len() - 1,
            "compile with and without are now one"
        );
    }

    #[test]
    fn the_same_key_twice_measures_both() {
        let two = [
            Value::Acquire(Acquire::Compile),
            Value::Acquire(Acquire::CacheHit),
        ];
        let one = [
            Value::Allocator(Allocator::OnDemand),
            Value::MemoryInit(MemoryInit::Cow),
        ];
        let rest = [
            Value::PageCache(PageCache::Hot),
            Value::Compiler(Compiler::Cranelift),
        ];
        let last = [Value::CompileThreads(CompileThreads::Parallel)];
        let selected = [&two[..], &one, &rest, &last].concat();
        assert_eq!(
            keys(&configurations(Engine::Wasmtime, Profile::Full, &selected)),
            [
                "acquire=compile allocator=on_demand compile_threads=parallel compiler=cranelift \
                    interrupt=epoch memory_init=cow page_cache=hot",
                "acquire=cache_hit allocator=on_demand compiler=cranelift interrupt=epoch \
                    memory_init=cow page_cache=hot",
            ]
        );
    }

    #[test]
    fn every_engine_is_a_system_that_is_described() {
        for engine in Engine::ALL {
            let description = systems::describe(&engine.system());
            let library = (engine.product(), systems::Embedding::Library);
            assert_eq!(description.engine, Some(library));
        }
    }

    #[test]
    fn there_is_always_a_control() {
        let targets = Target::from_workload(Workload::Hello).unwrap();
        let starts = starts(
            Profile::Quick,
            &[Value::Allocator(Allocator::Pooling)],
            &targets,
            &[],
        );
        let controls: Vec<_> = starts
            .iter()
            .filter(|start| start.cell.system.is_twin())
            .collect();
        assert_eq!(controls.len(), 1);
        let original = Cell {
            system: controls[0].cell.system.original(),
            ..controls[0].cell.clone()
        };
        assert!(starts.iter().any(|start| start.cell == original));
    }

    #[test]
    fn wasmedge_crosses_only_what_it_has_and_is_left_out_where_something_else_is_selected() {
        assert_eq!(
            configurations(Engine::WasmEdge, Profile::Full, &[]).len(),
            3 * 2
        );
        let allocator = [Value::Allocator(Allocator::Pooling)];
        assert_eq!(
            configurations(Engine::WasmEdge, Profile::Quick, &allocator),
            []
        );
        let aot = [
            Value::Acquire(Acquire::Aot),
            Value::PageCache(PageCache::Hot),
        ];
        assert_eq!(
            configurations(Engine::WasmEdge, Profile::Quick, &aot),
            [loaded(Engine::WasmEdge)]
        );
        assert_eq!(configurations(Engine::Wasmtime, Profile::Quick, &aot), []);
    }

    #[test]
    fn an_engine_that_cannot_be_measured_keeps_a_row_for_each_workload() {
        let targets = Target::from_workload(Workload::HttpHello).unwrap();
        let starts = starts(Profile::Quick, &[], &targets, &[Engine::WasmEdge]);
        assert_eq!(
            starts
                .iter()
                .filter(|start| start.configuration.engine == Engine::WasmEdge)
                .count(),
            1
        );
    }

    #[test]
    fn a_start_has_the_name_of_its_kind_of_cold() {
        for (acquire, page_cache, name) in [
            (Acquire::Compile, PageCache::Hot, "code-cold"),
            (Acquire::Compile, PageCache::Evicted, "code-cold evicted"),
            (Acquire::CacheHit, PageCache::Hot, "warm-disk"),
            (Acquire::CacheHit, PageCache::Evicted, "warm-disk evicted"),
            (Acquire::CacheHit, PageCache::EvictedAll, "disk-cold"),
        ] {
            let one = Configuration {
                acquire,
                page_cache,
                ..Configuration::BASELINE
            };
            let cell = cell("x".into(), "hello", &one);
            let said = cell.params.get(Param::PageCache).unwrap_or_default();
            let named = format!("{} {said}", cell.scenario.name());
            assert_eq!(named.trim(), name);
        }
    }
}
