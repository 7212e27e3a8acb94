//! The manifest of a run that begins now.

use std::collections::BTreeMap;

use machine::{clock, facts};
use results::installation::Installation;
use results::manifest::{ArtifactFact, Manifest, Order, Origin, Setting, System};
use results::{Cell, SCHEMA_VERSION, mask};
use serde::Serialize;
use serde_json::Value;

use crate::mask::command_line;
use crate::run::build;
use crate::{identity, own_word};

/// What only the program that measures knows of a run.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The configuration in force, each value with its origin: see [`settings`].
    pub config: BTreeMap<String, Setting>,
    /// By which rule samples are ordered.
    pub order: Order,
    /// What the order of the samples is drawn from.
    pub seed: u64,
    /// Samples of each cell.
    pub samples_per_cell: u32,
    /// All cells, in the order in which they were planned.
    pub cells: Vec<Cell>,
    /// The digest of the measuring program.
    pub program_sha256: String,
    /// The systems under test: see [`systems`].
    pub systems: Vec<System>,
    /// The artifacts.
    pub artifacts: Vec<ArtifactFact>,
}

impl From<Measured> for Manifest {
    /// With what every run records: its name, the command line, commit, build and machine. Without
    /// credentials, and without where this user's home is.
    fn from(measured: Measured) -> Self {
        let (commit, dirty) = identity::source(Installation::here());
        let artifacts = measured.artifacts.into_iter().map(|fact| ArtifactFact {
            path: mask::shorten(&fact.path),
            ..fact
        });
        let run = identity::new_run_name(measured.seed);
        let mut config = shortened(measured.config);
        own_word::give(&run, &mut config);
        Self {
            schema: SCHEMA_VERSION,
            run,
            created_at: clock::wall_clock(),
            command_line: mask::arguments(&command_line()),
            config,
            order: measured.order,
            seed: measured.seed,
            samples_per_cell: measured.samples_per_cell,
            cells: measured.cells,
            commit,
            dirty,
            build: build(measured.program_sha256),
            machine: facts::this_machine(),
            systems: measured.systems.into_iter().map(without_home).collect(),
            artifacts: artifacts.collect(),
        }
    }
}

/// A configuration whose paths in this user's home begin with `~`.
fn shortened(mut config: BTreeMap<String, Setting>) -> BTreeMap<String, Setting> {
    config
        .values_mut()
        .for_each(|setting| shorten(&mut setting.value));
    config
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask::shorten(text),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_home(system: System) -> System {
    let reason = |said: String| mask::reason(&said, &[]);
    System {
        unavailable: system.unavailable.map(reason),
        ..system
    }
}

/// Options as a manifest keeps them: each field with where its value came from.
///
/// # Panics
/// If `options` is no plain structure: a mistake of ours.
pub fn settings(
    options: &impl Serialize,
    origin: impl Fn(&str) -> Origin,
) -> BTreeMap<String, Setting> {
    let options =
        serde_json::to_value(options).expect("options are plain data: they always serialise");
    let fields = options.as_object().expect("options are a structure");
    fields
        .iter()
        .map(|(name, value)| {
            let setting = Setting {
                value: value.clone(),
                origin: origin(name),
            };
            (name.clone(), setting)
        })
        .collect()
}

/// Something of a plan that is measured as a cell.
pub trait Planned {
    /// The cell.
    fn cell(&self) -> &Cell;
}

impl Planned for Cell {
    fn cell(&self) -> &Cell {
        self
    }
}

/// What a system that was found is recorded as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its version.
    pub version: String,
    /// That of the engine in it, where that is another one and known.
    pub engine_version: Option<String>,
    /// The digest of its program.
    pub sha256: String,
}

/// Each system that has cells, under each of its names. `find` returns what a system is, or why it
/// cannot be measured here.
pub fn systems<'a, P: Planned + 'a>(
    cells: impl IntoIterator<Item = &'a P>,
    find: impl Fn(&P) -> Result<Identity, String>,
) -> Vec<System> {
    let mut systems: Vec<System> = Vec::new();
    for planned in cells {
        let name = planned.cell().system.as_str();
        if systems.iter().any(|known| known.name == name) {
            continue;
        }
        systems.push(match find(planned) {
            Ok(found) => System {
                name: name.to_owned(),
                version: found.version,
                engine_version: found.engine_version,
                sha256: Some(found.sha256),
                unavailable: None,
                description: None,
            },
            Err(reason) => System {
                name: name.to_owned(),
                version: "none".to_owned(),
                engine_version: None,
                sha256: None,
                unavailable: Some(reason),
                description: None,
            },
        });
    }
    systems
}

#[cfg(test)]
mod tests {
    use results::{Params, Scenario};

    use super::*;

    #[test]
    fn each_setting_has_its_own_origin() {
        #[derive(Serialize)]
        struct Options {
            samples: u32,
            seed: u64,
        }
        let options = Options {
            samples: 3,
            seed: 7,
        };
        let origin = |name: &str| match name {
            "seed" => Origin::Drawn,
            _ => Origin::Default,
        };
        let settings = settings(&options, origin);
        assert_eq!(settings["samples"].origin, Origin::Default);
        assert_eq!(
            (settings["seed"].origin, settings["seed"].value.as_u64()),
            (Origin::Drawn, Some(7))
        );
    }

    #[test]
    fn a_system_with_two_names_is_listed_under_both() {
        let cell = |system: &str| Cell {
            system: system.into(),
            workload: "hello".into(),
            scenario: Scenario::DiskCold,
            params: Params::new(),
        };
        let cells = ["native", "native-aa", "native", "wasmcloud"].map(cell);
        let find = |cell: &Cell| match cell.system.original_name() {
            "native" => Ok(Identity {
                version: "1".to_owned(),
                engine_version: None,
                sha256: "00".to_owned(),
            }),
            _ => Err("not installed".to_owned()),
        };
        let systems = systems(&cells, find);
        let names: Vec<_> = systems.iter().map(|system| system.name.as_str()).collect();
        assert_eq!(names, ["native", "native-aa", "wasmcloud"]);
        assert_eq!(systems[2].unavailable.as_deref(), Some("not installed"));
    }
}
