//! The settings of a suite, and where each value came from: a profile in TOML, above it the
//! environment, above that the command line.

use std::collections::BTreeMap;
use std::path::Path;

use campaign::{Error, Exit, own_word, run};
use results::manifest::{Origin, Setting};
use results::record::Scenario;
use results::values::Named as _;
use results::{mask, run_folder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use workloads::Workload;

use super::SuiteArguments;
use super::asked;
use super::budget::Budget;
use super::described;
use super::environment;
use super::loads;
use super::network;
use super::own_workloads;
use super::plan;
use super::profile::Profile;
pub use super::profile::{DEFAULT, Variants};
use super::renamed;
use super::variables::Variables;
use crate::system::{Acquire, System};
use crate::target::{self, Described};

/// What a run measures, in full: kept in its manifest, so that resuming it plans the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The profile's name or file.
    pub profile: String,
    /// Its values, with those of the environment and of the command line above them.
    pub values: Profile,
    /// Only cells with these properties: `key=value`.
    pub only: Vec<String>,
    /// Code acquisition modes of single systems, where they differ from the profile's.
    pub acquire_of: BTreeMap<String, Acquire>,
    /// The files that describe systems which do not come with the program.
    #[serde(default)]
    pub system_files: Vec<String>,
    /// Code acquisition modes of single systems, in place of the profile's: those of systems that
    /// are described have all that their files give them.
    #[serde(default)]
    pub modes_of: BTreeMap<String, Vec<Acquire>>,
    /// The time that samples and cells were chosen to fit into; nothing if none was given.
    #[serde(default)]
    pub keep_to: Option<Budget>,
    /// The systems of which there are several instances at once under `scaling`, where they differ
    /// from the others.
    #[serde(default)]
    pub scaling_systems: Vec<String>,
    /// The files of two builds that are measured against each other, by the builds' names in cells.
    #[serde(default)]
    pub builds: BTreeMap<String, String>,
    /// The same of two builds of the program that runs the workload.
    #[serde(default)]
    pub hosts: BTreeMap<String, String>,
    /// Descriptions of persons' own workloads.
    #[serde(default)]
    pub targets: Vec<Described>,
    /// Whether the artifact's pages are evicted before every start, prepared ones too.
    pub evict_always: bool,
    /// What the order of the samples is drawn from.
    pub seed: u64,
}

/// Where the values of the settings came from, by their keys in the manifest.
pub type Origins = BTreeMap<String, Origin>;

/// The key of a profile's values in the manifests of runs that recorded them as one.
const VALUES: &str = "values";

impl Settings {
    fn new(profile: String, values: Profile, seed: Option<u64>) -> Self {
        Self {
            profile,
            values,
            only: Vec::new(),
            acquire_of: BTreeMap::new(),
            system_files: Vec::new(),
            modes_of: BTreeMap::new(),
            keep_to: None,
            scaling_systems: Vec::new(),
            builds: BTreeMap::new(),
            hosts: BTreeMap::new(),
            targets: Vec::new(),
            evict_always: false,
            seed: seed.unwrap_or_else(run::draw_seed),
        }
    }

    /// Those of a profile that comes with the program under a name of its own.
    pub(super) fn from_toml(name: &str, text: &str, samples: u32, seed: Option<u64>) -> Self {
        let values = Profile::built_in(text);
        Self::new(name.to_owned(), Profile { samples, ..values }, seed)
    }

    /// Those of a comparison, which plans its cells by itself.
    pub fn for_comparison(samples: u32, seed: Option<u64>) -> Self {
        Self::new("comparison".to_owned(), Profile::empty(samples), seed)
    }

    /// Every value with where it came from, as a manifest records it.
    pub(super) fn to_config(&self, origins: &Origins) -> BTreeMap<String, Setting> {
        let recorded = Self {
            targets: target::recorded(&self.targets),
            ..self.clone()
        };
        let setting = |(key, value): (String, Value)| {
            let origin = origins.get(&key).copied().unwrap_or(Origin::Default);
            (key, Setting { value, origin })
        };
        recorded.to_map().into_iter().map(setting).collect()
    }

    /// All values, those of the profile beside the others.
    fn to_map(&self) -> Map<String, Value> {
        let mut map = to_map(self);
        if let Some(Value::Object(values)) = map.remove(VALUES) {
            map.extend(values);
        }
        map
    }

    /// The settings of a manifest, of this version or of one that recorded a profile's values as
    /// one.
    fn from_config(mut map: Map<String, Value>) -> serde_json::Result<Self> {
        if map.contains_key(VALUES) {
            let of_workloads = map.remove("scenarios_of");
            if let Some(Value::Object(values)) = map.get_mut(VALUES) {
                values.extend(of_workloads.map(|old| ("scenarios_of".to_owned(), old)));
                loads::complete_old(values);
            }
            let acquire_of = acquire_of_old_run(&mut map);
            map.insert("acquire_of".to_owned(), acquire_of);
        } else {
            loads::complete_old(&mut map);
            let own = to_map(&Self::for_comparison(1, Some(0)));
            let (own, values): (Map<_, _>, Map<_, _>) =
                map.into_iter().partition(|(key, _)| own.contains_key(key));
            map = own;
            map.insert(VALUES.to_owned(), values.into());
        }
        serde_json::from_value(map.into())
    }
}

/// The code acquisition modes of single systems, from the manifest of a run that recorded each
/// under a key of its own.
fn acquire_of_old_run(map: &mut Map<String, Value>) -> Value {
    let modes = System::all().into_iter().filter_map(|system| {
        let mode = map.remove(system.acquire_variable()?.old_key)?;
        (!mode.is_null()).then(|| (system.name().to_owned(), mode))
    });
    modes.collect::<Map<_, _>>().into()
}

fn to_map(data: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(data) {
        Ok(Value::Object(map)) => map,
        _ => unreachable!("settings are plain data with named fields: they serialise as an object"),
    }
}

/// Settings while values are laid above each other, with where each came from.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) settings: Settings,
    origins: Origins,
}

impl Layers {
    /// The lowest layer: the profile, and what is set by default.
    fn new(settings: Settings) -> Self {
        let keys = to_map(&settings.values).into_iter().map(|(key, _)| key);
        let origins = keys.map(|key| (key, Origin::Profile)).collect();
        Self { settings, origins }
    }

    /// Lays a value above the one that is there, if there is one to be laid.
    pub(super) fn set<T>(
        &mut self,
        origin: Origin,
        key: &str,
        value: Option<T>,
        field: impl FnOnce(&mut Settings) -> &mut T,
    ) {
        if let Some(value) = value {
            *field(&mut self.settings) = value;
            self.origins.insert(key.to_owned(), origin);
        }
    }
}

/// The settings in force: of a run that is resumed, those in its folder's manifest. `usual` is the
/// profile where none is named.
///
/// # Errors
/// A value is impossible.
pub fn resolve(
    arguments: &SuiteArguments,
    variables: &Variables,
    resume: Option<&Path>,
    usual: &str,
) -> Result<(Settings, Origins), Error> {
    if let Some(folder) = resume {
        let settings = read_run(folder)?;
        target::load(&settings.targets)?;
        return Ok((settings, Origins::new()));
    }
    // Before all else: whatever names a system may name one of these.
    let own = described::register(&arguments.system)?;
    let name = arguments.profile.as_deref().unwrap_or(usual);
    let values = Profile::load(name)?;
    let settings = Settings::new(name.to_owned(), values, arguments.seed);
    let mut layers = Layers::new(settings);
    own_workloads::add(&arguments.own, &mut layers)?;
    let seed = arguments
        .seed
        .map_or(Origin::Drawn, |_| Origin::CommandLine);
    layers.origins.insert("seed".to_owned(), seed);
    environment::apply(variables, &mut layers)?;
    apply_arguments(arguments, &mut layers);
    apply_to_slow(arguments, &mut layers);
    if !own.is_empty() {
        described::ask_for(&arguments.system, &own, &mut layers.settings)?;
        let set = described::KEYS.map(|key| (key.to_owned(), Origin::CommandLine));
        layers.origins.extend(set);
    }
    renamed::apply(&mut layers.settings);
    let only = layers.settings.only.clone();
    asked::apply(&only, &mut layers);
    check(&layers.settings)?;
    apply_budget(arguments, &mut layers)?;
    Ok((layers.settings, layers.origins))
}

/// Whoever says how many samples there are to be says so of every cell, and so does a budget, which chooses them.
fn apply_to_slow(arguments: &SuiteArguments, layers: &mut Layers) {
    let origin = layers.origins.get("samples").copied();
    let chosen = arguments.budget.map(|_| Origin::CommandLine);
    let origin = origin.filter(|it| *it != Origin::Profile).or(chosen);
    if let (Some(origin), 2..) = (origin, layers.settings.values.slow_every) {
        layers.set(origin, "slow_every", Some(1), |it| {
            &mut it.values.slow_every
        });
    }
}

/// Lays the budget of the command line above the rest: it chooses the samples, unless somebody else
/// has.
fn apply_budget(arguments: &SuiteArguments, layers: &mut Layers) -> Result<(), Error> {
    const ORIGIN: Origin = Origin::CommandLine;
    let Some(budget) = arguments.budget else {
        return Ok(());
    };
    layers.set(ORIGIN, "keep_to", Some(Some(budget)), |it| &mut it.keep_to);
    if layers.origins.get("samples") == Some(&Origin::Profile) {
        let samples = plan::samples_within(budget, &layers.settings)?;
        layers.set(ORIGIN, "samples", Some(samples), |it| {
            &mut it.values.samples
        });
    }
    Ok(())
}

/// Those of a run that was begun, from its manifest.
///
/// # Errors
/// There is no such manifest, or it is another program's.
pub(super) fn read_run(folder: &Path) -> Result<Settings, Error> {
    let manifest = run_folder::read_manifest(folder)?;
    own_word::check(&manifest)?;
    let config = manifest
        .config
        .into_iter()
        .filter(|(key, _)| key != own_word::KEY)
        .map(|(key, setting)| (key, setting.value));
    let read = Settings::from_config(config.collect()).map_err(|error| {
        Error::new(
            Exit::Resume,
            format!("the run's configuration cannot be understood: {error}"),
        )
        .hint("it is resumed by the command and the version of coldphase that began it")
    });
    let mut settings = read?;
    settings.targets = own_workloads::expanded(settings.targets)?;
    // A record does not say where a home is.
    let builds = settings.builds.values_mut();
    let builds = builds.chain(settings.hosts.values_mut());
    for path in builds.chain(&mut settings.system_files) {
        *path = mask::expand(path);
    }
    described::register_again(&settings)?;
    Ok(settings)
}

/// Lays the command line above the rest.
fn apply_arguments(arguments: &SuiteArguments, layers: &mut Layers) {
    const ORIGIN: Origin = Origin::CommandLine;
    let firewall = arguments.firewall.iter().map(ToString::to_string);
    let delay_ms = arguments.delay.iter().map(|delay| delay.0);
    let profile = arguments.profile.clone();
    layers.set(ORIGIN, "profile", profile, |it| &mut it.profile);
    layers.set(ORIGIN, "only", listed(&arguments.only), |it| &mut it.only);
    layers.set(ORIGIN, "samples", arguments.samples, |it| {
        &mut it.values.samples
    });
    layers.set(ORIGIN, "warm_up", arguments.warm_up, |it| {
        &mut it.values.warm_up
    });
    layers.set(ORIGIN, "requests", arguments.requests.map(Some), |it| {
        &mut it.values.requests
    });
    if let Some(duration) = arguments.duration {
        layers.set(ORIGIN, "load_s", Some(duration.as_secs_f64()), |it| {
            &mut it.values.load_s
        });
        layers.set(ORIGIN, "requests", Some(None), |it| &mut it.values.requests);
    }
    layers.set(
        ORIGIN,
        "connections",
        listed(&arguments.connections),
        |it| &mut it.values.connections,
    );
    layers.set(ORIGIN, "time_limit_s", arguments.time_limit, |it| {
        &mut it.values.time_limit_s
    });
    layers.set(ORIGIN, "page_cache", listed(&arguments.page_cache), |it| {
        &mut it.values.page_cache
    });
    layers.set(ORIGIN, "instances", listed(&arguments.instances), |it| {
        &mut it.values.instances
    });
    layers.set(ORIGIN, "variants", arguments.variants, |it| {
        &mut it.values.variants
    });
    let firewall: Vec<_> = firewall.collect();
    layers.set(ORIGIN, "firewall", listed(&firewall), |it| {
        &mut it.values.firewall
    });
    layers.set(ORIGIN, "path", listed(&arguments.path), |it| {
        &mut it.values.path
    });
    let delay_ms: Vec<_> = delay_ms.collect();
    layers.set(ORIGIN, "delay_ms", listed(&delay_ms), |it| {
        &mut it.values.delay_ms
    });
    layers.set(ORIGIN, "jitter_ms", arguments.jitter.map(|it| it.0), |it| {
        &mut it.values.jitter_ms
    });
    layers.set(ORIGIN, "rate_mbit", arguments.rate.map(Some), |it| {
        &mut it.values.rate_mbit
    });
    let observe = arguments.no_observer.then(Vec::new);
    layers.set(ORIGIN, "observe", observe, |it| &mut it.values.observe);
}

/// A list of arguments; nothing if none was given.
fn listed<T: Clone>(values: &[T]) -> Option<Vec<T>> {
    (!values.is_empty()).then(|| values.to_vec())
}

/// Whether every name in the settings is one, and every number possible.
fn check(settings: &Settings) -> Result<(), Error> {
    settings
        .values
        .all_values()
        .iter()
        .try_for_each(check_values)
}

fn check_values(values: &Profile) -> Result<(), Error> {
    let systems = System::names();
    for names in [&values.systems, &values.controls] {
        all_known("system", names, &systems)?;
    }
    let workloads = Workload::all().into_iter().map(Workload::name);
    let workloads: Vec<_> = workloads.collect();
    for names in [
        &values.workloads,
        &values.managed_workloads,
        &values.multiplied_workloads,
        &values.instancing_workloads,
        &values.paced_workloads,
        &values.observe,
    ] {
        all_known("workload", names, &workloads)?;
    }
    let modes: Vec<_> = Acquire::ALL.iter().map(|mode| mode.name()).collect();
    for scenario in Scenario::ALL {
        all_known("code acquisition mode", values.modes(scenario), &modes)?;
    }
    let scenarios = Scenario::ALL.map(Scenario::name);
    for names in values.scenarios_of.values().chain([&values.scenarios]) {
        all_known("scenario", names, &scenarios)?;
    }
    let of_workloads: Vec<_> = values.scenarios_of.keys().cloned().collect();
    all_known("workload", &of_workloads, &workloads)?;
    loads::check(values)?;
    network::check(values)?;
    let least = |numbers: &[usize]| numbers.iter().copied().min().unwrap_or(0) as u64;
    let positive = [
        ("samples", u64::from(values.samples)),
        ("slow_every", u64::from(values.slow_every)),
        ("requests", values.requests.unwrap_or(1)),
        ("time_limit_s", values.time_limit_s),
        ("connections", least(&values.connections)),
        ("instances", least(&values.instances)),
    ];
    match positive.into_iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(Error::new(Exit::Usage, format!("{key} must be at least 1"))),
        None => Ok(()),
    }
}

fn all_known(what: &str, names: &[String], known: &[&str]) -> Result<(), Error> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(
            Error::new(Exit::Usage, format!("there is no {what} `{name}`"))
                .hint(format!("there are {}", known.join(", "))),
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::PROFILES;
    use super::*;

    fn resolved(arguments: &SuiteArguments, variables: &Variables) -> (Settings, Origins) {
        resolve(arguments, variables, None, DEFAULT).unwrap()
    }

    #[test]
    fn the_profiles_that_come_with_the_program_are_right() {
        for (name, _) in PROFILES {
            let arguments = SuiteArguments {
                profile: Some(name.to_owned()),
                ..SuiteArguments::default()
            };
            let (settings, _) = resolved(&arguments, &Variables::none());
            assert!(
                !settings.values.controls.is_empty(),
                "{name} has an A/A control"
            );
        }
    }

    #[test]
    fn the_command_line_lies_above_the_environment_and_that_above_the_profile() {
        let variables = Variables::from_pairs([("THROUGHPUT_REQS", "77"), ("WARMUP_REQ", "3")]);
        let arguments = SuiteArguments {
            warm_up: Some(9),
            ..SuiteArguments::default()
        };
        let (settings, origins) = resolved(&arguments, &variables);
        let values = &settings.values;
        assert_eq!((values.requests, values.warm_up), (Some(77), 9));
        let config = settings.to_config(&origins);
        assert_eq!(config["warm_up"].origin, Origin::CommandLine);
        assert_eq!(config["requests"].origin, Origin::Environment);
        assert_eq!(config["samples"].origin, Origin::Profile);
        assert_eq!(config["profile"].origin, Origin::Default);
        assert_eq!(config["seed"].origin, Origin::Drawn);
    }

    #[test]
    fn what_a_manifest_records_leads_back() {
        let variables = Variables::from_pairs([("WASMTIME_CACHE_MODE", "warm"), ("N_RUN", "3")]);
        let (settings, origins) = resolved(&SuiteArguments::default(), &variables);
        let config = settings.to_config(&origins).into_iter();
        let map = config.map(|(key, setting)| (key, setting.value)).collect();
        assert_eq!(Settings::from_config(map).unwrap(), settings);
    }

    #[test]
    fn manifests_that_record_the_profiles_values_as_one_are_read() {
        let (mut settings, _) = resolved(&SuiteArguments::default(), &Variables::none());
        let mut map = to_map(&settings);
        map.remove("acquire_of");
        map.insert("wasmtime_cache".to_owned(), "cache_hit".into());
        let values = map[VALUES].as_object_mut().unwrap();
        let workloads = values.remove("managed_workloads").unwrap();
        values.insert("hosted_workloads".to_owned(), workloads);
        settings
            .acquire_of
            .insert("wasmtime-cli".to_owned(), Acquire::CacheHit);
        assert_eq!(Settings::from_config(map).unwrap(), settings);
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let refusal = |profile: String| {
            let arguments = SuiteArguments {
                profile: Some(profile),
                ..SuiteArguments::default()
            };
            resolve(&arguments, &Variables::none(), None, DEFAULT)
                .unwrap_err()
                .to_string()
        };
        let refusal_of_text = |text: &str| {
            std::fs::write(&file, text).unwrap();
            refusal(file.display().to_string())
        };
        let quick = PROFILES[0].1;
        assert!(
            refusal_of_text(&quick.replace("\"native\",", "\"nativ\","))
                .contains("there is no system `nativ`")
        );
        assert!(
            refusal_of_text(&quick.replace("samples = 21", "samples = 0"))
                .contains("samples must be at least 1")
        );
        assert!(
            refusal_of_text(&quick.replace("samples", "sample")).contains("unknown field `sample`")
        );
        let unknown = refusal("slow".to_owned());
        assert!(
            unknown.contains("there is no profile `slow`")
                && unknown.contains("quick, standard, paper, reference, load, scale, density"),
            "{unknown}"
        );
    }
}
