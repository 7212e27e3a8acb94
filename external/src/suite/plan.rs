//! From settings to cells.

use campaign::duration::format_estimate;
use campaign::{Error, Exit};
use results::manifest::Order;
use results::record::Scenario;
use results::values::{Named, PageCache, left_out};
use results::{Cell, Param, Params};
use workloads::Workload;

use super::budget::{self, Budget, Fitted};
use super::duel::{self, OwnBuild};
use super::eviction;
use super::instancing;
use super::loads::{self, Rate};
use super::network::{self, NetworkPath};
use super::own_workloads;
use super::profile::Profile;
use super::selection;
use super::settings::{Settings, Variants};
use crate::client::load::Amount;
use crate::system::managed::NEW_ENGINE;
use crate::system::{Acquire, Instancing, System, listens};

/// The workloads that are built in and that a control measures a second time: one of each kind.
const CONTROLLED: [Workload; 2] = [Workload::Hello, Workload::HttpHello];

/// What is done before and after each sample, in milliseconds: evicting, waiting for quiet, looking
/// for what was left, writing it down.
const OVERHEAD_MS: f64 = 15.0;

/// What a service takes beyond a command: finding a port, ending it, looking whether the port is free.
const SERVICE_MS: f64 = 40.0;

/// What it takes to put the files of a service out of the page cache, written back first.
const EVICTING_MS: f64 = 40.0;

/// What a start takes longer that reads everything from a disk, and the evicting before it.
const READING_MS: f64 = 100.0;

/// What it takes to start an engine of containers anew.
const RESTART_MS: f64 = 2_100.0;

/// What it takes to pull an image and to remove it again; with a base layer.
const PULLING_MS: f64 = 500.0;
const PULLING_BASE_MS: f64 = 3_000.0;

/// What comes before each load of one request at a time: the service is left alone for a while.
const IDLE_MS: f64 = 200.0;

/// What comes before and after each load: connections, a look at how instances are made.
const AROUND_LOAD_MS: f64 = 20.0;

/// The value of [`Param::Cpus`] of starts on one CPU.
const ONE_CPU: &str = "one";

/// A cell, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The cell.
    pub cell: Cell,
    /// The system that is measured under the cell's name.
    pub system: System,
    /// The program under test.
    pub workload: Workload,
    /// The code acquisition mode; nothing for machine code.
    pub acquire: Option<Acquire>,
    /// How a service meets requests.
    pub instancing: Instancing,
    /// Parameters that only the system understands.
    pub variant: Params,
    /// What a start finds in the page cache.
    pub page_cache: PageCache,
    /// What divides the start into phases.
    pub observer: Observer,
    /// What the start is without.
    pub without: Without,
    /// Which of two builds runs, where two are measured against each other.
    pub own: Option<OwnBuild>,
    /// Connections at once, of a sample under load; of several instances, to each.
    pub connections: usize,
    /// At which part of its capacity requests arrive; nothing where they follow answers.
    pub rate: Option<Rate>,
    /// Instances at once.
    pub instances: usize,
    /// What lies between client and service.
    pub network: NetworkPath,
    /// Whether the start has only the core that a system under load has, so that the costs of both
    /// can be added up.
    pub pinned: bool,
}

/// What the work of a command takes beyond that of `hello`, in milliseconds.
const fn work_ms(workload: Workload) -> f64 {
    match workload {
        Workload::CpuHash => 150.0,
        _ => 0.0,
    }
}

/// What the work of a request takes beyond that of `http-hello`, in microseconds.
const fn work_us(workload: Workload) -> f64 {
    match workload {
        Workload::HttpCpu => 200.0,
        _ => 0.0,
    }
}

impl campaign::manifest::Planned for Planned {
    fn cell(&self) -> &Cell {
        &self.cell
    }
}

/// What divides a start into phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observer {
    /// Nothing does: only its total is known, and nothing disturbed it.
    None,
    /// The kernel reports its system calls.
    Seccomp,
    /// It reports milestones of its own.
    Own,
}

impl Named for Observer {
    const ALL: &'static [Self] = &[Self::None, Self::Seccomp, Self::Own];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Seccomp => "seccomp",
            Self::Own => "own",
        }
    }
}

/// What a start is without that the system's usual one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Without {
    /// It is the usual one.
    Nothing,
    /// These of the system's differences from the same engine used the other way.
    Differences(&'static [&'static str]),
    /// All of those, and all work: the program begins and ends.
    Work,
}

impl Without {
    /// The differences that a start of `planned` is without.
    pub fn differences(planned: &Planned) -> &'static [&'static str] {
        match planned.without {
            Self::Nothing => &[],
            Self::Differences(differences) => differences,
            Self::Work => planned.system.differences(planned.acquire),
        }
    }

    fn name(self) -> Option<String> {
        match self {
            Self::Nothing | Self::Differences([]) => None,
            Self::Differences(names) => Some(names.join(left_out::AND)),
            Self::Work => Some(left_out::WORK.to_owned()),
        }
    }
}

impl Planned {
    /// A start of a system with the usual value of everything else.
    pub fn start(
        system: System,
        workload: Workload,
        acquire: Option<Acquire>,
        scenario: Scenario,
    ) -> Self {
        let cell = Cell {
            system: system.recorded(),
            workload: workload.name().into(),
            scenario,
            params: Params::new(),
        };
        Self {
            cell,
            system,
            workload,
            acquire,
            instancing: system.usual_instancing(workload),
            variant: Params::new(),
            page_cache: scenario.page_cache(),
            observer: Observer::None,
            without: Without::Nothing,
            own: None,
            connections: 1,
            rate: None,
            instances: 1,
            network: NetworkPath::default(),
            pinned: false,
        }
    }

    /// The same, with its cell's parameters as the rest says; `amount` is what is recorded of a
    /// sample under load.
    #[must_use]
    pub fn with_params(mut self, amount: Amount) -> Self {
        self.cell.params = self.params(amount);
        self
    }

    fn params(&self, amount: Amount) -> Params {
        let scenario = self.cell.scenario;
        let mut params: Params = self
            .acquire
            .map(|acquire| (Param::Acquire, acquire.name()))
            .into_iter()
            .collect();
        if scenario.starts() {
            if self.page_cache != scenario.page_cache() {
                params.insert(Param::PageCache, self.page_cache.name());
            }
            params.insert(Param::Observer, self.observer.name());
            if self.pinned {
                params.insert(Param::Cpus, ONE_CPU);
                params.extend(self.instancing.params());
            }
        } else {
            if scenario.multiplies() {
                params.insert(Param::Instances, self.instances.to_string());
            }
            if !listens(self.workload) {
                // Each runs once, and takes no requests.
                return params;
            }
            params.extend(self.instancing.params());
            params.extend(loads::params(self, amount));
        }
        params.extend(self.without.name().map(|name| (Param::Without, name)));
        params.extend(self.variant.clone());
        params
    }

    /// Whether the service is left alone for a while before its load, to see what it costs then: it
    /// is one service whatever its load is, so one scenario is enough.
    pub(super) fn is_left_idle(&self) -> bool {
        self.cell.scenario == Scenario::Warm
    }

    /// The same under the system's second name, in an A/A control.
    #[must_use]
    pub fn twin(&self) -> Self {
        let mut twin = self.clone();
        twin.cell.system = twin.cell.system.twin();
        twin
    }

    /// About how long a request takes under load, in microseconds, on two cores like the authors'.
    pub(super) fn request_us(&self) -> f64 {
        let estimate = self.system.estimate(self.acquire, self.cell.scenario);
        estimate.request_us + work_us(self.workload)
    }

    /// About how long one sample takes, in milliseconds, on two cores like the authors'.
    pub fn estimate_ms(&self, values: &Profile) -> f64 {
        let estimate = self.system.estimate(self.acquire, self.cell.scenario);
        let mut load_ms = 0.0;
        if !self.cell.scenario.starts() && listens(self.workload) {
            load_ms += AROUND_LOAD_MS + loads::estimate_ms(self, values, self.request_us() / 1e3);
            if self.is_left_idle() {
                load_ms += IDLE_MS;
            }
        }
        let mut around_ms = OVERHEAD_MS;
        if listens(self.workload) {
            around_ms += SERVICE_MS;
            if self.page_cache != PageCache::Hot {
                around_ms += EVICTING_MS;
            }
        }
        if self.variant.is(Param::Engine, NEW_ENGINE) {
            around_ms += RESTART_MS;
        }
        if self.page_cache == PageCache::EvictedAll {
            around_ms += READING_MS;
        }
        if self.cell.scenario == Scenario::ImageCold {
            let has_base = self.variant.contains_key(Param::BaseLayer);
            around_ms += if has_base {
                PULLING_BASE_MS
            } else {
                PULLING_MS
            };
        }
        let start_ms = estimate.start_ms + work_ms(self.workload);
        start_ms * self.instances as f64 + around_ms + load_ms
    }
}

/// Every cell of the settings, once.
///
/// # Errors
/// `--only` names a key or a value that no cell has, or one of two builds cannot be measured.
pub fn cells(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let cells = selected(settings)?;
    Ok(within_budget(cells, settings)?.cells)
}

/// The cells that are asked for, of those that the settings cross.
fn selected(settings: &Settings) -> Result<Vec<Planned>, Error> {
    let cells = selection::only(all_cells(settings)?, &settings.only)?;
    Ok(own_workloads::once_where_it_cannot_run(cells))
}

/// Every cell that the settings cross.
fn all_cells(settings: &Settings) -> Result<Vec<Planned>, Error> {
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
        let all = budget::block_ms(&cells, values) * f64::from(values.samples) / 1000.0;
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

/// Starts on the one core that a system has under load, one for each way of which requests are
/// measured one at a time: what a start costs and what a request costs are added up only if both
/// had the same CPUs and the same instances, and no other question needs these.
fn pinned_starts(cells: &[Planned]) -> Vec<Planned> {
    let is_usual = |planned: &&Planned| {
        planned.observer == Observer::None
            && planned.without == Without::Nothing
            // Two builds are not asked where a slower start pays.
            && planned.own.is_none()
            && network::is_usual(planned)
    };
    let requests = |start: &Planned| {
        let same = |planned: &&Planned| {
            planned.cell.scenario == Scenario::Warm
                && (planned.system, planned.workload) == (start.system, start.workload)
                && planned.acquire == start.acquire
                && agree(&planned.variant, &start.variant)
        };
        let of_requests = cells.iter().filter(is_usual).filter(same);
        let mut ways: Vec<Instancing> = Vec::new();
        for planned in of_requests {
            if !ways.contains(&planned.instancing) {
                ways.push(planned.instancing);
            }
        }
        ways
    };
    // Interpreted code is never prepared, nor is that of what compiles at each start.
    let is_prepared = |planned: &&Planned| {
        let scenario = planned.cell.scenario;
        let unprepared = planned.acquire == Some(Acquire::Interpret)
            || planned.system.lacks(Scenario::WarmDisk).is_some();
        planned.page_cache == PageCache::Hot
            && (scenario == Scenario::WarmDisk || scenario == Scenario::CodeCold && unprepared)
    };
    let starts = cells.iter().filter(is_usual).filter(is_prepared);
    let pinned = |start: &Planned| {
        let of_way = |instancing: Instancing| {
            let mut pinned = start.clone();
            (pinned.pinned, pinned.instancing) = (true, instancing);
            pinned.cell.params.insert(Param::Cpus, ONE_CPU);
            pinned.cell.params.extend(instancing.params());
            pinned
        };
        requests(start).into_iter().map(of_way).collect::<Vec<_>>()
    };
    starts.flat_map(pinned).collect()
}

/// Whether no parameter that both have differs.
fn agree(one: &Params, two: &Params) -> bool {
    one.iter()
        .all(|(key, value)| two.get(key).is_none_or(|other| other == value))
}

/// The rule by which samples of these cells are ordered. Systems with an engine of their own come
/// last: a sample of them takes up to seconds, and leaves work behind.
pub fn order(cells: &[Planned]) -> Order {
    let managed = cells
        .iter()
        .filter(|planned| planned.system.managed().is_some());
    Order::ByComparison {
        last: managed
            .map(|planned| planned.system.name().to_owned())
            .collect(),
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

/// The cells of one system, workload and scenario: all their parameters crossed.
fn crossed(
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

fn is_controlled(planned: &Planned) -> bool {
    planned.observer == Observer::None
        && !planned.pinned
        && planned.instancing == planned.system.usual_instancing(planned.workload)
        && own_workloads::runs(planned.system, planned.workload)
        && (planned.workload.own().is_some() || CONTROLLED.contains(&planned.workload))
}

#[cfg(test)]
mod tests {
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
                            && (scenario != Scenario::Paced
                                || values.paced_workloads.contains(name));
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
            ("system=wasmer-embedded", "is measured by `host phases --select system=wasmer-embedded`"),
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
        for warm in cells.iter().filter(|planned| {
            planned.cell.scenario == Scenario::Warm && !planned.cell.system.is_twin()
        }) {
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
}
