//! What a suite is told, where each value came from, and what it means: a profile in TOML, above it
//! the environment, above that the command line.

use std::collections::BTreeMap;
use std::path::Path;

use campaign::{Error, Exit, run};
use results::manifest::Origin;
use results::record::Scenario;
use results::run_folder;
use serde::{Deserialize, Serialize};
use workloads::Workload;

use super::SuiteArguments;
use super::cache::PageCache;
use super::environment::{self, Variables};
use super::network;
use crate::system::{Acquire, Name};

/// The profiles that come with the program.
const PROFILES: [(&str, &str); 5] = [
    ("quick", include_str!("../../profiles/quick.toml")),
    ("standard", include_str!("../../profiles/standard.toml")),
    ("paper", include_str!("../../profiles/paper.toml")),
    ("scale", include_str!("../../profiles/scale.toml")),
    ("density", include_str!("../../profiles/density.toml")),
];

/// What is measured unless something else is said.
pub const DEFAULT: &str = "quick";

/// A profile, as it stands in a file. Unknown keys are errors: a misspelt one would be a run other
/// than the one meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Samples of each cell.
    pub samples: u32,
    /// The systems, by name.
    pub systems: Vec<String>,
    /// The workloads, by name.
    pub workloads: Vec<String>,
    /// The scenarios, by name.
    pub scenarios: Vec<String>,
    /// How code is come by in starts with nothing prepared.
    pub cold: Vec<String>,
    /// How code is come by in starts with something prepared.
    pub runtime_cold: Vec<String>,
    /// How code is come by in servers under load.
    pub load: Vec<String>,
    /// Requests before those that are recorded.
    pub warm_up: u64,
    /// Requests that are recorded, of each sample.
    pub requests: u64,
    /// Connections at once under `throughput`.
    pub connections: Vec<usize>,
    /// Instances at once under `scaling` and `density`.
    #[serde(default = "one_instance")]
    pub instances: Vec<usize>,
    /// The workloads of which there are several instances at once; all, if none is named.
    #[serde(default)]
    pub multiplied_workloads: Vec<String>,
    /// The workloads of systems with an engine of their own, of which a sample takes a second and
    /// more.
    pub hosted_workloads: Vec<String>,
    /// Workloads whose starts are taken apart, beside starts that are not.
    pub observe: Vec<String>,
    /// Systems that are measured a second time under another name.
    pub controls: Vec<String>,
    /// Which variants of systems that have several are measured.
    pub variants: Variants,
    /// How long a start, or a request, may take.
    pub time_limit_s: u64,
    /// What starts find in the page cache, several beside each other; by scenario if nothing is
    /// said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub page_cache: Vec<PageCache>,
    /// Levels of a firewall in front of services: `off` and others. Nothing is said of one if there
    /// is no other.
    #[serde(default)]
    pub firewall: Vec<String>,
    /// The ways from client to service: the loopback unless others are named.
    #[serde(default)]
    pub path: Vec<network::Path>,
    /// How long a network holds a packet back on each side, in milliseconds, one after another.
    #[serde(default)]
    pub delay_ms: Vec<u32>,
    /// How many megabits a second go through a network, each way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_mbit: Option<u32>,
}

fn one_instance() -> Vec<usize> {
    vec![1]
}

/// Which variants of a system are measured: its ways of networking, of keeping images, of pooling
/// instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Variants {
    /// The usual one.
    #[default]
    Usual,
    /// All that there are.
    All,
}

/// What a run measures, in full: kept in its manifest, so that resuming it plans the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The profile's name or file.
    pub profile: String,
    /// Its values, with those of the environment and of the command line above them.
    pub values: Profile,
    /// Only cells with these properties: `key=value`.
    pub only: Vec<String>,
    /// Scenarios of single workloads, where they differ from the profile's.
    pub scenarios_of: BTreeMap<String, Vec<String>>,
    /// How `wasmtime-cli` comes by code, where that differs from the profile's.
    pub wasmtime_cache: Option<String>,
    /// Whether the artifact's pages are evicted before every start, prepared ones too.
    pub evict_always: bool,
    /// What the order of the samples is drawn from.
    pub seed: u64,
}

impl Settings {
    /// Those of a profile that comes with the program under a name of its own.
    pub fn of_text(name: &str, text: &str, samples: u32, seed: Option<u64>) -> Self {
        let values: Profile =
            toml::from_str(text).expect("the profiles that come with the program are tested");
        let values = Profile { samples, ..values };
        Self {
            profile: name.to_owned(),
            values,
            ..Self::of_comparison(samples, seed)
        }
    }

    /// Those of a comparison, which plans its cells by itself.
    pub fn of_comparison(samples: u32, seed: Option<u64>) -> Self {
        let values = Profile {
            samples,
            systems: Vec::new(),
            workloads: Vec::new(),
            scenarios: Vec::new(),
            cold: Vec::new(),
            runtime_cold: Vec::new(),
            load: Vec::new(),
            warm_up: 0,
            requests: 0,
            connections: Vec::new(),
            instances: one_instance(),
            multiplied_workloads: Vec::new(),
            page_cache: Vec::new(),
            hosted_workloads: Vec::new(),
            observe: Vec::new(),
            controls: Vec::new(),
            variants: Variants::Usual,
            time_limit_s: 30,
            firewall: Vec::new(),
            path: Vec::new(),
            delay_ms: Vec::new(),
            rate_mbit: None,
        };
        Self {
            profile: "comparison".to_owned(),
            values,
            only: Vec::new(),
            scenarios_of: BTreeMap::new(),
            wasmtime_cache: None,
            evict_always: false,
            seed: seed.unwrap_or_else(run::draw_seed),
        }
    }
}

/// Where the values of the settings came from.
pub type Origins = BTreeMap<&'static str, Origin>;

/// The settings in force: of a run that is resumed, those in its folder's manifest. `usual` is the
/// profile where none is named.
///
/// # Errors
/// Something that was said is impossible.
pub fn of(
    arguments: &SuiteArguments,
    variables: &Variables,
    resume: Option<&Path>,
    usual: &str,
) -> Result<(Settings, Origins), Error> {
    if let Some(folder) = resume {
        return Ok((of_run(folder)?, Origins::new()));
    }
    let name = arguments
        .profile
        .clone()
        .unwrap_or_else(|| usual.to_owned());
    let mut settings = Settings {
        values: profile(&name)?,
        profile: name,
        only: arguments.only.clone(),
        scenarios_of: BTreeMap::new(),
        wasmtime_cache: None,
        evict_always: false,
        seed: arguments.seed.unwrap_or_else(run::draw_seed),
    };
    let mut origins = Origins::from([
        (
            "profile",
            if arguments.profile.is_some() {
                Origin::CommandLine
            } else {
                Origin::Default
            },
        ),
        ("values", Origin::Profile),
        (
            "only",
            if arguments.only.is_empty() {
                Origin::Default
            } else {
                Origin::CommandLine
            },
        ),
        (
            "seed",
            if arguments.seed.is_some() {
                Origin::CommandLine
            } else {
                Origin::Drawn
            },
        ),
    ]);
    environment::apply(variables, &mut settings, &mut origins)?;
    if flags(arguments, &mut settings.values) {
        origins.insert("values", Origin::CommandLine);
    }
    check(&settings)?;
    Ok((settings, origins))
}

/// Those of a run that was begun, from its manifest.
///
/// # Errors
/// There is no such manifest, or it is another program's.
pub fn of_run(folder: &Path) -> Result<Settings, Error> {
    let manifest = run_folder::read_manifest(folder)?;
    let config: serde_json::Map<_, _> = manifest
        .config
        .into_iter()
        .map(|(key, setting)| (key, setting.value))
        .collect();
    serde_json::from_value(config.into()).map_err(|error| {
        Error::new(
            Exit::Resume,
            format!("the run's configuration cannot be understood: {error}"),
        )
        .hint("it is resumed by the command and the version of coldphase that began it")
    })
}

/// Lays the command line above the profile. Returns whether it said anything.
fn flags(arguments: &SuiteArguments, values: &mut Profile) -> bool {
    let before = values.clone();
    let SuiteArguments {
        samples,
        warm_up,
        requests,
        connections,
        instances,
        ..
    } = arguments;
    values.samples = samples.unwrap_or(values.samples);
    values.warm_up = warm_up.unwrap_or(values.warm_up);
    values.requests = requests.unwrap_or(values.requests);
    if !connections.is_empty() {
        values.connections.clone_from(connections);
    }
    if !arguments.page_cache.is_empty() {
        values.page_cache.clone_from(&arguments.page_cache);
    }
    if !instances.is_empty() {
        values.instances.clone_from(instances);
    }
    values.variants = arguments.variants.unwrap_or(values.variants);
    if !arguments.firewall.is_empty() {
        values.firewall = arguments.firewall.iter().map(ToString::to_string).collect();
    }
    if !arguments.path.is_empty() {
        values.path.clone_from(&arguments.path);
    }
    if !arguments.delay.is_empty() {
        values.delay_ms = arguments.delay.iter().map(|delay| delay.0).collect();
    }
    values.rate_mbit = arguments.rate.or(values.rate_mbit);
    if arguments.no_observer {
        values.observe.clear();
    }
    *values != before
}

fn profile(name: &str) -> Result<Profile, Error> {
    if let Some((_, text)) = PROFILES.iter().find(|(known, _)| *known == name) {
        return Ok(
            toml::from_str(text).expect("the profiles that come with the program are tested")
        );
    }
    let names: Vec<_> = PROFILES.iter().map(|(name, _)| *name).collect();
    let text = std::fs::read_to_string(name).map_err(|error| {
        Error::new(
            Exit::Usage,
            format!("there is no profile `{name}`, and no such file: {error}"),
        )
        .hint(format!(
            "there are {}; or name a TOML file",
            names.join(", ")
        ))
    })?;
    toml::from_str(&text).map_err(|error| {
        Error::new(
            Exit::Usage,
            format!("{name} is no profile: {}", error.to_string().trim_end()),
        )
        .hint("external/profiles/quick.toml has every key")
    })
}

/// Whether every name in the settings is one.
fn check(settings: &Settings) -> Result<(), Error> {
    let values = &settings.values;
    all_known("system", &values.systems, Name::ALL.map(Name::name))?;
    all_known("system", &values.controls, Name::ALL.map(Name::name))?;
    all_known(
        "workload",
        &values.workloads,
        Workload::ALL.map(Workload::name),
    )?;
    all_known(
        "workload",
        &values.hosted_workloads,
        Workload::ALL.map(Workload::name),
    )?;
    all_known(
        "workload",
        &values.multiplied_workloads,
        Workload::ALL.map(Workload::name),
    )?;
    all_known(
        "workload",
        &values.observe,
        Workload::ALL.map(Workload::name),
    )?;
    for ways in [&values.cold, &values.runtime_cold, &values.load] {
        all_known(
            "way of coming by code",
            ways,
            Acquire::ALL.map(Acquire::name),
        )?;
    }
    for scenarios in settings.scenarios_of.values().chain([&values.scenarios]) {
        all_known("scenario", scenarios, Scenario::ALL.map(Scenario::name))?;
    }
    network::check(values)?;
    let positive = [
        ("samples", u64::from(values.samples)),
        ("requests", values.requests),
        ("time_limit_s", values.time_limit_s),
        (
            "connections",
            values.connections.iter().copied().min().unwrap_or(0) as u64,
        ),
        (
            "instances",
            values.instances.iter().copied().min().unwrap_or(0) as u64,
        ),
    ];
    match positive.into_iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => Err(Error::new(Exit::Usage, format!("{key} must be at least 1"))),
        None => Ok(()),
    }
}

fn all_known<const N: usize>(what: &str, names: &[String], known: [&str; N]) -> Result<(), Error> {
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
    use super::*;

    #[test]
    fn the_profiles_that_come_with_the_program_are_right() {
        for (name, _) in PROFILES {
            let arguments = SuiteArguments {
                profile: Some(name.to_owned()),
                ..SuiteArguments::default()
            };
            let (settings, _) = of(&arguments, &Variables::none(), None, DEFAULT).unwrap();
            assert!(
                !settings.values.controls.is_empty(),
                "{name} has an A/A control"
            );
        }
    }

    #[test]
    fn the_command_line_lies_above_the_environment_and_that_above_the_profile() {
        let variables = Variables::of([("THROUGHPUT_REQS", "77"), ("WARMUP_REQ", "3")]);
        let arguments = SuiteArguments {
            warm_up: Some(9),
            ..SuiteArguments::default()
        };
        let (settings, origins) = of(&arguments, &variables, None, DEFAULT).unwrap();
        assert_eq!((settings.values.requests, settings.values.warm_up), (77, 9));
        assert_eq!(origins["values"], Origin::CommandLine);
        assert_eq!(origins["profile"], Origin::Default);
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let told = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let arguments = SuiteArguments {
                profile: Some(file.display().to_string()),
                ..SuiteArguments::default()
            };
            of(&arguments, &Variables::none(), None, DEFAULT)
                .unwrap_err()
                .to_string()
        };
        let quick = PROFILES[0].1;
        assert!(
            told(&quick.replace("\"native\",", "\"nativ\","))
                .contains("there is no system `nativ`")
        );
        assert!(
            told(&quick.replace("samples = 7", "samples = 0"))
                .contains("samples must be at least 1")
        );
        assert!(told(&quick.replace("samples", "sample")).contains("unknown field `sample`"));
        let arguments = SuiteArguments {
            profile: Some("slow".into()),
            ..SuiteArguments::default()
        };
        let said = of(&arguments, &Variables::none(), None, DEFAULT)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("there is no profile `slow`")
                && said.contains("quick, standard, paper, scale, density"),
            "{said}"
        );
    }
}
