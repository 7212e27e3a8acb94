//! From a profile and a selection to cells.

use std::collections::BTreeMap;

use results::{Cell, System};

use super::target::Target;
use crate::cli::Profile;
use host_probe::pool::PoolSettings;
use host_probe::request::{Call, Kind};
use host_probe::settings::{
    Acquire, Allocator, CompileThreads, Compiler, Configuration, Engine, Interrupt, MemoryInit,
    Named, PageCache, Translation, Value,
};
use results::levers::{LEVERS, Lever, When};

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
        Profile::Standard | Profile::Slots | Profile::Levers => 20,
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
            let mut configurations = configurations(*engine, profile, selected);
            configurations.retain(|one| suits(target, one));
            let start = |system: &System, configuration: &Configuration| Start {
                cell: cell(system.clone(), &target.name, configuration),
                target: position,
                configuration: *configuration,
            };
            let system = engine.system();
            let cannot = target.inspected.serves && !engine.serves();
            if cannot || unavailable.contains(engine) {
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

/// Whether every lever that is moved has an effect on a guest of this kind.
pub(crate) fn suits(target: &Target, configuration: &Configuration) -> bool {
    let mut moved = configuration.settings.levers.moved();
    moved.all(|(lever, _)| {
        lever.when.iter().all(|when| match when {
            When::CoreModule => target.inspected.kind == Kind::Module,
            When::Component => target.inspected.kind == Kind::Component,
            When::RunsToEnd => matches!(target.call, Call::Run(_)),
            _ => true,
        })
    })
}

/// Gives every pool that the profile has as the engine has it, but for its slots, these settings, and
/// the cell that has one its name. Where the profile says how many slots, that stays.
pub(crate) fn set_pool(starts: &mut [Start], pool: PoolSettings) {
    for start in starts {
        let settings = &start.configuration.settings;
        let planned = settings.pool;
        let is_engines = planned.with_slots(0) == PoolSettings::DEFAULT;
        if settings.allocator == Allocator::Pooling && is_engines {
            let slots = if planned.slots > 0 {
                planned.slots
            } else {
                pool.slots
            };
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
        Configuration::baseline(Engine::Wasmer),
        loaded(Engine::Wasmer),
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
        Engine::Wasmtime | Engine::Wasmer => Acquire::DeserializeFile,
        Engine::WasmEdge => Acquire::Aot,
        // It has nothing that could be loaded.
        Engine::Wasmi => Acquire::Interpret,
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
    let mut all = if takes_part(engine, profile, selected) {
        profile_configurations(engine, profile)
    } else {
        Vec::new()
    };
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

/// Whether a profile has an engine. The short one has only those that people measure first, and others
/// where they are asked for: `--select system=…`.
fn takes_part(engine: Engine, profile: Profile, selected: &[Value]) -> bool {
    profile != Profile::Quick || engine.is_usual() || engine.is_named_by(selected)
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
        (Engine::Wasmer, Profile::Quick) => {
            let modes = engine.acquire_modes().iter();
            let modes = modes.filter(|mode| **mode != Acquire::CacheMiss);
            modes
                .flat_map(|mode| {
                    let compilers = values(engine.compilers(), Value::Compiler);
                    let with = move |value: Value| acquire(*mode).with(value);
                    compilers.into_iter().filter_map(with)
                })
                .collect()
        }
        (Engine::Wasmi, Profile::Quick) => values(Translation::ALL, Value::Translation)
            .into_iter()
            .filter_map(|value| base.with(value))
            .collect(),
        // They have no pool, and none of these settings.
        (Engine::WasmEdge | Engine::Wasmer | Engine::Wasmi, Profile::Slots | Profile::Levers) => {
            Vec::new()
        }
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
        (Engine::Wasmtime, Profile::Levers) => levers(),
        (_, Profile::Full) => {
            let modes = engine.acquire_modes().iter();
            let mut all: Vec<_> = modes.map(|value| acquire(*value)).collect();
            let crossed = [
                values(Allocator::ALL, Value::Allocator),
                values(MemoryInit::ALL, Value::MemoryInit),
                values(Compiler::ALL, Value::Compiler),
                values(CompileThreads::ALL, Value::CompileThreads),
                values(Translation::ALL, Value::Translation),
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

/// What a pool is given in the cells of levers, one thing at a time.
const POOLS: [&str; 9] = [
    "slots=1",
    "slots=16",
    "memory_kept_bytes=524288",
    "memory_kept_bytes=524288,pagemap_scan=auto",
    "table_kept_bytes=16384",
    "stack_kept_bytes=65536",
    "warm_slots=0",
    "decommit_batch=64",
    "tuned",
];

/// Starts in each way of getting code, and out of a pool, with nothing moved, and with each thing moved
/// that has an effect there. Where code is copied, only what nothing but copying has.
fn levers() -> Vec<Configuration> {
    let acquire = |acquire| Configuration {
        acquire,
        ..Configuration::BASELINE
    };
    let pooled = acquire(Acquire::DeserializeFile).with(Value::Allocator(Allocator::Pooling));
    let mut all = Vec::new();
    for base in [acquire(Acquire::Compile), acquire(Acquire::DeserializeFile)] {
        let settings = others()
            .into_iter()
            .chain([Value::Interrupt(Interrupt::None)]);
        let settings = settings.filter(|value| !matches!(value, Value::PageCache(_)));
        let moved = settings
            .chain(moves(|_| true))
            .filter_map(|value| base.with(value));
        all.extend(std::iter::once(base).chain(moved));
    }
    let copied = acquire(Acquire::Deserialize);
    let own = moves(|lever| lever.when.contains(&When::Deserializes));
    all.push(copied);
    all.extend(own.filter_map(|value| copied.with(value)));
    all.extend(pooled);
    for pool in POOLS {
        let pool = pool.parse().expect("the pools of this table can be read");
        all.extend(pooled.map(|mut one| {
            one.settings.pool = pool;
            one
        }));
    }
    all
}

/// Every position of these levers that is not the engine's own.
fn moves(which: fn(&Lever) -> bool) -> impl Iterator<Item = Value> {
    let levers = LEVERS.iter().enumerate();
    levers
        .filter(move |(_, lever)| which(lever))
        .flat_map(|(at, lever)| {
            (1..)
                .zip(&lever.values[1..])
                .map(move |(place, _)| (at, place))
        })
        .map(|(at, place)| Value::Lever(at, place))
}

fn values<N: Named>(all: &[N], wrap: fn(N) -> Value) -> Vec<Value> {
    all.iter().map(|value| wrap(*value)).collect()
}

/// Every value that is not the baseline's, but for `acquire` and `interrupt`.
fn others() -> [Value; 9] {
    [
        Value::Allocator(Allocator::Pooling),
        Value::MemoryInit(MemoryInit::Copy),
        Value::Compiler(Compiler::CraneliftNone),
        Value::Compiler(Compiler::Winch),
        Value::Compiler(Compiler::Singlepass),
        Value::CompileThreads(CompileThreads::Single),
        Value::Translation(Translation::Eager),
        Value::Translation(Translation::Lazy),
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
        assert_eq!(slots("slots=7"), slots(""), "each cell once");
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
                    interrupt=epoch memory_init=cow",
                "acquire=cache_hit allocator=on_demand compiler=cranelift interrupt=epoch \
                    memory_init=cow",
            ]
        );
    }

    #[test]
    fn every_lever_is_moved_alone_where_it_has_an_effect() {
        let all = configurations(Engine::Wasmtime, Profile::Levers, &[]);
        for (at, lever) in LEVERS.iter().enumerate() {
            for place in 1..lever.values.len() {
                let place = u8::try_from(place).unwrap();
                let alone = |one: &&Configuration| {
                    one.settings.levers.value(lever.param) == lever.values[usize::from(place)]
                };
                let found: Vec<_> = all.iter().filter(alone).collect();
                assert!(!found.is_empty(), "{} {place}", lever.param);
                for one in found {
                    assert!(one.has_effect(lever), "{}", lever.param);
                    let mut base = *one;
                    base.settings.levers = base.settings.levers.with(at, 0);
                    assert!(all.contains(&base), "{} has a start without", lever.param);
                }
            }
        }
        let pools = all
            .iter()
            .filter(|one| one.settings.pool != PoolSettings::DEFAULT);
        assert_eq!(pools.count(), POOLS.len());
        let hello = Target::from_workload(Workload::Hello).unwrap();
        let starts = starts(Profile::Levers, &[], &hello, &[]);
        let of = |key: &str| {
            let has = |one: &&Start| one.cell.params.contains_key(Param::from(key));
            starts.iter().filter(has).count()
        };
        assert_eq!(of("concurrency"), 0, "a core module has no such thing");
        assert!(of("calls") > 0);
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
    fn an_engine_that_takes_a_while_to_build_is_in_the_short_profile_where_it_is_named() {
        let named = [Value::Engine(Engine::Wasmi)];
        assert_eq!(configurations(Engine::Wasmi, Profile::Quick, &[]), []);
        assert_eq!(
            keys(&configurations(Engine::Wasmi, Profile::Quick, &named)),
            [
                "acquire=interpret translation=lazy_translation",
                "acquire=interpret translation=eager",
                "acquire=interpret translation=lazy",
            ]
        );
        let standard = configurations(Engine::Wasmi, Profile::Standard, &[]);
        assert_eq!(standard.len(), 4, "and evicted");
        assert_eq!(configurations(Engine::Wasmi, Profile::Full, &[]).len(), 6);
        assert_eq!(configurations(Engine::Wasmer, Profile::Quick, &[]), []);
        let singlepass = [Value::Compiler(Compiler::Singlepass)];
        assert_eq!(
            configurations(Engine::Wasmer, Profile::Quick, &singlepass).len(),
            4,
            "no other engine has it"
        );
        let named = [Value::Engine(Engine::Wasmer)];
        assert_eq!(
            configurations(Engine::Wasmer, Profile::Quick, &named).len(),
            4 * 2
        );
        assert_eq!(
            configurations(Engine::Wasmer, Profile::Full, &[]).len(),
            5 * 2 * 2
        );
    }

    #[test]
    fn an_engine_whose_program_runs_commands_keeps_a_row_for_each_service() {
        let targets = Target::from_workload(Workload::HttpHello).unwrap();
        let starts = starts(Profile::Standard, &[], &targets, &[]);
        let of = |engine| {
            let starts = starts.iter();
            starts.filter(move |start| start.configuration.engine == engine)
        };
        assert_eq!(of(Engine::Wasmi).count(), 1);
        assert!(of(Engine::WasmEdge).count() > 1);
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
