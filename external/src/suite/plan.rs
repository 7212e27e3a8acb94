//! From settings to cells.

use std::collections::BTreeMap;

use campaign::{Error, Exit};
use results::Cell;
use results::record::Scenario;
use workloads::Workload;

use super::cache;
use super::network::{self, Network};
use super::settings::{Settings, Variants};
use crate::system::hosted::Variant;
use crate::system::{Acquire, Name, listens};

/// The ending of a system's second name in an A/A control.
const TWIN: &str = "-aa";

/// The workloads that a control measures a second time: one of each kind.
const CONTROLLED: [Workload; 2] = [Workload::Hello, Workload::HttpHello];

/// A cell, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The cell.
    pub cell: Cell,
    /// The system that is measured under the cell's name.
    pub system: Name,
    /// The program under test.
    pub workload: Workload,
    /// How code is come by; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// Parameters that only the system understands.
    pub variant: Variant,
    /// Whether the workload's files are out of the page cache.
    pub evicted: bool,
    /// Whether the system's own are out of it too: its program and its libraries.
    pub evicted_all: bool,
    /// What takes the start apart.
    pub observer: Observer,
    /// Work that is left out of the start, by its name.
    pub without: Option<&'static str>,
    /// Connections at once, of a sample under load; of several instances, to each.
    pub connections: usize,
    /// Instances at once.
    pub instances: usize,
    /// What lies between client and service.
    pub network: Network,
}

/// What takes a start apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observer {
    /// Nothing does: only its total is known, and nothing disturbed it.
    None,
    /// The kernel tells of its system calls.
    Seccomp,
    /// It tells by itself.
    Own,
}

impl Observer {
    /// The name in cells.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Seccomp => "seccomp",
            Self::Own => "own",
        }
    }
}

impl Planned {
    /// A start of a system, of which nothing has been said yet but this.
    pub fn start(
        system: Name,
        workload: Workload,
        acquire: Option<Acquire>,
        scenario: Scenario,
    ) -> Self {
        let (evicted, evicted_all) = (scenario == Scenario::Cold, false);
        let (observer, without, connections, instances) = (Observer::None, None, 1, 1);
        let params = BTreeMap::new();
        let cell = Cell {
            system: system.name().to_owned(),
            workload: workload.name().to_owned(),
            scenario,
            params,
        };
        let variant = Variant::new();
        let network = Network::default();
        Self {
            cell,
            system,
            workload,
            acquire,
            variant,
            evicted,
            evicted_all,
            observer,
            without,
            connections,
            instances,
            network,
        }
    }

    /// The same, with its cell's parameters as the rest says; `requests` are those of a sample
    /// under load.
    #[must_use]
    pub fn named(mut self, requests: u64) -> Self {
        let mut params = BTreeMap::new();
        let mut set = |key: &str, value: String| _ = params.insert(key.to_owned(), value);
        if let Some(acquire) = self.acquire {
            set("acquire", acquire.name().to_owned());
        }
        if self.cell.scenario.starts() {
            set(
                "page_cache",
                cache::name(self.evicted, self.evicted_all).to_owned(),
            );
            set("observer", self.observer.name().to_owned());
        } else {
            if self.cell.scenario.multiplies() {
                set("instances", self.instances.to_string());
            }
            if !listens(self.workload) {
                // Each runs once, and there is nobody to ask.
                self.cell.params = params;
                return self;
            }
            set("pace", "closed".to_owned());
            set("connections", self.connections.to_string());
            set("requests", requests.to_string());
        }
        if let Some(without) = self.without {
            set("without", without.to_owned());
        }
        self.variant
            .iter()
            .for_each(|(key, value)| set(key, value.clone()));
        self.cell.params = params;
        self
    }
}

/// Every cell of the settings, once.
///
/// # Errors
/// `--only` names a key or a value that no cell has.
pub fn cells(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let mut cells = Vec::new();
    for workload in settings
        .values
        .workloads
        .iter()
        .filter_map(|name| Workload::from_name(name))
    {
        for scenario in scenarios(settings, workload) {
            let systems = settings
                .values
                .systems
                .iter()
                .filter_map(|name| Name::from_name(name));
            for system in systems.filter(|system| is_asked(settings, *system, workload)) {
                of(settings, system, workload, scenario, &mut cells);
            }
        }
    }
    let mut cells = network::crossed(cells, &settings.values);
    for control in settings
        .values
        .controls
        .iter()
        .filter_map(|name| Name::from_name(name))
    {
        let twins: Vec<_> = cells
            .iter()
            .filter(|planned| is_controlled(planned, control))
            .map(twin)
            .collect();
        cells.extend(twins);
    }
    only(cells, &settings.only)
}

/// Whether a system is to run a workload, and can.
fn is_asked(settings: &Settings, system: Name, workload: Workload) -> bool {
    let adapter = system.adapter();
    let listed = settings
        .values
        .hosted_workloads
        .iter()
        .any(|name| name == workload.name());
    adapter.takes(workload) && (adapter.hosted().is_none() || listed)
}

fn scenarios(settings: &Settings, workload: Workload) -> Vec<Scenario> {
    let names = settings
        .scenarios_of
        .get(workload.name())
        .unwrap_or(&settings.values.scenarios);
    // A command has nothing that runs on and could be asked again, or be there in numbers.
    let possible = |scenario: &Scenario| {
        scenario.starts() || *scenario == Scenario::Scaling || listens(workload)
    };
    let multiplied = &settings.values.multiplied_workloads;
    let is_multiplied =
        multiplied.is_empty() || multiplied.iter().any(|name| name == workload.name());
    Scenario::ALL
        .into_iter()
        .filter(|scenario| is_multiplied || !scenario.multiplies())
        .filter(|scenario| names.iter().any(|name| name == scenario.name()))
        .filter(possible)
        .collect()
}

/// The cells of one system, workload and scenario.
fn of(
    settings: &Settings,
    system: Name,
    workload: Workload,
    scenario: Scenario,
    cells: &mut Vec<Planned>,
) {
    let values = &settings.values;
    let ways = match scenario {
        Scenario::Cold => &values.cold,
        Scenario::RuntimeCold => &values.runtime_cold,
        Scenario::Warm | Scenario::Throughput | Scenario::Scaling | Scenario::Density => {
            &values.load
        }
    };
    let mut acquires: Vec<Option<Acquire>> = system
        .adapter()
        .acquires()
        .iter()
        .filter(|acquire| ways.iter().any(|way| way == acquire.name()))
        .map(|acquire| Some(*acquire))
        .collect();
    if let Some(mode) = settings
        .wasmtime_cache
        .as_deref()
        .filter(|_| system == Name::WasmtimeCli)
    {
        let fits = |acquire: &Acquire| {
            acquire.name() == mode && (scenario != Scenario::Cold || acquire.from_source())
        };
        acquires = Acquire::ALL.into_iter().filter(fits).map(Some).collect();
    }
    if system.adapter().acquires().is_empty() {
        acquires = vec![None];
    }
    let observed = scenario.starts() && values.observe.iter().any(|name| name == workload.name());
    let adapter = system.adapter();
    let observers: &[Observer] = match (observed, adapter.hosted()) {
        (true, None) => &[Observer::None, Observer::Seccomp],
        // Nothing sees into a container from outside, so a service in it tells by itself; the rest
        // its engine tells.
        (true, Some(_)) if adapter.tells_milestones() && listens(workload) => {
            &[Observer::None, Observer::Own]
        }
        _ => &[Observer::None],
    };
    let mut variants = adapter.hosted().map_or_else(
        || vec![Variant::new()],
        |hosted| hosted.variants(listens(workload), scenario),
    );
    if values.variants == Variants::Usual {
        variants.truncate(1);
    }
    let connections: &[usize] =
        if matches!(scenario, Scenario::Throughput | Scenario::Scaling) && listens(workload) {
            &values.connections
        } else {
            &[1]
        };
    let instances: &[usize] = if scenario.multiplies() {
        &values.instances
    } else {
        &[1]
    };
    let sizes: Vec<_> = instances
        .iter()
        .flat_map(|&instances| {
            connections
                .iter()
                .map(move |&connections| (instances, connections))
        })
        .collect();
    let caches = cache::states(settings, scenario);
    for acquire in acquires {
        for variant in &variants {
            for &observer in observers {
                let found = caches
                    .iter()
                    .flat_map(|cache| sizes.iter().map(move |size| (*cache, *size)));
                for ((evicted, evicted_all), (instances, connections)) in found {
                    let start = Planned::start(system, workload, acquire, scenario);
                    let variant = variant.clone();
                    let cell = Planned {
                        variant,
                        evicted,
                        evicted_all,
                        observer,
                        connections,
                        instances,
                        ..start
                    };
                    cells.push(cell.named(values.requests));
                }
            }
        }
    }
}

fn is_controlled(planned: &Planned, control: Name) -> bool {
    planned.system == control
        && planned.observer == Observer::None
        && CONTROLLED.contains(&planned.workload)
}

fn twin(planned: &Planned) -> Planned {
    let mut twin = planned.clone();
    twin.cell.system.push_str(TWIN);
    twin
}

/// The cells with these properties. Values of one key are alternatives, keys add up.
fn only(cells: Vec<Planned>, only: &[String]) -> Result<Vec<Planned>, Error> {
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in only {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::new(Exit::Usage, format!("--only takes key=value, not `{pair}`"))
                .hint("such as --only system=native,workload=http-hello,scenario=cold")
        })?;
        let mut known: Vec<_> = cells
            .iter()
            .filter_map(|planned| property(planned, key))
            .collect();
        known.sort_unstable();
        known.dedup();
        if !known.iter().any(|known| known == value) {
            let hint = if known.is_empty() {
                "keys are system, workload, scenario and the parameters of cells; `--list` shows \
                    them"
                    .to_owned()
            } else {
                format!("{key} is one of {}", known.join(", "))
            };
            return Err(Error::new(Exit::Usage, format!("no cell has {pair}")).hint(hint));
        }
        wanted.entry(key).or_default().push(value);
    }
    let fits = |planned: &Planned| {
        wanted.iter().all(|(key, values)| {
            property(planned, key).is_some_and(|value| values.contains(&value.as_str()))
        })
    };
    let cells: Vec<_> = cells.into_iter().filter(fits).collect();
    if cells.is_empty() {
        return Err(Error::new(
            Exit::Usage,
            "nothing is left to measure: no cell has all of --only",
        )
        .hint("`--list` shows the cells of a profile"));
    }
    Ok(cells)
}

/// A property of a cell, by its key. A second name is the system that it stands for.
fn property(planned: &Planned, key: &str) -> Option<String> {
    match key {
        "system" => Some(planned.system.name().to_owned()),
        "workload" => Some(planned.cell.workload.clone()),
        "scenario" => Some(planned.cell.scenario.name().to_owned()),
        _ => planned.cell.params.get(key).map(str::to_owned),
    }
}

/// About how long one sample takes, in milliseconds, on two cores like the authors'.
pub fn estimate_ms(planned: &Planned, settings: &Settings) -> f64 {
    let start = match (planned.system, planned.acquire) {
        (Name::Native | Name::NativePortable, _) => 5.0,
        (Name::WasmtimeEmbedded, Some(Acquire::Compile | Acquire::CacheMiss))
        | (Name::Runc | Name::Crun, _) => 100.0,
        (Name::WasmtimeCli, Some(Acquire::Compile | Acquire::CacheMiss)) => 120.0,
        (Name::WasmtimeEmbedded | Name::WasmtimeCli, _) => 15.0,
        (Name::WasmEdgeEmbedded | Name::WasmEdgeCli, _) => 35.0,
        // The engine is started anew, or the container is removed: both take longer than what is
        // timed.
        (Name::Docker | Name::DockerWasmtime, _) if planned.cell.scenario == Scenario::Cold => {
            2_500.0
        }
        (Name::Docker | Name::DockerWasmtime, _) => 400.0,
        (Name::WasmCloud, _) => 1_000.0,
        (Name::Containerd, _) => 200.0,
    };
    // Finding a port, evicting, looking for what was left, writing it down.
    let around = 15.0;
    let per_request_us = match (planned.system, planned.acquire) {
        (Name::Native | Name::NativePortable, _) => 30.0,
        (_, Some(Acquire::Interpret)) => 3_000.0,
        _ => 250.0,
    };
    let load = if planned.cell.scenario.starts() {
        0.0
    } else {
        settings.values.requests as f64 * per_request_us / 1e3
    };
    start * planned.instances as f64 + around + load
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::SuiteArguments;
    use crate::suite::environment::Variables;
    use crate::suite::settings;

    fn planned(arguments: &SuiteArguments) -> Result<Vec<Planned>, String> {
        let (settings, _) =
            settings::of(arguments, &Variables::none(), None, settings::DEFAULT).unwrap();
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
                settings::of(&arguments, &Variables::none(), None, settings::DEFAULT).unwrap();
            let cells = cells(&settings).unwrap();
            let mut names: Vec<_> = cells.iter().map(|planned| planned.cell.clone()).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all);
            for system in settings
                .values
                .systems
                .iter()
                .filter_map(|name| Name::from_name(name))
            {
                for scenario in Scenario::ALL
                    .into_iter()
                    .filter(|scenario| !scenario.multiplies())
                {
                    for workload in ["hello", "cpu-hash", "http-hello", "http-cpu", "http-echo"] {
                        let there = cells.iter().any(|planned| {
                            planned.system == system
                                && planned.cell.scenario == scenario
                                && planned.cell.workload == workload
                        });
                        let (service, asked) = (
                            workload.starts_with("http"),
                            is_asked(&settings, system, Workload::from_name(workload).unwrap()),
                        );
                        assert_eq!(
                            there,
                            asked && (scenario.starts() || service),
                            "{profile} {} {workload}",
                            system.name()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn cold_starts_have_nothing_prepared() {
        for planned in only(&["scenario=cold"]).unwrap() {
            assert!(
                planned.evicted && planned.acquire.is_none_or(Acquire::from_source),
                "{}",
                planned.cell
            );
        }
    }

    #[test]
    fn every_start_that_is_taken_apart_has_a_companion_that_is_not() {
        let cells = planned(&SuiteArguments::default()).unwrap();
        for observed in cells
            .iter()
            .filter(|planned| planned.observer != Observer::None)
        {
            let mut cell = observed.cell.clone();
            cell.params.insert("observer".into(), "none".into());
            assert!(cells.iter().any(|planned| planned.cell == cell), "{cell}");
        }
    }

    #[test]
    fn only_narrows_and_says_what_it_does_not_know() {
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
            only(&["system=podman"])
                .unwrap_err()
                .contains("system is one of docker, native")
        );
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
}
