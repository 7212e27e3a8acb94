//! From settings to cells.
//!
//! | module | holds |
//! |---|---|
//! | [`planned`] | a cell, and what it means |
//! | [`estimate`] | about how long its samples take |
//! | [`cross`] | the cells of one system, workload and scenario: all their parameters crossed |
//! | [`pinned`] | starts on the one core that a system has under load |

mod cross;
mod estimate;
mod pinned;
mod planned;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use campaign::duration::format_estimate;
use campaign::{Error, Exit};
use results::manifest::Order;
use results::record::Scenario;
use workloads::Workload;

use self::cross::crossed;
use self::pinned::pinned_starts;
pub use self::planned::{Observer, Planned, Without};
use super::budget::{self, Budget, Fitted};
use super::duel;
use super::loads;
use super::network;
use super::own_workloads;
use super::profile::Profile;
use super::selection;
use super::settings::Settings;
use crate::system::{System, listens};

/// The workloads that are built in and that a control measures a second time: one of each kind.
const CONTROLLED: [Workload; 2] = [Workload::Hello, Workload::HttpHello];

/// Every cell of the settings, once.
///
/// # Errors
/// `--only` names a key or a value that no cell has, or one of two builds cannot be measured.
pub fn cells(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let cells = selected(settings)?;
    Ok(within_budget(cells, settings)?.cells)
}

/// What is said of systems that `--only` names and that are in none of these cells.
pub fn systems_left_out(settings: &Settings, cells: &[Planned]) -> Vec<String> {
    // What a budget leaves out is said by itself.
    match settings.keep_to {
        None => selection::left_out(cells, &settings.only),
        Some(_) => Vec::new(),
    }
}

/// The cells that are asked for, of those that the settings cross.
fn selected(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let cells = selection::only(all_cells(settings)?, &settings.only)?;
    Ok(own_workloads::once_where_it_cannot_run(cells))
}

/// Every cell that the settings cross, once.
fn all_cells(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let mut known = BTreeSet::new();
    let mut cells = Vec::new();
    for values in settings.values.all_values() {
        let settings = Settings {
            values,
            ..settings.clone()
        };
        let further = cells_of(&settings)?;
        cells.extend(
            further
                .into_iter()
                .filter(|it| known.insert(it.cell.clone())),
        );
    }
    Ok(cells)
}

/// The cells of one set of values.
fn cells_of(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let values = &settings.values;
    let workloads = values
        .workloads
        .iter()
        .filter_map(|name| Workload::from_name(name));
    let mut cells = Vec::new();
    for workload in workloads {
        for scenario in scenarios(settings, workload) {
            let systems = systems(settings, scenario)
                .filter(|system| is_measured(settings, *system, workload));
            cells.extend(systems.flat_map(|system| crossed(settings, system, workload, scenario)));
        }
    }
    let cells = duel::crossed(cells, settings)?;
    let mut cells = network::crossed(cells, values);
    cells.extend(pinned_starts(&cells));
    let own = own_workloads::controls(&cells, &values.controls);
    for control in &values.controls {
        let twins: Vec<_> = cells
            .iter()
            .filter(|planned| planned.system.name() == control && is_controlled(planned))
            .map(Planned::twin)
            .collect();
        cells.extend(twins);
    }
    let twins: Vec<_> = cells
        .iter()
        .filter(|planned| is_controlled(planned))
        .filter(|planned| own.contains(&(planned.system, planned.workload)))
        .map(Planned::twin)
        .collect();
    cells.extend(twins);
    Ok(cells)
}

/// What of these cells fits into the budget, if there is one.
fn within_budget(cells: Vec<Planned>, settings: &Settings) -> Result<Fitted, Error> {
    let values = &settings.values;
    let Some(budget) = settings.keep_to else {
        let left_out = Vec::new();
        return Ok(Fitted { cells, left_out });
    };
    budget::fit(budget, values.samples, &cells, values).ok_or_else(|| {
        let all = budget::estimate_ms(&cells, values.samples, values) / 1000.0;
        let message = format!(
            "{} samples of the least that this plan measures do not fit into {budget}; all of it \
                takes about {}",
            values.samples,
            format_estimate(all)
        );
        Error::new(Exit::Usage, message).hint(
            "a longer --budget, a shorter --duration, fewer --samples, or fewer cells with \
                    --only",
        )
    })
}

/// Kinds of cells that the budget left no time for, each with how many.
///
/// # Errors
/// As [`cells`].
pub fn left_out(settings: &Settings) -> Result<Vec<(&'static str, usize)>, Error> {
    let cells = selected(settings)?;
    Ok(within_budget(cells, settings)?.left_out)
}

/// As many samples as a budget has room for.
///
/// # Errors
/// As [`cells`].
pub(super) fn samples_within(budget: Budget, settings: &Settings) -> Result<u32, Error> {
    let cells = selected(settings)?;
    Ok(budget::samples_within(budget, &cells, &settings.values))
}

/// The systems of a scenario.
fn systems(settings: &Settings, scenario: Scenario) -> impl Iterator<Item = System> {
    let names = match scenario {
        Scenario::Scaling if !settings.scaling_systems.is_empty() => &settings.scaling_systems,
        _ => &settings.values.systems,
    };
    names.iter().filter_map(|name| System::from_name(name))
}

/// The rule by which samples of these cells are ordered. Systems with an engine of their own come
/// last: a sample of them takes up to seconds, and leaves work behind.
pub fn order(cells: &[Planned], values: &Profile) -> Order {
    let managed = cells
        .iter()
        .filter(|planned| planned.system.managed().is_some());
    Order::ByComparison {
        last: managed
            .map(|planned| planned.system.name().to_owned())
            .collect(),
        slow_every: values.slow_every,
    }
}

/// Whether a system is to run a workload, and can.
fn is_measured(settings: &Settings, system: System, workload: Workload) -> bool {
    let listed = own_workloads::is_named(&settings.values.managed_workloads, workload);
    system.supports(workload) && (system.managed().is_none() || listed)
}

fn scenarios(settings: &Settings, workload: Workload) -> Vec<Scenario> {
    let names = settings
        .values
        .scenarios_of
        .get(workload.name())
        .unwrap_or(&settings.values.scenarios);
    // A command takes no requests after its start, and only its throughput can be scaled.
    let possible = |scenario: &Scenario| {
        scenario.starts() || *scenario == Scenario::Scaling || listens(workload)
    };
    let multiplied = &settings.values.multiplied_workloads;
    let is_multiplied = multiplied.is_empty() || own_workloads::is_named(multiplied, workload);
    Scenario::ALL
        .into_iter()
        .filter(|scenario| is_multiplied || !scenario.multiplies())
        .filter(|scenario| {
            *scenario != Scenario::Paced || loads::is_paced(&settings.values, workload)
        })
        .filter(|scenario| names.iter().any(|name| name == scenario.name()))
        .filter(possible)
        .collect()
}

fn is_controlled(planned: &Planned) -> bool {
    planned.observer == Observer::None
        && !planned.pinned
        && planned.instancing == planned.system.usual_instancing(planned.workload)
        && own_workloads::runs(planned.system, planned.workload)
        && (planned.workload.own().is_some() || CONTROLLED.contains(&planned.workload))
}
