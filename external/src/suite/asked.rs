//! What `--only` asks for beyond the profile. Naming something asks for it: whatever exists can be
//! selected, whether or not the profile measures it by itself.

use results::manifest::Origin;
use results::record::Scenario;
use results::values::{Lifecycle, Named as _, PageCache, Pool};
use workloads::Workload;

use super::loads::Rate;
use super::plan::Observer;
use super::profile::{DEFAULT, Profile, Variants};
use super::settings::Layers;
use crate::system::{Acquire, System};

const ORIGIN: Origin = Origin::CommandLine;

/// Instances at once where a profile has only one and several are asked for.
pub(super) const SEVERAL: [usize; 4] = [1, 2, 4, 8];

/// Widens the plan by everything that exists and is named. What is named and does not exist is
/// refused once the cells are known.
pub(super) fn apply(only: &[String], layers: &mut Layers) {
    let pairs: Vec<_> = only
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .collect();
    for &(key, value) in &pairs {
        match key {
            "system" => {
                if let Some(system) = System::from_name(value) {
                    add(layers, "systems", system.name(), |it| &mut it.systems);
                }
            }
            "workload" if Workload::from_name(value).is_some() => {
                add(layers, "workloads", value, |it| &mut it.workloads);
            }
            "scenario" => add_scenario(layers, value),
            "acquire" if Acquire::from_name(value).is_some() => {
                add_acquire(&pairs, layers, value);
            }
            "observer" if value != Observer::None.name() => observe_all(layers),
            "page_cache" => add_page_cache(layers, value),
            "lifecycle" => {
                if let Some(way) = Lifecycle::from_name(value) {
                    add(layers, "lifecycle", way, |it| &mut it.lifecycle);
                }
            }
            "pool" => {
                if let Some(pool) = Pool::from_name(value) {
                    add(layers, "pool", pool, |it| &mut it.pool);
                }
            }
            "rate" => {
                if let Ok(rate) = value.parse::<Rate>() {
                    add(layers, "rate", rate, |it| &mut it.rate);
                    add_scenario(layers, Scenario::Paced.name());
                }
            }
            "connections" => add_number(layers, "connections", value, |it| &mut it.connections),
            "instances" => add_number(layers, "instances", value, |it| &mut it.instances),
            _ if is_variant(key, value) => {
                layers.set(ORIGIN, "variants", Some(Variants::All), |it| {
                    &mut it.values.variants
                });
            }
            _ => {}
        }
    }
    add_multiplied(&pairs, layers);
    add_paced(&pairs, layers);
    add_scenarios_of(&pairs, layers);
    add_instancing(&pairs, layers);
    add_managed(&pairs, layers);
}

/// The values that are named of a key.
fn named<'a>(pairs: &[(&'a str, &'a str)], wanted: &str) -> Vec<&'a str> {
    let values = pairs.iter().filter(|(key, _)| *key == wanted);
    values.map(|(_, value)| *value).collect()
}

/// Adds a value to a list of the profile, if it is not in it.
fn add<T: Clone + PartialEq>(
    layers: &mut Layers,
    key: &str,
    value: impl Into<T>,
    list: impl Fn(&mut Profile) -> &mut Vec<T>,
) {
    let value = value.into();
    let mut values = list(&mut layers.settings.values).clone();
    if !values.contains(&value) {
        values.push(value);
        layers.set(ORIGIN, key, Some(values), |it| list(&mut it.values));
    }
}

fn add_number(
    layers: &mut Layers,
    key: &str,
    value: &str,
    list: impl Fn(&mut Profile) -> &mut Vec<usize>,
) {
    if let Some(number) = value.parse::<usize>().ok().filter(|it| *it > 0) {
        add(layers, key, number, list);
    }
}

/// Workloads that are named together with a scenario of several instances are measured so.
fn add_multiplied(pairs: &[(&str, &str)], layers: &mut Layers) {
    let mut multiply = Scenario::ALL.into_iter().filter(|it| it.multiplies());
    let scenarios = named(pairs, "scenario");
    // Where none are listed, all are.
    if layers.settings.values.multiplied_workloads.is_empty()
        || !multiply.any(|it| scenarios.contains(&it.name()))
    {
        return;
    }
    for name in named(pairs, "workload") {
        if Workload::from_name(name).is_some() {
            add(layers, "multiplied_workloads", name, |it| {
                &mut it.multiplied_workloads
            });
        }
    }
}

/// Workloads that are named together with a rate, or with its scenario, are measured so.
fn add_paced(pairs: &[(&str, &str)], layers: &mut Layers) {
    let is_asked = !named(pairs, "rate").is_empty()
        || named(pairs, "scenario").contains(&Scenario::Paced.name());
    // Where none are listed, all are.
    if !is_asked || layers.settings.values.paced_workloads.is_empty() {
        return;
    }
    for name in named(pairs, "workload") {
        if Workload::from_name(name).is_some() {
            add(layers, "paced_workloads", name, |it| {
                &mut it.paced_workloads
            });
        }
    }
}

/// A workload that has scenarios of its own is measured in those too that are named with it.
fn add_scenarios_of(pairs: &[(&str, &str)], layers: &mut Layers) {
    let mut of = layers.settings.values.scenarios_of.clone();
    for name in named(pairs, "workload") {
        let Some(own) = of.get_mut(name) else {
            continue;
        };
        for scenario in named(pairs, "scenario") {
            if Scenario::from_name(scenario).is_some() && !own.iter().any(|it| it == scenario) {
                own.push(scenario.to_owned());
            }
        }
    }
    if of != layers.settings.values.scenarios_of {
        layers.set(ORIGIN, "scenarios_of", Some(of), |it| {
            &mut it.values.scenarios_of
        });
    }
}

/// Workloads that are named together with a life cycle or a pool are measured with it.
fn add_instancing(pairs: &[(&str, &str)], layers: &mut Layers) {
    let asked = ["lifecycle", "pool"]
        .iter()
        .any(|key| !named(pairs, key).is_empty());
    // Where none are listed, all are.
    if !asked || layers.settings.values.instancing_workloads.is_empty() {
        return;
    }
    for name in named(pairs, "workload") {
        if Workload::from_name(name).is_some() {
            add(layers, "instancing_workloads", name, |it| {
                &mut it.instancing_workloads
            });
        }
    }
}

/// A scenario, with what it takes where the profile has none of it.
fn add_scenario(layers: &mut Layers, name: &str) {
    let Some(scenario) = Scenario::from_name(name) else {
        return;
    };
    add(layers, "scenarios", name, |it| &mut it.scenarios);
    let usual = Profile::load(DEFAULT).unwrap_or_else(|_| Profile::empty(1));
    if layers.settings.values.modes(scenario).is_empty() {
        let modes = usual.modes(scenario).clone();
        layers.set(ORIGIN, Profile::modes_key(scenario), Some(modes), |it| {
            it.values.modes_mut(scenario)
        });
    }
    if scenario == Scenario::Paced && layers.settings.values.rate.is_empty() {
        layers.set(ORIGIN, "rate", Some(Rate::USUAL.to_vec()), |it| {
            &mut it.values.rate
        });
    }
    if scenario.multiplies() && layers.settings.values.instances == [1] {
        layers.set(ORIGIN, "instances", Some(SEVERAL.to_vec()), |it| {
            &mut it.values.instances
        });
    }
}

/// A code acquisition mode, in the scenarios that are named with it; in all of them where none has
/// it.
fn add_acquire(pairs: &[(&str, &str)], layers: &mut Layers, mode: &str) {
    let scenarios: Vec<_> = named(pairs, "scenario");
    let values = &layers.settings.values;
    let is_listed = |scenario| values.modes(scenario).iter().any(|it| it == mode);
    let is_new = !Scenario::ALL.into_iter().any(is_listed);
    for scenario in Scenario::ALL {
        if is_new || scenarios.contains(&scenario.name()) {
            add(layers, Profile::modes_key(scenario), mode, |it| {
                it.modes_mut(scenario)
            });
        }
    }
}

fn observe_all(layers: &mut Layers) {
    for workload in layers.settings.values.workloads.clone() {
        add(layers, "observe", workload, |it| &mut it.observe);
    }
}

/// A state of the page cache, beside those that scenarios have by themselves.
fn add_page_cache(layers: &mut Layers, name: &str) {
    let Some(state) = PageCache::from_name(name) else {
        return;
    };
    if layers.settings.values.page_cache.is_empty() && state != PageCache::EvictedAll {
        add(layers, "page_cache", PageCache::Hot, |it| {
            &mut it.page_cache
        });
        add(layers, "page_cache", PageCache::Evicted, |it| {
            &mut it.page_cache
        });
    }
    add(layers, "page_cache", state, |it| &mut it.page_cache);
}

/// Whether a variant of any system has this parameter.
fn is_variant(key: &str, value: &str) -> bool {
    System::all().iter().any(|system| {
        let Some(managed) = system.managed() else {
            return false;
        };
        Scenario::ALL.into_iter().any(|scenario| {
            [true, false]
                .into_iter()
                .flat_map(|service| managed.variants(service, scenario))
                .any(|params| params.get(key) == Some(value))
        })
    })
}

/// Workloads that are named together with a system that has an engine of its own are measured on
/// that too.
fn add_managed(pairs: &[(&str, &str)], layers: &mut Layers) {
    let systems = named(pairs, "system")
        .into_iter()
        .filter_map(System::from_name);
    let managed: Vec<_> = systems.filter(|it| it.managed().is_some()).collect();
    if managed.is_empty() {
        return;
    }
    let mut workloads = named(pairs, "workload");
    if workloads.is_empty() && layers.settings.values.managed_workloads.is_empty() {
        // Of services each system has some cell; that one stands for them.
        workloads = vec![Workload::HttpHello.name()];
    }
    for name in workloads {
        let known = Workload::from_name(name);
        if known.is_some_and(|it| managed.iter().any(|system| system.supports(it))) {
            add(layers, "managed_workloads", name, |it| {
                &mut it.managed_workloads
            });
        }
    }
}
