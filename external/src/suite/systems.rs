//! The systems of a plan, as they were found on this machine.

use std::collections::BTreeMap;

use campaign::{Error, Exit};
use results::{Skip, SkipKind};

use super::plan::Planned;
use crate::doctor::SystemState;
use crate::system::{Found, System, Unavailable};

/// Systems, and why those that are not there cannot be measured.
pub struct Systems(BTreeMap<System, Result<Found, Unavailable>>);

impl Systems {
    /// Looks for these, and builds what is ours.
    pub fn find(systems: impl IntoIterator<Item = System>) -> Self {
        let mut found = BTreeMap::new();
        for system in systems {
            found.entry(system).or_insert_with(|| system.find());
        }
        Self(found)
    }

    /// One of them.
    ///
    /// # Errors
    /// Why it cannot be measured, with the remedy.
    pub fn get(&self, system: System) -> Result<&Found, Skip> {
        match self.0.get(&system) {
            Some(Ok(found)) => Ok(found),
            Some(Err(unavailable)) => Err(unavailable.clone().into()),
            None => Err(Skip::new(
                SkipKind::NotPrepared,
                format!("{} is not in the plan", system.name()),
            )),
        }
    }

    /// Those that are not there.
    pub fn absent(&self) -> impl Iterator<Item = (System, &Unavailable)> {
        self.0
            .iter()
            .filter_map(|(system, found)| Some((*system, found.as_ref().err()?)))
    }

    /// As the doctor shows them.
    pub fn states(&self) -> Vec<SystemState> {
        let state = |(system, found): (&System, &Result<Found, Unavailable>)| SystemState {
            name: system.name(),
            version: found.as_ref().ok().map(|found| found.version.clone()),
            state: found.as_ref().map(|_| ()).map_err(Clone::clone),
            notes: self.notes(*system).into_iter().collect(),
        };
        self.0.iter().map(state).collect()
    }

    /// What a reader must know of a system that is there: whether the same engine is embedded in
    /// another version.
    fn notes(&self, system: System) -> Option<String> {
        let (_, embedded, _) = systems::engine_pairs()
            .into_iter()
            .find(|(_, _, cli)| *cli == system.name())?;
        let embedded = self.get(System::from_name(&embedded)?).ok()?;
        (self.get(system).ok()?.version != embedded.version).then(|| {
            format!(
                "{} is embedded: differences between the two are differences between versions too",
                embedded.version
            )
        })
    }

    /// Checks that these are there.
    ///
    /// # Errors
    /// One that is not.
    pub fn require(&self, required: &[System]) -> Result<(), Error> {
        for system in required {
            self.get(*system).map_err(|reason| {
                let name = system.name();
                Error::new(
                    Exit::Nothing,
                    format!("{name} is required and cannot be measured: {reason}"),
                )
            })?;
        }
        Ok(())
    }
}

/// The systems of these names, each of which must be one of the `planned`. Checked before anything
/// is built.
///
/// # Errors
/// One that no cell of the plan is of.
pub(super) fn required(names: &[String], planned: &[Planned]) -> Result<Vec<System>, Error> {
    let system = |name: &String| {
        let known = planned.iter().find(|planned| planned.system.name() == name);
        known.map(|planned| planned.system).ok_or_else(|| {
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
