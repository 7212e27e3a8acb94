//! What the variables of the environment make of a profile.

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
        ("HELLO_WASM_SCENARIOS", "cold warm"),
        ("HTTP_SCENARIOS", "cold warm"),
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
    assert_eq!(values.scenarios_of["hello"], ["code-cold", "warm-disk"]);
    assert_eq!(values.scenarios_of["http-cpu"], ["code-cold", "warm"]);
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
        ("RUNTIME", "native wasmtime wasmcloud-component"),
        ("HTTP_SCALING", "1"),
        ("HTTP_SCALING_RUNTIMES", "native docker wasmtime"),
        ("HTTP_SCALING_CONCURRENCY", "1 3 6"),
        ("HTTP_SCALING_N_RUN", "5"),
    ];
    let variables = Variables::from_pairs(pairs);
    let settings = resolve(&variables).unwrap();
    let values = &settings.values;
    assert_eq!(values.firewall, ["off", "baseline"]);
    assert_eq!(values.systems, ["native", "wasmtime-cli", "wasmcloud"]);
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
    assert_eq!(
        of(false),
        BTreeSet::from(["native", "wasmcloud", "wasmtime-cli"])
    );
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
fn a_path_and_state_are_measured_on_every_system() {
    let of = |pairs: &[(&str, &str)]| -> Result<BTreeSet<(String, String)>, String> {
        let variables = Variables::from_pairs(pairs.iter().copied());
        let cells = plan::cells(&resolve(&variables)?).map_err(|error| error.to_string())?;
        let names = cells.iter().map(|it| {
            let workload = it.workload.name().to_owned();
            (it.system.name().to_owned(), workload)
        });
        Ok(names.collect())
    };
    let has = |cells: &BTreeSet<(String, String)>, system: &str, workload: &str| {
        cells.contains(&(system.to_owned(), workload.to_owned()))
    };
    let usual = of(&[]).unwrap();
    assert!(!has(&usual, "native", "http-state"));
    let with = of(&[("INCLUDE_STATE", "1")]).unwrap();
    for system in ["native", "docker", "wasmtime-cli"] {
        assert!(has(&with, system, "http-state"), "{system}");
        assert!(has(&with, system, "http-hello"), "{system}");
    }
    assert_eq!(of(&[("INCLUDE_STATE", "0")]).unwrap(), usual);
    let alone = of(&[("PATH_SUFFIX", "/state")]).unwrap();
    assert!(has(&alone, "docker", "http-state"));
    assert!(alone.iter().all(|(_, workload)| workload == "http-state"));
    let none = of(&[("PATH_SUFFIX", "/state"), ("INCLUDE_STATE", "0")]);
    assert!(none.unwrap_err().contains("no workload left"));
}

#[test]
fn what_is_skipped_is_in_no_cell() {
    let pairs = [
        ("SKIP_DOCKER", "1"),
        ("SKIP_WASMTIME", "1"),
        ("HTTP_SCALING", "1"),
        ("HTTP_SCALING_RUNTIMES", "native docker"),
        ("COLD_START_RUNS", "6"),
    ];
    let variables = Variables::from_pairs(pairs);
    assert!(variables.without_effect().is_empty());
    let settings = resolve(&variables).unwrap();
    assert_eq!(settings.values.samples, 6);
    assert_eq!(settings.scaling_systems, ["native"]);
    let cells = plan::cells(&settings).unwrap();
    let systems: BTreeSet<_> = cells.iter().map(|it| it.system.name()).collect();
    assert!(systems.contains("native") && systems.contains("wasmtime-embedded"));
    for skipped in ["docker", "docker-wasmtime", "wasmtime-cli"] {
        assert!(!systems.contains(skipped), "{skipped}");
    }
    let all = [("RUNTIME", "wasmtime"), ("SKIP_WASMTIME", "1")];
    let refused = resolve(&Variables::from_pairs(all)).unwrap_err();
    assert!(
        refused.contains("with SKIP_WASMTIME there is no system left"),
        "{refused}"
    );
}

#[test]
fn one_variable_is_the_origin_of_its_value_and_of_no_other() {
    let variables = Variables::from_pairs([("THROUGHPUT_REQS", "77")]);
    let arguments = SuiteArguments::default();
    let (_, origins) = settings::resolve(&arguments, &variables, None, settings::DEFAULT).unwrap();
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
