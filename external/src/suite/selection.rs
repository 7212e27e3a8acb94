//! `--only`: the cells of a plan with certain properties.

use std::collections::BTreeMap;

use campaign::{Error, Exit};
use results::record::Scenario;
use results::values::Named as _;
use workloads::Workload;

use super::plan::Planned;
use crate::nearest::nearest;
use crate::system::System;

/// The cells with these properties. Values of one key are alternatives, keys add up.
pub(super) fn only(cells: Vec<Planned>, only: &[String]) -> Result<Vec<Planned>, Error> {
    let mut selected: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in only {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::new(Exit::Usage, format!("--only takes key=value, not `{pair}`"))
                .hint("such as --only system=native,workload=http-hello,scenario=disk-cold")
        })?;
        let value = match key {
            "system" => results::System::current_name(value),
            _ => value,
        };
        let has = |planned: &Planned| property(planned, key).as_deref() == Some(value);
        if !cells.iter().any(has) {
            let hint = hint(&cells, key, value);
            return Err(Error::new(Exit::Usage, format!("no cell has {pair}")).hint(hint));
        }
        selected.entry(key).or_default().push(value);
    }
    let fits = |planned: &Planned| {
        selected.iter().all(|(key, values)| {
            property(planned, key).is_some_and(|value| values.contains(&value.as_str()))
        })
    };
    let cells: Vec<_> = cells.into_iter().filter(fits).collect();
    if cells.is_empty() {
        return Err(Error::new(
            Exit::Usage,
            "nothing is left to measure: no cell has all of --only",
        )
        .hint(lacking(&selected)));
    }
    Ok(cells)
}

/// What is said of systems that are named beside others and are in none of the cells that are left: what
/// else is asked for, they do not have.
pub(super) fn left_out(cells: &[Planned], only: &[String]) -> Vec<String> {
    let named = |wanted: &str| {
        let pairs = only.iter().filter_map(|pair| pair.split_once('='));
        let values = pairs.filter(|(key, _)| *key == wanted);
        values.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let scenarios = named("scenario");
    let mut systems: Vec<_> = named("system")
        .into_iter()
        .map(results::System::current_name)
        .collect();
    systems.dedup();
    systems.retain(|system| cells.iter().all(|it| it.system.name() != *system));
    let said = systems.into_iter().map(|system| {
        let why = starts_lacking(system, &scenarios).join("; ");
        let why = if why.is_empty() {
            "no cell of it has the rest of --only".to_owned()
        } else {
            why
        };
        format!("{system} is left out: {why}")
    });
    said.collect()
}

/// Which starts a system does not have, of these scenarios, and why.
fn starts_lacking(system: &str, scenarios: &[&str]) -> Vec<String> {
    let lacking = scenarios.iter().filter_map(|scenario| {
        let why = System::from_name(system)?.lacks(Scenario::from_name(scenario)?)?;
        Some(format!("{system} has no {scenario} starts: {why}"))
    });
    lacking.collect()
}

/// Why nothing is left: a system that is named has no starts of a scenario that is.
fn lacking(selected: &BTreeMap<&str, Vec<&str>>) -> String {
    let named = |key| selected.get(key).into_iter().flatten();
    let scenarios: Vec<_> = named("scenario").copied().collect();
    let lacking = named("system").flat_map(|system| starts_lacking(system, &scenarios));
    let lacking: Vec<_> = lacking.collect();
    if lacking.is_empty() {
        "`--list` shows the cells of a profile".to_owned()
    } else {
        lacking.join("; ")
    }
}

/// What a person may have meant, and where it is.
fn hint(cells: &[Planned], key: &str, value: &str) -> String {
    let known = known(cells, key);
    let option = match key {
        "firewall" | "path" => Some(format!("--{key} {value}")),
        "delay_ms" => Some(format!("--path veth --delay {value}")),
        "jitter_ms" => Some(format!("--path veth --delay MS --jitter {value}")),
        "rate_mbit" => Some(format!("--path veth --rate {value}")),
        "requests" => Some(format!("--requests {value}")),
        "duration_s" => Some(format!("--duration {value}")),
        _ => None,
    };
    match option {
        Some(option) => format!("cells have it with {option}"),
        None if known.iter().any(|known| known == value) => format!(
            "{key}={value} exists, and no workload and scenario of this profile can be measured \
                so: name a profile with --profile, or another workload or scenario too"
        ),
        None if known.is_empty() => format!(
            "{}keys are system, workload, scenario and the parameters of cells; `--list` shows them",
            meant(key, keys(cells).iter().map(String::as_str))
        ),
        None => elsewhere(key, value).unwrap_or_else(|| {
            let meant = meant(value, known.iter().map(String::as_str));
            format!("{meant}{key} is one of {}", known.join(", "))
        }),
    }
}

/// What may have been meant, as the beginning of a hint.
fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    // Of numbers, any may be meant.
    let is_word = word.parse::<f64>().is_err();
    let found = nearest(word, known).filter(|_| is_word);
    found.map_or_else(String::new, |meant| format!("did you mean {meant}? "))
}

/// Every key that some cell has.
fn keys(cells: &[Planned]) -> Vec<String> {
    let own = ["system", "workload", "scenario"].map(str::to_owned);
    let params = cells.iter().flat_map(|planned| planned.cell.params.iter());
    let params = params.map(|(key, _)| key.name().to_owned());
    own.into_iter().chain(params).collect()
}

/// Where a system is measured that is none of the suite's: a program of its own embeds it.
fn elsewhere(key: &str, value: &str) -> Option<String> {
    let is_embedded = key == "system" && systems::all().any(|one| one.name == value);
    is_embedded.then(|| format!("{value} is measured by `host phases --select system={value}`"))
}

/// Every value that a key can have: of what exists apart from any plan, and of what is planned.
fn known(cells: &[Planned], key: &str) -> Vec<String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match key {
        "system" => owned(&System::names()),
        "workload" => {
            let names = Workload::all().into_iter().map(Workload::name);
            names.map(str::to_owned).collect()
        }
        "scenario" => owned(&Scenario::ALL.map(Scenario::name)),
        _ => {
            let values = cells.iter().filter_map(|planned| property(planned, key));
            let mut known: Vec<_> = values.collect();
            known.sort_unstable();
            known.dedup();
            known
        }
    }
}

/// A property of a cell, by its key. A second name is the system that it stands for.
fn property(planned: &Planned, key: &str) -> Option<String> {
    match key {
        "system" => Some(planned.system.name().to_owned()),
        "workload" => Some(planned.cell.workload.to_string()),
        "scenario" => Some(planned.cell.scenario.name().to_owned()),
        // Most cells have what their scenario says, and no parameter.
        "page_cache" if planned.cell.scenario.starts() => {
            Some(planned.page_cache.name().to_owned())
        }
        _ => planned.cell.params.get(key).map(str::to_owned),
    }
}
