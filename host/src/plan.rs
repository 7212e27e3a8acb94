//! From a profile and a selection to cells.

use std::collections::BTreeMap;

use results::Cell;
use results::record::Scenario;

use crate::cli::Profile;
use crate::engine::wasmtime::SYSTEM;
use crate::settings::{
    Acquire, Allocator, CompileThreads, Compiler, Configuration, MemoryInit, PageCache, Parameter, Value,
};
use crate::target::Target;

/// The second name of the same system: what differs between the two is noise, and no smaller difference is one.
pub(crate) const CONTROL: &str = "wasmtime-embedded-aa";

/// A cell, and what a start of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) cell: Cell,
    /// Which of the targets.
    pub(crate) target: usize,
    pub(crate) configuration: Configuration,
}

/// Samples for each cell when nothing is said.
pub(crate) const fn default_samples(profile: Profile) -> u32 {
    match profile {
        Profile::Quick => 12,
        Profile::Standard => 20,
        Profile::Full => 10,
    }
}

/// All cells of a run: the profile's, with the selected values set in each, and the A/A control.
pub(crate) fn starts(profile: Profile, selected: &[Value], targets: &[Target]) -> Vec<Start> {
    let configurations = configurations(profile, selected);
    let mut starts = Vec::new();
    for (target, of) in targets.iter().enumerate() {
        let start = |system: &str, configuration: &Configuration| Start {
            cell: cell(system, &of.name, configuration),
            target,
            configuration: *configuration,
        };
        starts.extend(configurations.iter().map(|configuration| start(SYSTEM, configuration)));
        starts.extend(controlled(&configurations).map(|configuration| start(CONTROL, configuration)));
    }
    starts
}

/// The cells that are measured twice: the slowest and the fastest kind of start, or else the first.
fn controlled(configurations: &[Configuration]) -> impl Iterator<Item = &Configuration> {
    let references = [Configuration::BASELINE, loaded()];
    let mut found: Vec<_> = configurations.iter().filter(|one| references.contains(one)).collect();
    if found.is_empty() {
        found.extend(configurations.first());
    }
    found.into_iter()
}

fn loaded() -> Configuration {
    Configuration { acquire: Acquire::DeserializeFile, ..Configuration::BASELINE }
}

fn cell(system: &str, workload: &str, configuration: &Configuration) -> Cell {
    let nothing_prepared = configuration.compiles() && configuration.page_cache == PageCache::Evicted;
    Cell {
        system: system.to_owned(),
        workload: workload.to_owned(),
        scenario: if nothing_prepared { Scenario::Cold } else { Scenario::RuntimeCold },
        params: configuration.params(),
    }
}

/// The profile's configurations with the selected values, each once and in the profile's order.
fn configurations(profile: Profile, selected: &[Value]) -> Vec<Configuration> {
    let mut by_key: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for value in selected {
        by_key.entry(value.key()).or_default().push(*value);
    }
    let mut all = of_profile(profile);
    for values in by_key.values() {
        all = all.iter().flat_map(|one| values.iter().map(|value| one.with(*value))).collect();
    }
    let mut once: Vec<Configuration> = Vec::new();
    for configuration in all.into_iter().map(Configuration::normal) {
        if !once.contains(&configuration) {
            once.push(configuration);
        }
    }
    once
}

fn of_profile(profile: Profile) -> Vec<Configuration> {
    let compile = Configuration::BASELINE;
    let acquire = |value| compile.with(Value::Acquire(value));
    match profile {
        Profile::Quick => vec![
            compile.with(Value::PageCache(PageCache::Evicted)),
            compile,
            compile.with(Value::CompileThreads(CompileThreads::Single)),
            compile.with(Value::Compiler(Compiler::Winch)),
            acquire(Acquire::CacheMiss),
            acquire(Acquire::CacheHit),
            acquire(Acquire::Deserialize).with(Value::PageCache(PageCache::Evicted)),
            acquire(Acquire::Deserialize),
            loaded(),
            loaded().with(Value::Allocator(Allocator::Pooling)),
            loaded().with(Value::MemoryInit(MemoryInit::Copy)),
        ],
        Profile::Standard => {
            let bases = Acquire::ALL.iter().map(|value| acquire(*value));
            bases
                .flat_map(|base| std::iter::once(base).chain(others().into_iter().map(move |value| base.with(value))))
                .collect()
        }
        Profile::Full => {
            let mut all: Vec<_> = Acquire::ALL.iter().map(|value| acquire(*value)).collect();
            let crossed = [
                values(Value::Allocator),
                values(Value::MemoryInit),
                values(Value::Compiler),
                values(Value::CompileThreads),
                values(Value::PageCache),
            ];
            for values in crossed {
                all = all.iter().flat_map(|one| values.iter().map(|value| one.with(*value))).collect();
            }
            all
        }
    }
}

fn values<P: Parameter>(wrap: fn(P) -> Value) -> Vec<Value> {
    P::ALL.iter().map(|value| wrap(*value)).collect()
}

/// Every value that is not the baseline's, but for `acquire` and `interrupt`.
fn others() -> [Value; 6] {
    [
        Value::Allocator(Allocator::Pooling),
        Value::MemoryInit(MemoryInit::Copy),
        Value::Compiler(Compiler::CraneliftNone),
        Value::Compiler(Compiler::Winch),
        Value::CompileThreads(CompileThreads::Single),
        Value::PageCache(PageCache::Evicted),
    ]
}

/// About how long the starts take, in milliseconds each: for `--list` and nothing else. The constants are medians of a
/// `full` run on two cores at 2.9 GHz, rounded up.
pub(crate) fn estimate_ms(start: &Start, targets: &[Target]) -> f64 {
    const LAUNCH_PREPARE_APPEND_MS: f64 = 12.0;
    let kilobytes = targets[start.target].bytes as f64 / 1000.0;
    let compile_ms = match (start.configuration.engine.compiler, start.configuration.engine.compile_threads) {
        _ if !start.configuration.compiles() => 0.0,
        (Compiler::Winch, _) => 0.25 * kilobytes,
        (Compiler::CraneliftNone, _) => 0.5 * kilobytes,
        (Compiler::Cranelift, CompileThreads::Parallel) => 0.7 * kilobytes,
        (Compiler::Cranelift, CompileThreads::Single) => 1.2 * kilobytes,
    };
    LAUNCH_PREPARE_APPEND_MS + compile_ms
}

#[cfg(test)]
mod tests {
    use workloads::Workload;

    use super::*;

    fn keys(configurations: &[Configuration]) -> Vec<String> {
        configurations
            .iter()
            .map(|one| one.params().iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn the_full_profile_crosses_everything_that_has_an_effect() {
        // Two ways of compiling × 2 allocators × 2 inits × 3 compilers × 2 thread settings × 2 page cache states, and
        // three ways of loading without the thread settings.
        assert_eq!(configurations(Profile::Full, &[]).len(), 2 * 48 + 3 * 24);
    }

    #[test]
    fn no_two_cells_are_the_same() {
        let targets = [Target::of(Workload::Hello).unwrap(), Target::of(Workload::HttpHello).unwrap()];
        for profile in [Profile::Quick, Profile::Standard, Profile::Full] {
            let starts = starts(profile, &[], &targets);
            let cells: std::collections::BTreeSet<_> = starts.iter().map(|start| &start.cell).collect();
            assert_eq!(cells.len(), starts.len(), "{profile:?}");
        }
    }

    #[test]
    fn a_selection_sets_its_value_everywhere_and_leaves_each_cell_once() {
        let winch = configurations(Profile::Quick, &[Value::Compiler(Compiler::Winch)]);
        assert!(winch.iter().all(|one| one.engine.compiler == Compiler::Winch));
        assert_eq!(winch.len(), configurations(Profile::Quick, &[]).len() - 1, "compile with and without are now one");
    }

    #[test]
    fn the_same_key_twice_measures_both() {
        let two = [Value::Acquire(Acquire::Compile), Value::Acquire(Acquire::CacheHit)];
        let one = [Value::Allocator(Allocator::OnDemand), Value::MemoryInit(MemoryInit::Cow)];
        let rest = [Value::PageCache(PageCache::Hot), Value::Compiler(Compiler::Cranelift)];
        let last = [Value::CompileThreads(CompileThreads::Parallel)];
        let selected = [&two[..], &one, &rest, &last].concat();
        assert_eq!(
            keys(&configurations(Profile::Full, &selected)),
            [
                "acquire=compile allocator=on_demand compile_threads=parallel compiler=cranelift interrupt=epoch \
                 memory_init=cow page_cache=hot",
                "acquire=cache_hit allocator=on_demand compiler=cranelift interrupt=epoch memory_init=cow page_cache=hot",
            ]
        );
    }

    #[test]
    fn there_is_always_a_control() {
        let targets = [Target::of(Workload::Hello).unwrap()];
        let starts = starts(Profile::Quick, &[Value::Allocator(Allocator::Pooling)], &targets);
        let controls: Vec<_> = starts.iter().filter(|start| start.cell.system == CONTROL).collect();
        assert_eq!(controls.len(), 1);
        let twin = Cell { system: SYSTEM.to_owned(), ..controls[0].cell.clone() };
        assert!(starts.iter().any(|start| start.cell == twin));
    }

    #[test]
    fn only_a_start_with_nothing_prepared_is_called_cold() {
        let compile = Configuration::BASELINE.with(Value::PageCache(PageCache::Evicted));
        assert_eq!(cell(SYSTEM, "hello", &compile).scenario, Scenario::Cold);
        let hit = compile.with(Value::Acquire(Acquire::CacheHit));
        assert_eq!(cell(SYSTEM, "hello", &hit).scenario, Scenario::RuntimeCold);
    }
}
