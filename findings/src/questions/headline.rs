//! What is the answer in a sentence for each scenario, and in a row for each workload?
//!
//! Quoted are the cells that stand for the native program, WebAssembly and containers: named
//! beforehand in [`systems`], so that no figure here was chosen because it came out well.

use results::Workload;
use results::record::Scenario;
use serde::Serialize;
use systems::Kind;

use crate::cells::{CellFacts, Measure};
use crate::comparison::Comparison;
use crate::facts::{Facts, compared_by};

/// A cell that stands for its kind of system, and the verdict on it against the native program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The cell's id.
    pub cell: String,
    /// Its median; nothing if it failed each time.
    pub median: Option<f64>,
    /// Samples that count.
    pub answered: usize,
    /// Samples that were tried.
    pub attempted: usize,
    /// Whether it fails so often that its median is one of survivors, and is not to be quoted.
    pub fails_often: bool,
    /// The verdict against the native program of the same headline.
    pub verdict: Option<Comparison>,
}

/// The answer of a workload and a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headline {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// What is compared.
    pub measure: Measure,
    /// How many cells were measured.
    pub compared: usize,
    /// The native program.
    pub native: Option<Entry>,
    /// What stands for WebAssembly without a container.
    pub wasm: Option<Entry>,
    /// What stands for containers.
    pub container: Option<Entry>,
    /// What stands there where none of these was measured.
    pub other: Option<Entry>,
}

impl Headline {
    /// All that it quotes, in the order of a sentence.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let all = [&self.native, &self.wasm, &self.container, &self.other];
        all.into_iter().flatten()
    }
}

/// A comparison that the headlines make: the claims that a page is first of all judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The scenario.
    pub scenario: Scenario,
    /// What is compared.
    pub measure: Measure,
    /// The id of the cell that stands for its kind.
    pub candidate: String,
    /// The id of the native program's.
    pub baseline: String,
}

/// Scenarios that have a headline.
const SCENARIOS: [Scenario; 6] = [
    Scenario::DiskCold,
    Scenario::CodeCold,
    Scenario::ImageCold,
    Scenario::WarmDisk,
    Scenario::Warm,
    Scenario::Throughput,
];

/// Kinds that are compared with the native program.
const COMPARED: [Kind; 2] = [Kind::Wasm, Kind::Container];

/// The headlines of every workload, the first workload's first.
pub fn compute(facts: &Facts) -> Vec<Headline> {
    facts
        .workloads()
        .into_iter()
        .flat_map(|workload| {
            SCENARIOS
                .into_iter()
                .filter_map(|scenario| headline(facts, workload, scenario))
        })
        .collect()
}

/// The comparisons that stand in sentences at the top of a page: of the first workload, what stands
/// for WebAssembly and for containers against the native program, in each scenario. They follow
/// from what was planned, not from what was measured, and are at most eight where native programs
/// have neither code to compile nor an image to pull.
pub fn family(facts: &Facts) -> Vec<Member> {
    let Some(workload) = facts.workloads().first().copied() else {
        return Vec::new();
    };
    let of_scenario = |scenario: Scenario| {
        let measure = *compared_by(scenario).first()?;
        let native = facts.stands_for(workload, scenario, Kind::Native)?;
        let members = COMPARED.into_iter().filter_map(move |kind| {
            Some(Member {
                scenario,
                measure,
                candidate: facts.stands_for(workload, scenario, kind)?.id.clone(),
                baseline: native.id.clone(),
            })
        });
        Some(members)
    };
    let members = SCENARIOS.into_iter().filter_map(of_scenario);
    members.flatten().collect()
}

fn headline(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<Headline> {
    let measure = *compared_by(scenario).first()?;
    let family = facts.family(workload, scenario, measure);
    let standing = |kind| facts.stands_for(workload, scenario, kind);
    let native = standing(Kind::Native);
    let entry = |cell: &CellFacts| Entry {
        cell: cell.id.clone(),
        median: cell.median(measure),
        answered: cell.orders.len(),
        attempted: cell.attempted(),
        fails_often: cell.fails_often(),
        verdict: native
            .and_then(|native| family?.between(&cell.id, &native.id))
            .cloned(),
    };
    let [wasm, container] = COMPARED.map(standing);
    let none = native.is_none() && wasm.is_none() && container.is_none();
    let all = facts.representatives(workload, scenario);
    let other = all.into_iter().next().filter(|_| none);
    let known = [native, wasm, container, other];
    known.iter().any(Option::is_some).then(|| Headline {
        workload: workload.clone(),
        scenario,
        measure,
        compared: facts.comparable_by(workload, scenario, measure).len(),
        native: native.map(entry),
        wasm: wasm.map(entry),
        container: container.map(entry),
        other: other.map(entry),
    })
}
