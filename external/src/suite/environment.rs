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
use crate::system::{Acquire, System};

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
    let workload = variables.get("PATH_SUFFIX").map(workload_of_path);
    let workloads = workload.transpose()?.map(|it| vec![it.name().to_owned()]);
    layers.set(ORIGIN, "workloads", workloads, |it| {
        &mut it.values.workloads
    });
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
            "wash" => "wasmcloud",
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
        let Some(scenarios) = variables.list(variable) else {
            continue;
        };
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::suite::settings::Settings;
    use crate::suite::{SuiteArguments, plan, settings};

    fn resolve(variables: &Variables) -> Result<Settings, String> {
        settings::resolve(
            &SuiteArguments::default(),
            variables,
            None,
            settings::DEFAULT,
        )
        .map(|(s, _)| s)
        .map_err(|e| e.to_string())
    }

    #[test]
    fn variables_mean_what_the_table_says() {
        let settings = resolve(&Variables::from_pairs([
            ("WARMUP_REQ", "1"),
            ("THROUGHPUT_CONC", "3"),
            ("N_RUN", "4"),
            ("HTTP_RUNS", "4"),
            ("PATH_SUFFIX", "/cpu"),
            ("WASMTIME_CACHE_MODE", "warm"),
            ("CLEAR_CACHE_BETWEEN_RUNS", "1"),
            ("CPU_HASH_SCENARIOS", "cold, runtime-cold"),
        ]))
        .unwrap();
        let values = &settings.values;
        assert_eq!(
            (values.warm_up, values.samples, &values.connections[..]),
            (1, 4, &[3][..])
        );
        assert_eq!(values.workloads, ["http-cpu"]);
        assert_eq!(settings.acquire_of["wasmtime-cli"], Acquire::CacheHit);
        assert_eq!(values.scenarios_of["cpu-hash"], ["code-cold", "warm-disk"]);
        assert!(settings.evict_always);
    }

    #[test]
    fn impossible_values_are_refused_and_variables_without_effect_reported() {
        assert!(
            resolve(&Variables::from_pairs([("N_RUN", "many")]))
                .unwrap_err()
                .contains("not a whole number")
        );
        assert!(
            resolve(&Variables::from_pairs([("N_RUN", "3"), ("HTTP_RUNS", "4")]))
                .unwrap_err()
                .contains("HTTP_RUNS is 4")
        );
        assert!(
            resolve(&Variables::from_pairs([("HTTP_SCENARIOS", "cool")]))
                .unwrap_err()
                .contains("there is no scenario `cool`")
        );
        let variables = Variables::from_pairs([
            ("FIREWALL", "1"),
            ("HTTP_SCALING", "1"),
            ("CLEAN_BUILD", "0"),
        ]);
        assert_eq!(variables.without_effect().len(), 0, "CLEAN_BUILD is off");
    }

    #[test]
    fn the_variables_of_the_classic_suite_are_honoured_as_its_documentation_gives_them() {
        let pairs = [
            ("FIREWALL", "both"),
            ("FIREWALL_MODE", "both"),
            ("RUNTIME", "native wasmtime"),
            ("HTTP_SCALING", "1"),
            ("HTTP_SCALING_RUNTIMES", "native docker wasmtime"),
            ("HTTP_SCALING_CONCURRENCY", "1 3 6"),
            ("HTTP_SCALING_N_RUN", "5"),
        ];
        let variables = Variables::from_pairs(pairs);
        let settings = resolve(&variables).unwrap();
        let values = &settings.values;
        assert_eq!(values.firewall, ["off", "baseline"]);
        assert_eq!(values.systems, ["native", "wasmtime-cli"]);
        assert_eq!((values.samples, &values.instances[..]), (5, &[1, 3, 6][..]));
        let cells = plan::cells(&settings).unwrap();
        let of = |scaling: bool| -> BTreeSet<&str> {
            let cells = cells.iter();
            cells
                .filter(|it| (it.cell.scenario == Scenario::Scaling) == scaling)
                .map(|it| it.system.name())
                .collect()
        };
        assert_eq!(
            of(true),
            BTreeSet::from(["docker", "native", "wasmtime-cli"])
        );
        assert_eq!(of(false), BTreeSet::from(["native", "wasmtime-cli"]));
        assert_eq!(variables.without_effect(), [""; 0]);

        let refused = |name, value| resolve(&Variables::from_pairs([(name, value)])).unwrap_err();
        assert!(refused("RUNTIME", "systemd-nspawn").contains("RUNTIME is `systemd-nspawn`"));
        let contradiction = [("FIREWALL", "off"), ("FIREWALL_MODE", "both")];
        let refused = resolve(&Variables::from_pairs(contradiction));
        // What is off is not set.
        assert!(refused.is_ok());
        let contradiction = [("FIREWALL", "rules:5"), ("FIREWALL_MODE", "both")];
        let refused = resolve(&Variables::from_pairs(contradiction)).unwrap_err();
        assert!(
            refused.contains("FIREWALL is rules:5 and FIREWALL_MODE is off,baseline"),
            "{refused}"
        );
    }

    #[test]
    fn one_variable_is_the_origin_of_its_value_and_of_no_other() {
        let variables = Variables::from_pairs([("THROUGHPUT_REQS", "77")]);
        let arguments = SuiteArguments::default();
        let (_, origins) =
            settings::resolve(&arguments, &variables, None, settings::DEFAULT).unwrap();
        let of_environment = origins.iter().filter(|(_, origin)| **origin == ORIGIN);
        let keys: Vec<_> = of_environment.map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["requests"]);
    }

    #[test]
    fn scaling_is_enabled_by_its_variables() {
        let pairs = [
            ("HTTP_SCALING", "1"),
            ("HTTP_SCALING_RUNS", "9"),
            ("CONCURRENCY_LIST", "1,3"),
        ];
        let values = resolve(&Variables::from_pairs(pairs)).unwrap().values;
        assert_eq!(
            (
                values.samples,
                &values.instances[..],
                &values.connections[..]
            ),
            (9, &[1, 3][..], &[10][..])
        );
        assert!(
            values
                .scenarios
                .iter()
                .any(|scenario| scenario == "scaling")
        );
        assert!(
            resolve(&Variables::from_pairs([
                ("N_RUN", "3"),
                ("HTTP_SCALING_RUNS", "4")
            ]))
            .unwrap_err()
            .contains("is 4")
        );
    }

    #[test]
    fn a_firewall_is_enabled_by_yes_or_by_levels() {
        let levels = |value| {
            resolve(&Variables::from_pairs([("FIREWALL", value)]))
                .map(|settings| settings.values.firewall)
        };
        for yes in ["1", "on", "yes", "both"] {
            assert_eq!(levels(yes).unwrap(), ["off", "baseline"]);
        }
        assert_eq!(levels("0").unwrap(), [""; 0]);
        assert_eq!(levels("off rules:10").unwrap(), ["off", "rules:10"]);
        assert!(
            levels("strict")
                .unwrap_err()
                .contains("FIREWALL is `strict`")
        );
    }
}
