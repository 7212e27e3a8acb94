//! The systems of a plan, as they were found on this machine.

use std::collections::BTreeMap;

use campaign::{Error, Exit};

use super::plan::Planned;
use crate::doctor::{SystemState, Unavailable};
use crate::system::{Found, Name, System};

/// Systems, and why those that are not there cannot be measured.
pub struct Systems(BTreeMap<Name, Entry>);

/// A system under a name. Tests put others in the places of real ones.
struct Entry {
    adapter: &'static dyn System,
    found: Result<Found, Unavailable>,
}

impl Systems {
    /// Looks for these, and builds what is ours.
    pub fn find(names: impl Iterator<Item = Name>) -> Self {
        let mut found = BTreeMap::new();
        for name in names {
            found.entry(name).or_insert_with(|| {
                let adapter = name.adapter();
                Entry {
                    adapter,
                    found: adapter.find(),
                }
            });
        }
        Self(found)
    }

    /// These adapters under these names.
    pub fn under(names: impl IntoIterator<Item = (Name, &'static dyn System)>) -> Self {
        Self(
            names
                .into_iter()
                .map(|(name, adapter)| {
                    (
                        name,
                        Entry {
                            adapter,
                            found: adapter.find(),
                        },
                    )
                })
                .collect(),
        )
    }

    /// What prepares starts of a system.
    pub fn adapter(&self, name: Name) -> &'static dyn System {
        self.0
            .get(&name)
            .map_or_else(|| name.adapter(), |entry| entry.adapter)
    }

    /// One of them.
    ///
    /// # Errors
    /// Why it cannot be measured, with the remedy.
    pub fn of(&self, name: Name) -> Result<&Found, String> {
        match self.0.get(&name).map(|entry| &entry.found) {
            Some(Ok(found)) => Ok(found),
            Some(Err(unavailable)) => Err(unavailable.to_string()),
            None => Err("no cell needs it".to_owned()),
        }
    }

    /// Those that are not there.
    pub fn absent(&self) -> impl Iterator<Item = (Name, &Unavailable)> {
        self.0
            .iter()
            .filter_map(|(name, entry)| Some((*name, entry.found.as_ref().err()?)))
    }

    /// As the doctor shows them.
    pub fn states(&self) -> Vec<SystemState> {
        let state = |(name, entry): (&Name, &Entry)| SystemState {
            name: name.name(),
            version: entry.found.as_ref().ok().map(|found| found.version.clone()),
            state: entry.found.as_ref().map(|_| ()).map_err(Clone::clone),
            notes: self.notes(*name),
        };
        self.0.iter().map(state).collect()
    }

    /// What a reader must know of a system that is there.
    fn notes(&self, name: Name) -> Vec<String> {
        let pair = match name {
            Name::WasmtimeCli => Name::WasmtimeEmbedded,
            Name::WasmEdgeCli => Name::WasmEdgeEmbedded,
            _ => return Vec::new(),
        };
        match (self.of(name), self.of(pair)) {
            (Ok(this), Ok(embedded)) if this.version != embedded.version => vec![format!(
                "{} is embedded: differences between the two are differences between versions too",
                embedded.version
            )],
            _ => Vec::new(),
        }
    }

    /// Checks that these are there.
    ///
    /// # Errors
    /// One that is not.
    pub fn require(&self, required: &[Name]) -> Result<(), Error> {
        for name in required {
            self.of(*name).map_err(|reason| {
                let name = name.name();
                Error::new(
                    Exit::Nothing,
                    format!("{name} is required and cannot be measured: {reason}"),
                )
            })?;
        }
        Ok(())
    }
}

/// The systems of these names, each of which must be one of the `planned`. Asked before anything is
/// built.
///
/// # Errors
/// One that no cell of the plan is of.
pub(super) fn required(names: &[String], planned: &[Planned]) -> Result<Vec<Name>, Error> {
    let system = |name: &String| {
        let known = Name::from_name(name)
            .filter(|name| planned.iter().any(|planned| planned.system == *name));
        known.ok_or_else(|| {
            let mut systems: Vec<_> = planned
                .iter()
                .map(|planned| planned.system.name())
                .collect();
            systems.sort_unstable();
            systems.dedup();
            Error::new(
                Exit::Usage,
                format!("--require {name}: no cell of the plan is of such a system"),
            )
            .hint(format!("the plan has {}", systems.join(", ")))
        })
    };
    names.iter().map(system).collect()
}
