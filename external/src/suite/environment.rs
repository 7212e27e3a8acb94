//! The layer of the settings that the environment lays above the profile.

use std::collections::BTreeMap;

use campaign::{Error, Exit};
use results::manifest::Origin;
use results::record::Scenario;
use workloads::{Call, Workload};

use super::asked::SEVERAL;
use super::settings::Layers;
use super::variables::{Variables, acquire_variables, invalid};
use crate::network::firewall::Level;
use crate::system::{Acquire, System, listens};

const ORIGIN: Origin = Origin::Environment;

/// Lays the environment above the profile.
///
/// # Errors
/// A variable has an impossible value, or two contradict each other.
pub(super) fn apply(variables: &Variables, layers: &mut Layers) -> Result<(), Error> {
    let warm_up = variables.number("WARMUP_REQ")?;
    layers.set(ORIGIN, "warm_up", warm_up, |it| &mut it.values.warm_up);
    let requests = variables.number("THROUGHPUT_REQS")?.map(Some);
    layers.set(ORIGIN, "requests", requests, |it| &mut it.values.requests);
    let samples = samples(variables)?;
    layers.set(ORIGIN, "samples", samples, |it| &mut it.values.samples);
    apply_concurrency(variables, layers)?;
    let firewall = firewall(variables)?;
    layers.set(ORIGIN, "firewall", firewall, |it| &mut it.values.firewall);
    let systems = systems(variables, "RUNTIME")?;
    layers.set(ORIGIN, "systems", systems, |it| &mut it.values.systems);
    apply_workloads(variables, layers)?;
    skip_systems(variables, layers)?;
    let evict = variables.is_on("CLEAR_CACHE_BETWEEN_RUNS").then_some(true);
    layers.set(ORIGIN, "evict_always", evict, |it| &mut it.evict_always);
    let acquire_of = acquire_of(variables)?;
    layers.set(ORIGIN, "acquire_of", acquire_of, |it| &mut it.acquire_of);
    // Of workloads that no variable is about, what the profile says stands.
    let scenarios_of = scenarios_of(variables).map(|set| {
        let mut all = layers.settings.values.scenarios_of.clone();
        all.extend(set);
        all
    });
    layers.set(ORIGIN, "scenarios_of", scenarios_of, |it| {
        &mut it.values.scenarios_of
    });
    Ok(())
}

/// The services that are measured, on every system: whoever names a path asks for it of containers
/// too.
fn apply_workloads(variables: &Variables, layers: &mut Layers) -> Result<(), Error> {
    let path = variables.get("PATH_SUFFIX").map(workload_of_path);
    let path = path.transpose()?;
    let state = variables.get("INCLUDE_STATE");
    if path.is_none() && state.is_none() {
        return Ok(());
    }
    let values = &layers.settings.values;
    let mut workloads = match path {
        Some(workload) => vec![workload.name().to_owned()],
        None => values.workloads.clone(),
    };
    let mut managed = values.managed_workloads.clone();
    let with = |list: &mut Vec<String>, workload: Workload| {
        if !list.iter().any(|name| name == workload.name()) {
            list.push(workload.name().to_owned());
        }
    };
    if let Some(workload) = path {
        with(&mut managed, workload);
    }
    if variables.is_on("INCLUDE_STATE") {
        with(&mut workloads, Workload::HttpState);
        with(&mut managed, Workload::HttpState);
    } else if state.is_some() {
        workloads.retain(|name| name != Workload::HttpState.name());
    }
    if workloads.is_empty() {
        return Err(nothing_is_left("PATH_SUFFIX and INCLUDE_STATE", "workload"));
    }
    layers.set(ORIGIN, "workloads", Some(workloads), |it| {
        &mut it.values.workloads
    });
    layers.set(ORIGIN, "managed_workloads", Some(managed), |it| {
        &mut it.values.managed_workloads
    });
    Ok(())
}

/// Takes out what variables say is skipped.
fn skip_systems(variables: &Variables, layers: &mut Layers) -> Result<(), Error> {
    let skips: [(&str, &[&str]); 2] = [
        ("SKIP_DOCKER", &["docker", "docker-wasmtime"]),
        ("SKIP_WASMTIME", &["wasmtime-cli"]),
    ];
    for (variable, skipped) in skips {
        if !variables.is_on(variable) {
            continue;
        }
        let kept = |names: &[String]| -> Vec<String> {
            let kept = names.iter().filter(|it| !skipped.contains(&it.as_str()));
            kept.cloned().collect()
        };
        let systems = kept(&layers.settings.values.systems);
        let scaling = &layers.settings.scaling_systems;
        let of_scaling = kept(scaling);
        if systems.is_empty() || of_scaling.is_empty() && !scaling.is_empty() {
            return Err(nothing_is_left(variable, "system"));
        }
        layers.set(ORIGIN, "systems", Some(systems), |it| {
            &mut it.values.systems
        });
        let of_scaling = (!of_scaling.is_empty()).then_some(of_scaling);
        layers.set(ORIGIN, "scaling_systems", of_scaling, |it| {
            &mut it.scaling_systems
        });
    }
    Ok(())
}

fn nothing_is_left(variables: &str, of: &str) -> Error {
    let message = format!("with {variables} there is no {of} left to measure");
    Error::new(Exit::Usage, message).hint("unset it, or set another value")
}

/// Connections and instances at once: one list stands for either, as scaling is on or off.
fn apply_concurrency(variables: &Variables, layers: &mut Layers) -> Result<(), Error> {
    let connections = variables.number("THROUGHPUT_CONC")?.map(|it| vec![it]);
    layers.set(ORIGIN, "connections", connections, |it| {
        &mut it.values.connections
    });
    let list = variables.numbers("CONCURRENCY_LIST")?;
    let of_scaling = variables.numbers("HTTP_SCALING_CONCURRENCY")?;
    let systems = systems(variables, "HTTP_SCALING_RUNTIMES")?;
    if !variables.is_on("HTTP_SCALING") {
        layers.set(ORIGIN, "connections", list, |it| &mut it.values.connections);
        return Ok(());
    }
    let scaling = Scenario::Scaling.name().to_owned();
    let mut scenarios = layers.settings.values.scenarios.clone();
    if !scenarios.contains(&scaling) {
        scenarios.push(scaling);
        layers.set(ORIGIN, "scenarios", Some(scenarios), |it| {
            &mut it.values.scenarios
        });
    }
    let list = of_scaling.or(list);
    let set = &layers.settings.values.instances;
    let instances = match list.as_ref().unwrap_or(set).as_slice() {
        [1] => Some(SEVERAL.to_vec()),
        _ => list,
    };
    layers.set(ORIGIN, "instances", instances, |it| {
        &mut it.values.instances
    });
    layers.set(ORIGIN, "scaling_systems", systems, |it| {
        &mut it.scaling_systems
    });
    Ok(())
}

/// Systems as scripts call them: by our names, or by those of the programs that people run.
fn systems(variables: &Variables, name: &str) -> Result<Option<Vec<String>>, Error> {
    let Some(words) = variables.list(name) else {
        return Ok(None);
    };
    if words.iter().any(|word| word == "all") {
        return Ok(None);
    }
    let system = |word: &String| {
        let word = word.to_lowercase();
        let system = match word.as_str() {
            "wasmtime" => "wasmtime-cli",
            "wasmedge" => "wasmedge-cli",
            "wash" | "wasmcloud-component" => "wasmcloud",
            other => other,
        };
        let found = System::from_name(system).map(|system| system.name().to_owned());
        found.ok_or_else(|| {
            let expected = format!(
                "`all`, `wasmtime`, `wasmedge`, or a system: {}",
                System::names().join(", ")
            );
            invalid(name, &word, &expected)
        })
    };
    words.iter().map(system).collect::<Result<_, _>>().map(Some)
}

/// Levels of a firewall, if any are set.
fn firewall(variables: &Variables) -> Result<Option<Vec<String>>, Error> {
    let mut set: Option<(&str, Vec<String>)> = None;
    for name in ["FIREWALL", "FIREWALL_MODE"] {
        let Some(levels) = levels(variables, name)? else {
            continue;
        };
        match &set {
            Some((first, one)) if *one != levels => {
                let message = format!(
                    "{first} is {} and {name} is {}",
                    one.join(","),
                    levels.join(",")
                );
                return Err(
                    Error::new(Exit::Usage, message).hint("they mean the same: set one of them")
                );
            }
            _ => set = Some((name, levels)),
        }
    }
    Ok(set.map(|(_, levels)| levels))
}

/// Levels by one variable.
fn levels(variables: &Variables, name: &str) -> Result<Option<Vec<String>>, Error> {
    if !variables.is_on(name) {
        return Ok(None);
    }
    let levels = variables.list(name).unwrap_or_default();
    let is_yes = |level: &String| matches!(level.as_str(), "1" | "on" | "yes" | "true" | "both");
    if levels.iter().all(is_yes) {
        return Ok(Some(vec!["off".to_owned(), "baseline".to_owned()]));
    }
    match levels.iter().find(|level| level.parse::<Level>().is_err()) {
        Some(level) => Err(invalid(
            name,
            level,
            "1 or both, or levels such as off,baseline,rules:100",
        )),
        None => Ok(Some(levels)),
    }
}

/// The code acquisition modes of single systems, if any are set.
fn acquire_of(variables: &Variables) -> Result<Option<BTreeMap<String, Acquire>>, Error> {
    let mut modes = BTreeMap::new();
    for (system, variable) in acquire_variables() {
        let Some(value) = variables.get(variable.name) else {
            continue;
        };
        let mode = (variable.parse)(value);
        let mode = mode.ok_or_else(|| invalid(variable.name, value, variable.values))?;
        modes.insert(system.name().to_owned(), mode);
    }
    Ok((!modes.is_empty()).then_some(modes))
}

/// The scenarios of single workloads, if any are set.
fn scenarios_of(variables: &Variables) -> Option<BTreeMap<String, Vec<String>>> {
    let mut found = BTreeMap::new();
    for (variable, workloads) in [
        ("HELLO_WASM_SCENARIOS", &[Workload::Hello][..]),
        ("CPU_HASH_SCENARIOS", &[Workload::CpuHash]),
        ("HTTP_SCENARIOS", &Workload::ALL[2..]),
    ] {
        let Some(mut scenarios) = variables.list(variable) else {
            continue;
        };
        // A command takes no requests: there, scripts call a start with a filled cache so.
        let is_of_commands = !workloads.iter().any(|it| listens(*it));
        for name in &mut scenarios {
            if is_of_commands && name == Scenario::Warm.name() {
                Scenario::WarmDisk.name().clone_into(name);
            }
        }
        let names = workloads.iter().map(|workload| workload.name().to_owned());
        found.extend(names.map(|name| (name, scenarios.clone())));
    }
    (!found.is_empty()).then_some(found)
}

/// Samples of each cell, by whichever variable sets them.
fn samples(variables: &Variables) -> Result<Option<u32>, Error> {
    let mut set: Option<(&str, u32)> = None;
    for name in [
        "N_RUN",
        "HTTP_RUNS",
        "COLD_START_RUNS",
        "HTTP_SCALING_RUNS",
        "HTTP_SCALING_N_RUN",
    ] {
        match (set, variables.number(name)?) {
            (Some((first, one)), Some(other)) if one != other => {
                return Err(Error::new(
                    Exit::Usage,
                    format!("{first} is {one} and {name} is {other}"),
                )
                .hint(
                    "all cells of a run have the same number of samples: set one of them, or run \
                        twice with --only",
                ));
            }
            (None, Some(samples)) => set = Some((name, samples)),
            _ => {}
        }
    }
    Ok(set.map(|(_, samples)| samples))
}

fn workload_of_path(path: &str) -> Result<Workload, Error> {
    let has_path = |workload: &Workload| match workload.call() {
        Call::Http(request) => request.target.split('?').next() == Some(path),
        Call::Run(_) => false,
    };
    let found = Workload::ALL.into_iter().find(has_path);
    found.ok_or_else(|| {
        invalid(
            "PATH_SUFFIX",
            path,
            "a path of the service: /, /cpu, /echo or /state",
        )
    })
}

#[cfg(test)]
mod tests;
