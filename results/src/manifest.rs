//! What a run was: everything that is needed to assess it or to repeat it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::record::Cell;

/// `manifest.json`: written once, before the first sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The version of this record: [`crate::SCHEMA_VERSION`].
    pub schema: u32,
    /// The run's name, which is that of its folder.
    pub run: String,
    /// The wall clock when the run was made, RFC 3339 in UTC.
    pub created_at: String,
    /// The command line, program first.
    pub command_line: Vec<String>,
    /// The configuration in force, by name, each with where its value came from.
    pub config: BTreeMap<String, Setting>,
    /// By which rule samples are ordered. Runs of before there were several do not say.
    #[serde(default)]
    pub order: Order,
    /// What the order of the samples is drawn from.
    pub seed: u64,
    /// Samples for each cell, fixed before the run.
    pub samples_per_cell: u32,
    /// All cells, in the order in which they were planned (not that in which they are measured).
    pub cells: Vec<Cell>,
    /// The project's commit, if it was run from a checkout.
    pub commit: Option<String>,
    /// Whether the checkout had changes that are in no commit.
    pub dirty: Option<bool>,
    /// How the measuring program was built.
    pub build: Build,
    /// The machine.
    pub machine: Machine,
    /// The systems under test.
    pub systems: Vec<System>,
    /// The artifacts.
    pub artifacts: Vec<ArtifactFact>,
}

/// The setting of a manifest whose samples another tool took: which, the name of its file, and the
/// file's digest.
pub const FOREIGN: &str = "foreign";

impl Manifest {
    /// The tool that took the samples, if it was another than this project's: then nothing is known
    /// of plan, order, machine and versions.
    pub fn foreign(&self) -> Option<String> {
        let foreign = self.config.get(FOREIGN)?.value.get("tool");
        let tool = foreign.and_then(serde_json::Value::as_str);
        Some(crate::text::line(tool.unwrap_or("another tool")).into_owned())
    }
}

/// The rule by which the samples of a run are ordered. Rule, cells and seed give the order: a rule
/// that comes to order otherwise gets a name of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// In each block every cell once, all of them shuffled together.
    #[default]
    Shuffled,
    /// In each block every cell once: what is compared with each other stands together, and is
    /// shuffled, as are these groups.
    ByComparison {
        /// The systems that come last in their groups: a sample of them takes so long that others,
        /// with it between them, would have little in common.
        last: BTreeSet<String>,
    },
}

impl Order {
    /// By comparison, where no system's samples take much longer than another's.
    pub const fn by_comparison() -> Self {
        Self::ByComparison {
            last: BTreeSet::new(),
        }
    }
}

/// A value of the configuration, and who set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// The value in force.
    pub value: serde_json::Value,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value of the configuration came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// It was given on the command line.
    CommandLine,
    /// A variable of the environment sets it.
    Environment,
    /// The profile sets it.
    Profile,
    /// It was drawn for this run.
    Drawn,
}

/// How the measuring program was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Build {
    /// Cargo's profile folder: `debug` for `dev`, `release`, …
    pub profile: String,
    /// `0` to `3`, `s` or `z`.
    pub opt_level: String,
    /// Whether debug assertions are compiled in. Such a build refuses to measure.
    pub debug_assertions: bool,
    /// The target triple.
    pub target: String,
    /// The compiler's version.
    pub rustc: String,
    /// The digest of the program itself.
    pub sha256: String,
}

/// A system under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct System {
    /// Its name in cells.
    #[serde(deserialize_with = "crate::names::read_checked")]
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of the engine of WebAssembly in it, where the system is something larger with a
    /// version of its own, and that engine's is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The digest of its program; for an embedded engine that is the measuring program.
    pub sha256: Option<String>,
    /// Why it cannot be measured here, and what would mend it.
    pub unavailable: Option<String>,
}

/// A built workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArtifactFact {
    /// The workloads that it serves.
    pub workloads: Vec<String>,
    /// Where it was read from.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: String,
    /// Which of two builds it is, where a run measures two against each other: the value of
    /// [`crate::Param::Build`] in the cells that run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
}
