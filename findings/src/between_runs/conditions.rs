//! What else than the build differs between two runs, from their manifests.

use std::collections::{BTreeMap, BTreeSet};

use results::manifest::Manifest;
use serde_json::Value;

/// Why two runs must not be compared: another machine, other versions, another way to build.
pub fn obstacles(one: &Manifest, two: &Manifest) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let number =
        |value: Option<u64>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    let (machine, other) = (&one.machine, &two.machine);
    let facts = [
        ("the CPU", text(&machine.cpu_model), text(&other.cpu_model)),
        (
            "the number of cores",
            number(machine.cores),
            number(other.cores),
        ),
        (
            "the memory in bytes",
            number(machine.memory_bytes),
            number(other.memory_bytes),
        ),
        ("the kernel", text(&machine.kernel), text(&other.kernel)),
        (
            "the governor",
            text(&machine.governor),
            text(&other.governor),
        ),
        (
            "the build profile",
            one.build.profile.clone(),
            two.build.profile.clone(),
        ),
        (
            "the optimisation",
            one.build.opt_level.clone(),
            two.build.opt_level.clone(),
        ),
    ];
    let mut differences: Vec<String> = facts
        .into_iter()
        .filter_map(|(what, one, two)| differs(what, &one, &two))
        .collect();
    let versions = |manifest: &Manifest| -> BTreeMap<String, String> {
        let usable = manifest
            .systems
            .iter()
            .filter(|system| system.unavailable.is_none());
        usable
            .map(|system| (system.name.clone(), system.version.clone()))
            .collect()
    };
    let after = versions(two);
    let systems = versions(one).into_iter();
    differences.extend(systems.filter_map(|(system, version)| {
        differs(
            &format!("the version of {system}"),
            &version,
            after.get(&system)?,
        )
    }));
    differences
}

/// In what the plans of two runs differ: a cell that has other neighbours finds another machine.
pub fn different_plans(one: &Manifest, two: &Manifest) -> Vec<String> {
    let mut differences = Vec::new();
    let cells = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.cells.iter().map(ToString::to_string).collect()
    };
    let (before, after) = (cells(one), cells(two));
    if before != after {
        let both = before.intersection(&after).count();
        differences.push(format!(
            "cells: {} and {}, {both} of them in both, so that a cell has other neighbours",
            before.len(),
            after.len()
        ));
    }
    differences.extend(differs(
        "samples of each cell",
        &one.samples_per_cell.to_string(),
        &two.samples_per_cell.to_string(),
    ));
    let (settings, others) = (settings(one), settings(two));
    let names: BTreeSet<&String> = settings.keys().chain(others.keys()).collect();
    for name in names {
        let shown = |of: &BTreeMap<String, Value>| {
            of.get(name)
                .map_or_else(|| "not set".to_owned(), ToString::to_string)
        };
        differences.extend(differs(name, &shown(&settings), &shown(&others)));
    }
    if one.seed == two.seed && before == after {
        differences.push(format!(
            "seed {} in both: the order of the samples is no independent draw",
            one.seed
        ));
    }
    differences
}

/// What was set, those within a group by themselves; without what is said by name elsewhere.
fn settings(manifest: &Manifest) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    for (name, setting) in &manifest.config {
        match &setting.value {
            Value::Object(group) if name == "values" => {
                settings.extend(
                    group
                        .iter()
                        .map(|(name, value)| (name.clone(), value.clone())),
                );
            }
            value => {
                settings.insert(name.clone(), value.clone());
            }
        }
    }
    settings.retain(|name, _| name != "seed" && name != "samples");
    settings
}

fn differs(what: &str, one: &str, two: &str) -> Option<String> {
    (one != two).then(|| format!("{what}: {one} and {two}"))
}
