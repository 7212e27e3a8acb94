//! The cells of one system, workload and scenario: all their parameters crossed.

use results::Params;
use results::record::Scenario;
use results::values::Named as _;
use workloads::Workload;

use super::{Observer, Planned};
use crate::suite::settings::{Settings, Variants};
use crate::suite::{eviction, instancing, loads, own_workloads};
use crate::system::{Acquire, System, listens};

/// The cells of one system, workload and scenario: all their parameters crossed.
pub(super) fn crossed(
    settings: &Settings,
    system: System,
    workload: Workload,
    scenario: Scenario,
) -> Vec<Planned> {
    if system.lacks(scenario).is_some() {
        return Vec::new();
    }
    let values = &settings.values;
    let start = vec![Planned::start(system, workload, None, scenario)];
    let acquires = acquires(settings, system, scenario);
    let cells = cross(start, &acquires, |cell, acquire| cell.acquire = *acquire);
    let variants = variants(settings, system, workload, scenario);
    let cells = cross(cells, &variants, |cell, it| cell.variant.clone_from(it));
    let instancings = instancing::of(values, system, workload, scenario);
    let cells = cross(cells, &instancings, |cell, it| cell.instancing = *it);
    let observers = observers(settings, system, workload, scenario);
    let cells = cross(cells, observers, |cell, observer| cell.observer = *observer);
    let states = eviction::states(settings, scenario);
    let cells = cross(cells, &states, |cell, state| cell.page_cache = *state);
    let instances = if scenario.multiplies() {
        &values.instances[..]
    } else {
        &[1]
    };
    let cells = cross(cells, instances, |cell, n| cell.instances = *n);
    let several = matches!(
        scenario,
        Scenario::Throughput | Scenario::Paced | Scenario::Scaling
    );
    let connections = if several && listens(workload) {
        &values.connections[..]
    } else {
        &[1]
    };
    let cells = cross(cells, connections, |cell, n| cell.connections = *n);
    let rates = loads::rates(values, scenario);
    let cells = cross(cells, &rates, |cell, rate| cell.rate = *rate);
    cells
        .into_iter()
        .map(|cell| cell.with_params(values.amount()))
        .collect()
}

/// Each cell with each of the values.
fn cross<T>(cells: Vec<Planned>, values: &[T], set: impl Fn(&mut Planned, &T)) -> Vec<Planned> {
    let each = |cell: Planned| values.iter().map(move |value| (cell.clone(), value));
    cells
        .into_iter()
        .flat_map(each)
        .map(|(mut cell, value)| {
            set(&mut cell, value);
            cell
        })
        .collect()
}

/// The code acquisition modes of a system in a scenario; one that is none for machine code.
fn acquires(settings: &Settings, system: System, scenario: Scenario) -> Vec<Option<Acquire>> {
    let modes = system.acquire_modes();
    if modes.is_empty() {
        return vec![None];
    }
    let names = settings.values.modes(scenario);
    // Of one there is nothing to choose.
    let is_only = modes.len() == 1;
    let is_chosen = |mode: &Acquire| match settings.acquire_of.get(system.name()) {
        Some(chosen) => mode == chosen,
        None => match settings.modes_of.get(system.name()) {
            Some(own) => own.contains(mode),
            None => is_only || names.iter().any(|name| name == mode.name()),
        },
    };
    let taken = modes.iter().copied().filter(|mode| scenario.takes(*mode));
    let chosen = taken.filter(is_chosen);
    chosen.map(Some).collect()
}

fn variants(
    settings: &Settings,
    system: System,
    workload: Workload,
    scenario: Scenario,
) -> Vec<Params> {
    let Some(managed) = system.managed() else {
        return vec![Params::new()];
    };
    let mut variants = managed.variants(listens(workload), scenario);
    if settings.values.variants == Variants::Usual {
        variants.truncate(managed.usual_variants(listens(workload), scenario));
    }
    if scenario.multiplies() && !listens(workload) {
        // Of several commands at once it is asked how much they do together: their network does nothing.
        variants.truncate(1);
    }
    variants
}

fn observers(
    settings: &Settings,
    system: System,
    workload: Workload,
    scenario: Scenario,
) -> &'static [Observer] {
    let observed = &settings.values.observe;
    let is_named = !observed.is_empty() && own_workloads::is_named(observed, workload);
    if !scenario.starts() || !is_named {
        return &[Observer::None];
    }
    match system.managed() {
        None => &[Observer::None, Observer::Seccomp],
        // System calls in a container are not seen from outside, so a service in it reports its own
        // milestones; those of the engine are reported in any case.
        Some(_) if system.reports_milestones() && listens(workload) && workload.own().is_none() => {
            &[Observer::None, Observer::Own]
        }
        Some(_) => &[Observer::None],
    }
}
