//! What is planned of the profiles, and of what is asked for beside them.

use results::Param;
use results::values::Named as _;

use super::planned::ONE_CPU;
use super::*;
use crate::suite::SuiteArguments;
use crate::suite::profile::PROFILES;
use crate::suite::settings;
use crate::suite::variables::Variables;

fn planned(arguments: &SuiteArguments) -> Result<Vec<Planned>, String> {
    let (settings, _) =
        settings::resolve(arguments, &Variables::none(), None, settings::DEFAULT).unwrap();
    cells(&settings).map_err(|error| error.to_string())
}

fn only(pairs: &[&str]) -> Result<Vec<Planned>, String> {
    planned(&SuiteArguments {
        only: pairs.iter().map(ToString::to_string).collect(),
        ..Default::default()
    })
}

#[test]
fn no_cell_is_planned_twice_and_every_profile_crosses_all_systems_and_scenarios() {
    for profile in ["quick", "standard", "paper"] {
        let arguments = SuiteArguments {
            profile: Some(profile.into()),
            ..Default::default()
        };
        let (settings, _) =
            settings::resolve(&arguments, &Variables::none(), None, settings::DEFAULT).unwrap();
        let cells = cells(&settings).unwrap();
        let mut names: Vec<_> = cells.iter().map(|planned| planned.cell.clone()).collect();
        names.sort();
        let twice = names.windows(2).filter(|two| two[0] == two[1]);
        let twice: Vec<_> = twice.map(|two| two[0].to_string()).collect();
        assert!(twice.is_empty(), "{twice:#?}");
        for system in settings
            .values
            .systems
            .iter()
            .filter_map(|name| System::from_name(name))
        {
            for scenario in Scenario::ALL
                .into_iter()
                .filter(|scenario| !scenario.multiplies())
            {
                for name in &settings.values.workloads {
                    let values = &settings.values;
                    let of_workload = values.scenarios_of.get(name);
                    let scenarios = of_workload.unwrap_or(&values.scenarios);
                    let is_asked = scenarios.iter().any(|it| it == scenario.name())
                        && (scenario != Scenario::Paced || values.paced_workloads.contains(name));
                    let workload = Workload::from_name(name).unwrap();
                    let there = cells.iter().any(|planned| {
                        planned.system == system
                            && planned.cell.scenario == scenario
                            && planned.workload == workload
                    });
                    let (service, measured) =
                        (listens(workload), is_measured(&settings, system, workload));
                    assert_eq!(
                        there,
                        measured
                            && is_asked
                            && (scenario.starts() || service)
                            && system.lacks(scenario).is_none(),
                        "{profile} {} {name}",
                        system.name()
                    );
                }
            }
        }
    }
}

#[test]
fn further_entries_of_a_profile_add_cells_and_repeat_none() {
    let arguments = SuiteArguments {
        profile: Some("reference".to_owned()),
        ..SuiteArguments::default()
    };
    let cells: Vec<_> = planned(&arguments)
        .unwrap()
        .into_iter()
        .map(|planned| planned.cell)
        .collect();
    let once: std::collections::BTreeSet<_> = cells.iter().collect();
    assert_eq!(once.len(), cells.len());
    let values = |system: &str, scenario: Scenario, param: Param| -> Vec<String> {
        let of = cells.iter().filter(|it| it.system == system);
        let of = of.filter(|it| it.scenario == scenario && it.workload == *"http-hello");
        let mut found: Vec<_> = of
            .map(|it| it.params.get(param.clone()).unwrap_or("-").to_owned())
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let levels = values("native", Scenario::WarmDisk, Param::Firewall);
    assert_eq!(levels, ["-", "baseline", "off", "rules:100", "rules:1000"]);
    assert_eq!(values("node", Scenario::WarmDisk, Param::Firewall), ["-"]);
    let delays = values("native", Scenario::Warm, Param::DelayMs);
    assert_eq!(delays, ["-", "20"]);
    let instances = values("native", Scenario::Density, Param::Instances);
    assert_eq!(instances, ["1", "16", "4"]);
    let twins = cells.iter().filter(|it| it.system.is_twin());
    assert!(twins.count() > 10);
}

#[test]
fn what_is_wrong_with_a_further_entry_is_an_error_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    let text = PROFILES[0].1;
    let (top, tables) = text.split_at(text.find("\n[").unwrap_or(text.len()));
    let refused = |entry: &str| {
        std::fs::write(&file, format!("{top}\n{tables}\n[[also]]\n{entry}\n")).unwrap();
        let arguments = SuiteArguments {
            profile: Some(file.to_str().unwrap().to_owned()),
            ..SuiteArguments::default()
        };
        settings::resolve(&arguments, &Variables::none(), None, settings::DEFAULT)
            .unwrap_err()
            .to_string()
    };
    for (entry, says) in [
        ("systems = [\"nativ\"]", "there is no system `nativ`"),
        ("scenarios = [\"warmth\"]", "there is no scenario `warmth`"),
        ("sample = 3", "unknown field `sample`"),
        ("instances = [0]", "instances must be at least 1"),
    ] {
        let message = refused(entry);
        assert!(message.contains(says), "{entry}: {message}");
    }
}

/// `UPDATE_PLAN=1 cargo nextest run -p external referee` writes it anew.
#[test]
fn the_referee_of_the_analysis_simulates_the_cells_of_quick_and_standard() {
    for profile in ["quick", "standard"] {
        let folder = env!("CARGO_MANIFEST_DIR");
        let file = format!("{folder}/../analysis/tests/referee/{profile}.json");
        let arguments = SuiteArguments {
            profile: Some(profile.to_owned()),
            ..SuiteArguments::default()
        };
        let cells = planned(&arguments).unwrap().into_iter();
        let lines: Vec<_> = cells
            .map(|planned| serde_json::to_string(&planned.cell).unwrap())
            .collect();
        let text = format!("[\n{}\n]\n", lines.join(",\n"));
        if std::env::var_os("UPDATE_PLAN").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&file).unwrap() == text, "{file}");
    }
}

#[test]
fn each_kind_of_cold_is_what_it_says() {
    for scenario in Scenario::STARTS {
        for planned in only(&[&format!("scenario={}", scenario.name())]).unwrap() {
            assert!(
                planned.page_cache == scenario.page_cache()
                    && planned.acquire.is_none_or(|mode| scenario.takes(mode))
                    && !planned.cell.params.contains_key(Param::PageCache),
                "{}",
                planned.cell
            );
        }
    }
}

#[test]
fn a_state_of_the_page_cache_is_a_parameter_where_the_scenario_does_not_say_it() {
    let states = |pairs: &[&str]| -> Vec<String> {
        let more = ["system=wasmtime-cli", "workload=hello", "observer=none"];
        let cells = only(&[&more[..], pairs].concat()).unwrap();
        let named = cells
            .iter()
            .filter(|it| !it.cell.system.is_twin())
            .map(|it| {
                let state = it.cell.params.get(Param::PageCache).unwrap_or("as it says");
                format!("{} {state}", it.cell.scenario.name())
            });
        let mut states: Vec<_> = named.collect();
        states.sort();
        states.dedup();
        states
    };
    assert_eq!(
        states(&["scenario=warm-disk", "page_cache=evicted"]),
        ["warm-disk evicted"]
    );
    assert_eq!(
        states(&["scenario=code-cold", "page_cache=evicted-all"]),
        ["code-cold evicted-all"]
    );
    assert_eq!(
        states(&["scenario=runtime-cold", "page_cache=evicted-all"]),
        ["disk-cold as it says"]
    );
    assert_eq!(states(&["scenario=cold"]), ["code-cold as it says"]);
}

#[test]
fn where_a_kind_of_cold_means_nothing_there_is_no_cell_and_the_reason_is_said() {
    let error = only(&["system=native", "scenario=code-cold"]).unwrap_err();
    assert!(error.contains("native has no code-cold starts"), "{error}");
}

#[test]
fn a_system_that_is_named_and_has_none_of_the_rest_is_said_to_be_left_out() {
    let left_out = |only: &[&str]| {
        let arguments = SuiteArguments {
            only: only.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let settings = settings::resolve(&arguments, &Variables::none(), None, settings::DEFAULT);
        let (settings, _) = settings.unwrap();
        systems_left_out(&settings, &cells(&settings).unwrap())
    };
    let said = left_out(&["system=jco", "system=native", "scenario=warm-disk"]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("jco is left out: jco has no warm-disk starts: "),
        "{said:?}"
    );
    assert!(left_out(&["system=jco", "system=wasmtime-cli", "scenario=code-cold"]).is_empty());
    assert!(left_out(&["scenario=code-cold"]).is_empty());
}

#[test]
fn every_observed_start_has_an_unobserved_companion() {
    let cells = planned(&SuiteArguments::default()).unwrap();
    for observed in cells
        .iter()
        .filter(|planned| planned.observer != Observer::None)
    {
        let mut cell = observed.cell.clone();
        cell.params.insert(Param::Observer, Observer::None.name());
        assert!(cells.iter().any(|planned| planned.cell == cell), "{cell}");
    }
}

#[test]
fn only_narrows_and_names_what_no_cell_has() {
    let cells = only(&[
        "system=native",
        "system=wasmedge-cli",
        "workload=http-hello",
        "scenario=warm",
    ])
    .unwrap();
    let systems: Vec<_> = cells
        .iter()
        .map(|planned| planned.cell.system.as_str())
        .collect();
    assert_eq!(systems, ["native", "wasmedge-cli", "native-aa"]);
    assert!(
        only(&["system=systemd-nspawn"])
            .unwrap_err()
            .contains("system is one of native, native-soft-sha, ")
    );
    for (pair, hint) in [
        ("system=crum", "did you mean crun? system is one of"),
        ("system=Native", "did you mean native?"),
        ("scenario=warmdisk", "did you mean warm-disk?"),
        ("sytem=native", "did you mean system? keys are"),
        (
            "system=wasmer-embedded",
            "is measured by `host phases --select system=wasmer-embedded`",
        ),
    ] {
        let refused = only(&[pair]).unwrap_err();
        assert!(refused.contains(hint), "{pair}: {refused}");
    }
    assert!(
        only(&["system"])
            .unwrap_err()
            .contains("--only takes key=value")
    );
    assert!(
        only(&["workload=hello", "scenario=warm"])
            .unwrap_err()
            .contains("nothing is left")
    );
}

#[test]
fn whatever_exists_can_be_selected_in_every_profile() {
    let named = |profile: &str, pairs: &[&str]| {
        let arguments = SuiteArguments {
            profile: Some(profile.into()),
            only: pairs.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let cells = planned(&arguments);
        cells.unwrap_or_else(|error| panic!("{profile} {pairs:?}: {error}"))
    };
    for (profile, _) in PROFILES {
        let arguments = SuiteArguments {
            profile: Some(profile.into()),
            ..Default::default()
        };
        let (settings, _) =
            settings::resolve(&arguments, &Variables::none(), None, settings::DEFAULT).unwrap();
        let takes_any = |system: &System| {
            let mut workloads = settings.values.workloads.iter();
            workloads.any(|it| system.supports(Workload::from_name(it).unwrap()))
        };
        for system in System::all().into_iter().filter(takes_any) {
            let cells = named(profile, &[&format!("system={}", system.name())]);
            assert!(cells.iter().all(|planned| planned.system == system));
        }
        for workload in Workload::ALL {
            let pair = format!("workload={}", workload.name());
            let scenario = "scenario=disk-cold";
            named(profile, &[&pair, scenario]);
            named(profile, &[&pair, scenario, "system=docker"]);
        }
        for scenario in Scenario::ALL {
            let pair = format!("scenario={}", scenario.name());
            let system = match scenario {
                Scenario::ImageCold => "system=wasmcloud",
                _ => "system=wasmtime-cli",
            };
            let cells = named(profile, &[&pair, system]);
            assert!(
                cells
                    .iter()
                    .all(|planned| planned.cell.scenario == scenario)
            );
        }
        for pair in [
            "acquire=cache_miss",
            "acquire=interpret",
            "network=host",
            "connections=7",
        ] {
            let more = [
                "scenario=code-cold",
                "scenario=throughput",
                "workload=http-hello",
            ];
            named(profile, &[&[pair][..], &more].concat());
        }
    }
    let error = only(&["firewall=baseline"]).unwrap_err();
    assert!(error.contains("--firewall baseline"), "{error}");
}

#[test]
fn naming_what_a_profile_has_changes_nothing_of_its_cells() {
    let all = planned(&SuiteArguments::default()).unwrap();
    for pair in [
        "system=docker",
        "workload=cpu-hash",
        "scenario=warm",
        "acquire=aot",
    ] {
        let selected = only(&[pair]).unwrap();
        assert!(
            selected.iter().all(|planned| all.contains(planned)),
            "{pair}"
        );
    }
}

#[test]
fn every_way_to_meet_requests_is_planned_once_and_what_keeps_state_keeps_its_instance() {
    let loads = |pairs: &[&str]| -> Vec<String> {
        let arguments = SuiteArguments {
            profile: Some("standard".to_owned()),
            only: [pairs, &["scenario=throughput"]]
                .concat()
                .iter()
                .map(ToString::to_string)
                .collect(),
            ..SuiteArguments::default()
        };
        let cells = planned(&arguments).unwrap();
        let mut ways: Vec<_> = cells
            .iter()
            .filter(|planned| !planned.cell.system.is_twin())
            .map(|planned| {
                let params = &planned.cell.params;
                let of = |key| params.get(key).unwrap_or("-").to_owned();
                format!("{} {}", of(Param::Lifecycle), of(Param::Pool))
            })
            .collect();
        ways.sort_unstable();
        ways
    };
    let all = [
        "per-request default",
        "per-request none",
        "per-request tuned",
    ];
    assert_eq!(
        loads(&["system=wasmtime-cli", "workload=http-hello"]),
        [&all[..], &["reused default"]].concat()
    );
    assert_eq!(
        loads(&["system=wasmtime-embedded", "workload=http-hello"]),
        [&all[..], &["reused none"]].concat()
    );
    // Of other workloads, the usual way; of a process there is one.
    assert_eq!(
        loads(&["system=wasmtime-cli", "workload=http-cpu"]),
        [all[0]]
    );
    assert_eq!(
        loads(&["system=native", "workload=http-hello"]),
        ["reused -"]
    );
    assert_eq!(
        loads(&["system=wasmtime-cli", "workload=http-state"]),
        ["reused default"]
    );
    // Naming a way asks for it.
    assert_eq!(
        loads(&["system=wasmtime-cli", "workload=http-cpu", "pool=none"]),
        ["per-request none"]
    );
}

#[test]
fn what_break_even_adds_up_is_started_on_the_core_that_its_requests_have() {
    let cells = planned(&SuiteArguments::default()).unwrap();
    let pinned: Vec<_> = cells.iter().filter(|planned| planned.pinned).collect();
    for start in &pinned {
        assert!(start.cell.params.is(Param::Cpus, ONE_CPU) && !start.cell.system.is_twin());
        let mut other = start.cell.clone();
        other.params = other
            .params
            .without(&[Param::Cpus, Param::Lifecycle, Param::Pool]);
        assert!(cells.iter().any(|planned| planned.cell == other), "{other}");
    }
    for warm in cells
        .iter()
        .filter(|planned| planned.cell.scenario == Scenario::Warm && !planned.cell.system.is_twin())
    {
        let has_start = pinned.iter().any(|start| {
            (
                start.system,
                start.workload,
                start.acquire,
                start.instancing,
            ) == (warm.system, warm.workload, warm.acquire, warm.instancing)
        });
        assert!(has_start, "{}", warm.cell);
    }
    let none = only(&["workload=hello"]).unwrap();
    assert!(none.iter().all(|planned| !planned.pinned), "no command");
}
