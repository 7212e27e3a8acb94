//! The systems of a plan, as they were found on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use campaign::terminal::say;
use campaign::{Error, Exit};
use results::run_folder::read_manifest;
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

    /// The same for a run that goes on, in this folder, or a new one. What a run restarts may just be
    /// coming back when it was killed: what it had is brought back first.
    ///
    /// # Errors
    /// The run's manifest cannot be read.
    pub fn find_for(
        resumed: Option<&Path>,
        systems: impl IntoIterator<Item = System>,
    ) -> Result<Self, Error> {
        let then = resumed.map(read_manifest).transpose()?;
        let had = |system: System| {
            then.as_ref().is_some_and(|manifest| {
                let known = manifest.systems.iter().find(|it| it.name == system.name());
                known.is_some_and(|it| it.unavailable.is_none())
            })
        };
        let systems: BTreeSet<_> = systems.into_iter().collect();
        for system in systems.iter().copied().filter(|system| had(*system)) {
            if let Err(reason) = system.bring_back() {
                say(&format!("{}: {reason}", system.name()));
            }
        }
        Ok(Self::find(systems))
    }

    /// One that is known already.
    pub fn known(system: System, found: Found) -> Self {
        Self(BTreeMap::from([(system, Ok(found))]))
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
            family: system.family(),
            version: found.as_ref().ok().map(|found| found.version.clone()),
            state: found.as_ref().map(|_| ()).map_err(Clone::clone),
            notes: self.notes(*system),
        };
        self.0.iter().map(state).collect()
    }

    /// What a reader must know of a system that is there: which engine is in it where that has a
    /// version of its own, and who has the same engine in another version.
    fn notes(&self, system: System) -> Vec<String> {
        let Ok(found) = self.get(system) else {
            return Vec::new();
        };
        let engine = systems::describe(&system.recorded()).engine;
        let within = engine.zip(found.engine_version.as_ref());
        let within = within.map(|((engine, _), version)| format!("{engine} {version} is in it"));
        let all = self.0.iter().filter_map(|(system, found)| {
            let found = found.as_ref().ok()?;
            Some((
                system.name(),
                &*found.version,
                found.engine_version.as_deref(),
            ))
        });
        let differing = systems::differing_engines(all).into_iter();
        let differing = differing.filter(|one| {
            let mut of = one.versions.iter().flat_map(|(_, systems)| systems);
            of.any(|name| name == system.name())
        });
        within
            .into_iter()
            .chain(differing.map(|one| one.sentence()))
            .collect()
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
