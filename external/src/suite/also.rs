//! Cells that a profile has beside those that its own values cross: some systems behind a firewall,
//! others over a link, several instances of a third, in one run with one control.

use serde::{Deserialize, Serialize};

use results::values::{Lifecycle, PageCache, Pool};

use super::network::PathKind;
use super::profile::{Profile, Variants};

/// An entry `[[also]]` of a profile: what it says in the place of the profile's own values. What it
/// leaves out it has from the profile, but for what is between client and service, in the page cache,
/// observed, or measured a second time: of these it has what it says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Also {
    /// The systems, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub systems: Option<Vec<String>>,
    /// The workloads, by name; of systems with an engine of their own as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workloads: Option<Vec<String>>,
    /// The scenarios, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<Vec<String>>,
    /// Code acquisition modes of starts with everything prepared and nothing in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_cold: Option<Vec<String>>,
    /// Code acquisition modes of starts with nothing compiled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_cold: Option<Vec<String>>,
    /// Code acquisition modes of starts with everything prepared and in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_disk: Option<Vec<String>>,
    /// How many requests an instance of a service under load handles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lifecycle: Vec<Lifecycle>,
    /// The pools that instances of a service under load come from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<Pool>,
    /// Connections at once under `throughput`, `paced` and `scaling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Vec<usize>>,
    /// Instances at once under `scaling` and `density`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Vec<usize>>,
    /// Which variants of systems are measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variants: Option<Variants>,
    /// Workloads whose starts are observed, beside starts that are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observe: Vec<String>,
    /// Systems that are measured a second time under another name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// What starts find in the page cache.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub page_cache: Vec<PageCache>,
    /// Levels of a firewall in front of services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub firewall: Vec<String>,
    /// Network paths from client to service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathKind>,
    /// How long a link holds a packet back on each side, in milliseconds, one after another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delay_ms: Vec<u32>,
}

impl Also {
    /// A profile whose values cross the cells of this entry.
    pub(super) fn over(&self, profile: &Profile) -> Profile {
        let mut values = Profile {
            also: Vec::new(),
            lifecycle: self.lifecycle.clone(),
            pool: self.pool.clone(),
            observe: self.observe.clone(),
            controls: self.controls.clone(),
            page_cache: self.page_cache.clone(),
            firewall: self.firewall.clone(),
            path: self.path.clone(),
            delay_ms: self.delay_ms.clone(),
            ..profile.clone()
        };
        if let Some(workloads) = &self.workloads {
            values.workloads.clone_from(workloads);
            values.managed_workloads.clone_from(workloads);
            values.multiplied_workloads = Vec::new();
        }
        if let Some(scenarios) = &self.scenarios {
            values.scenarios.clone_from(scenarios);
            values.scenarios_of.clear();
        }
        lay(self.systems.as_ref(), &mut values.systems);
        lay(self.disk_cold.as_ref(), &mut values.disk_cold);
        lay(self.code_cold.as_ref(), &mut values.code_cold);
        lay(self.warm_disk.as_ref(), &mut values.warm_disk);
        lay(self.connections.as_ref(), &mut values.connections);
        lay(self.instances.as_ref(), &mut values.instances);
        lay(self.variants.as_ref(), &mut values.variants);
        values
    }
}

/// Lays a value above the one that is there, if there is one to be laid.
fn lay<T: Clone>(value: Option<&T>, over: &mut T) {
    if let Some(value) = value {
        over.clone_from(value);
    }
}
