//! Profiles: what is measured, in TOML.

use std::collections::BTreeMap;

use campaign::{Error, Exit};
use results::installation::Installation;
use results::record::Scenario;
use results::values::{Lifecycle, PageCache, Pool};
use serde::{Deserialize, Serialize};

use super::also::Also;
use super::budget::Budget;
use super::loads::Rate;
use super::{network, renamed};

/// The profiles that come with the program.
pub const PROFILES: [(&str, &str); 7] = [
    ("quick", include_str!("../../profiles/quick.toml")),
    ("standard", include_str!("../../profiles/standard.toml")),
    ("paper", include_str!("../../profiles/paper.toml")),
    ("reference", include_str!("../../profiles/reference.toml")),
    ("load", include_str!("../../profiles/load.toml")),
    ("scale", include_str!("../../profiles/scale.toml")),
    ("density", include_str!("../../profiles/density.toml")),
];

/// The profile that is used unless another is named.
pub const DEFAULT: &str = "quick";

/// A profile, as it stands in a file. Unknown keys are errors: a misspelt one would be a run other
/// than the one meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Samples of each cell.
    pub samples: u32,
    /// Cells whose samples take long, those under load and those of systems with an engine of their own, are
    /// measured in every n-th block only.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub slow_every: u32,
    /// How long measuring takes at most, as the profile is: what a person can count on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The systems, by name.
    pub systems: Vec<String>,
    /// The workloads, by name.
    pub workloads: Vec<String>,
    /// The scenarios, by name.
    pub scenarios: Vec<String>,
    /// Code acquisition modes of starts with everything prepared and nothing in memory.
    pub disk_cold: Vec<String>,
    /// Code acquisition modes of starts with nothing compiled.
    pub code_cold: Vec<String>,
    /// Code acquisition modes of starts whose image is pulled.
    pub image_cold: Vec<String>,
    /// Code acquisition modes of starts with everything prepared and in memory.
    pub warm_disk: Vec<String>,
    /// Code acquisition modes of servers under load.
    pub load: Vec<String>,
    /// Requests over each connection before those that are recorded.
    pub warm_up: u64,
    /// How long at most requests go on after these until their rate is steady, in seconds; none of
    /// them is recorded.
    #[serde(default = "half_a_second")]
    pub warm_up_s: f64,
    /// For how long requests are recorded, of each sample, in seconds.
    #[serde(default = "half_a_second")]
    pub load_s: f64,
    /// How many requests are recorded, of each sample, whatever time they take; as many as there are
    /// in [`Self::load_s`] if nothing is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// At which parts of the rate that a system was found to answer at most requests arrive under
    /// `paced`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate: Vec<Rate>,
    /// The workloads that are measured under `paced`; all, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paced_workloads: Vec<String>,
    /// Connections at once under `throughput`.
    pub connections: Vec<usize>,
    /// Instances at once under `scaling` and `density`.
    #[serde(default = "one_instance")]
    pub instances: Vec<usize>,
    /// The workloads of which there are several instances at once; all, if none is named.
    #[serde(default)]
    pub multiplied_workloads: Vec<String>,
    /// How many requests an instance of a service under load handles, where that can be chosen:
    /// beside the usual way of each system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifecycle: Vec<Lifecycle>,
    /// The pools that instances of a service under load come from, where that can be chosen: beside
    /// the usual one of each system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<Pool>,
    /// The workloads of which these are varied; all, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instancing_workloads: Vec<String>,
    /// The workloads of systems with an engine of their own, of which a sample takes a second and
    /// more.
    #[serde(alias = "hosted_workloads")]
    pub managed_workloads: Vec<String>,
    /// The scenarios of single workloads, where they differ from the others'.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scenarios_of: BTreeMap<String, Vec<String>>,
    /// Workloads whose starts are observed, beside starts that are not.
    pub observe: Vec<String>,
    /// Systems that are measured a second time under another name.
    pub controls: Vec<String>,
    /// Which variants of systems that have several are measured.
    pub variants: Variants,
    /// How long a start, or a request, may take.
    pub time_limit_s: u64,
    /// What starts find in the page cache, several compared; by scenario if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub page_cache: Vec<PageCache>,
    /// Levels of a firewall in front of services: `off` and others. With no other it is no
    /// parameter.
    #[serde(default)]
    pub firewall: Vec<String>,
    /// Network paths from client to service: the loopback unless others are named.
    #[serde(default)]
    pub path: Vec<network::PathKind>,
    /// How long a link holds a packet back on each side, in milliseconds, one after another.
    #[serde(default)]
    pub delay_ms: Vec<u32>,
    /// By how much such a delay varies either way, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub jitter_ms: u32,
    /// How many megabits a second go through a link, each way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_mbit: Option<u32>,
    /// Further cells, beside those that the values above cross.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Also>,
}

const fn one() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "it is how serde calls it"
)]
const fn is_one(value: &u32) -> bool {
    *value == 1
}

const fn half_a_second() -> f64 {
    0.5
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "it is how serde calls it"
)]
const fn is_zero(value: &u32) -> bool {
    *value == 0
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

impl Profile {
    /// These values, and those of each further entry: together they cross all cells.
    pub(super) fn all_values(&self) -> Vec<Self> {
        let own = Self {
            also: Vec::new(),
            ..self.clone()
        };
        let also = self.also.iter().map(|also| also.over(self));
        std::iter::once(own).chain(also).collect()
    }

    /// The code acquisition modes of a scenario.
    pub(super) const fn modes(&self, scenario: Scenario) -> &Vec<String> {
        match scenario {
            Scenario::DiskCold => &self.disk_cold,
            Scenario::CodeCold => &self.code_cold,
            Scenario::ImageCold => &self.image_cold,
            Scenario::WarmDisk => &self.warm_disk,
            Scenario::Warm
            | Scenario::Throughput
            | Scenario::Paced
            | Scenario::Scaling
            | Scenario::Density => &self.load,
        }
    }

    /// The same, to be changed.
    pub(super) const fn modes_mut(&mut self, scenario: Scenario) -> &mut Vec<String> {
        match scenario {
            Scenario::DiskCold => &mut self.disk_cold,
            Scenario::CodeCold => &mut self.code_cold,
            Scenario::ImageCold => &mut self.image_cold,
            Scenario::WarmDisk => &mut self.warm_disk,
            Scenario::Warm
            | Scenario::Throughput
            | Scenario::Paced
            | Scenario::Scaling
            | Scenario::Density => &mut self.load,
        }
    }

    /// The key of a scenario's code acquisition modes.
    pub(super) const fn modes_key(scenario: Scenario) -> &'static str {
        match scenario {
            Scenario::DiskCold => "disk_cold",
            Scenario::CodeCold => "code_cold",
            Scenario::ImageCold => "image_cold",
            Scenario::WarmDisk => "warm_disk",
            Scenario::Warm
            | Scenario::Throughput
            | Scenario::Paced
            | Scenario::Scaling
            | Scenario::Density => "load",
        }
    }

    /// One that plans nothing by itself.
    pub(super) fn empty(samples: u32) -> Self {
        Self {
            samples,
            slow_every: 1,
            budget: None,
            systems: Vec::new(),
            workloads: Vec::new(),
            scenarios: Vec::new(),
            disk_cold: Vec::new(),
            code_cold: Vec::new(),
            image_cold: Vec::new(),
            warm_disk: Vec::new(),
            load: Vec::new(),
            warm_up: 0,
            warm_up_s: 0.0,
            load_s: half_a_second(),
            requests: None,
            rate: Vec::new(),
            paced_workloads: Vec::new(),
            connections: Vec::new(),
            instances: one_instance(),
            multiplied_workloads: Vec::new(),
            page_cache: Vec::new(),
            lifecycle: Vec::new(),
            pool: Vec::new(),
            instancing_workloads: Vec::new(),
            managed_workloads: Vec::new(),
            scenarios_of: BTreeMap::new(),
            observe: Vec::new(),
            controls: Vec::new(),
            variants: Variants::Usual,
            time_limit_s: 30,
            firewall: Vec::new(),
            path: Vec::new(),
            delay_ms: Vec::new(),
            jitter_ms: 0,
            rate_mbit: None,
            also: Vec::new(),
        }
    }

    /// One that comes with the program.
    pub(super) fn built_in(text: &str) -> Self {
        toml::from_str(text).expect("the profiles that come with the program are tested")
    }

    /// The profile of a name that comes with the program, or in a file.
    ///
    /// # Errors
    /// There is neither, or the file is no profile.
    pub(super) fn load(name: &str) -> Result<Self, Error> {
        if let Some((_, text)) = PROFILES.iter().find(|(known, _)| *known == name) {
            return Ok(Self::built_in(text));
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
        Self::parse(name, &text)
    }

    /// The profile that a file of this name holds.
    ///
    /// # Errors
    /// It is no profile, and where.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Error> {
        if let Ok(table) = text.parse() {
            renamed::check_keys(name, &table)?;
        }
        toml::from_str(text).map_err(|error| {
            Error::new(
                Exit::Usage,
                format!("{name} is no profile: {}", error.to_string().trim_end()),
            )
            .hint(example())
        })
    }
}

/// Where every key of a profile stands.
pub(super) fn example() -> String {
    let example = Installation::here().for_readers("external/profiles/quick.toml");
    format!("{example} has every key")
}
