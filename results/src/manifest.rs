//! What a run was: everything that is needed to assess it or to repeat it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::machine::Machine;
use crate::record::Cell;
use crate::text::is_printable;

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
    /// Samples for each cell, fixed before the run: the number of blocks. Cells that [`Self::order`] has in
    /// some of them only have so many fewer.
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
        /// Cells whose samples take long, those of these systems and those under load, are in every n-th
        /// block only, from the first on: the time of one is that of ten starts.
        #[serde(default = "each", skip_serializing_if = "is_each")]
        slow_every: u32,
    },
}

const fn each() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "it is how serde calls it"
)]
const fn is_each(every: &u32) -> bool {
    *every <= 1
}

impl Order {
    /// By comparison, where no system's samples take much longer than another's.
    pub const fn by_comparison() -> Self {
        Self::ByComparison {
            last: BTreeSet::new(),
            slow_every: each(),
        }
    }

    /// In how many blocks from one to the next a cell is measured.
    fn every(&self, cell: &Cell) -> u32 {
        match self {
            Self::Shuffled => 1,
            Self::ByComparison { last, slow_every } => {
                let is_slow = !cell.scenario.starts() || last.contains(cell.system.original_name());
                if is_slow { (*slow_every).max(1) } else { 1 }
            }
        }
    }

    /// Whether a block, from 0, has a sample of a cell.
    pub fn has(&self, block: u32, cell: &Cell) -> bool {
        block.is_multiple_of(self.every(cell))
    }

    /// How many samples of a cell so many blocks have.
    pub fn samples(&self, blocks: u32, cell: &Cell) -> u32 {
        blocks.div_ceil(self.every(cell))
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
    /// How it is shown and where it was described, if it does not come with the program: whoever
    /// reads the record has no other description of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
}

/// A person's own description of a system, as far as a reader of the record needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// What people call it: printable, and at most [`LONGEST_LABEL`] bytes.
    #[serde(deserialize_with = "read_label")]
    pub label: String,
    /// What runs the workload.
    pub kind: SystemKind,
    /// The digest of the file that it stands in.
    pub sha256: String,
}

/// The most bytes of a label: it stands beside others in a column.
pub const LONGEST_LABEL: usize = 60;

/// What runs a workload, as a description says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SystemKind {
    /// The operating system, or something that starts programs of machine code.
    Native,
    /// An engine of WebAssembly, without a container around it.
    Wasm,
    /// A container.
    Container,
    /// A runtime of JavaScript.
    Isolate,
    /// What this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why a text is no label, if it is none.
///
/// # Errors
/// The reason.
pub fn check_label(label: &str) -> Result<(), String> {
    if label.trim().is_empty() {
        return Err("a label is empty".to_owned());
    }
    if label.len() > LONGEST_LABEL {
        let bytes = label.len();
        return Err(format!(
            "a label has {bytes} bytes, and at most {LONGEST_LABEL} are shown"
        ));
    }
    let other = label.chars().find(|it| !is_printable(*it));
    other.map_or(Ok(()), |it| {
        Err(format!("`{}` in a label", it.escape_unicode()))
    })
}

fn read_label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let label = String::deserialize(deserializer)?;
    check_label(&label).map_err(serde::de::Error::custom)?;
    Ok(label)
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
