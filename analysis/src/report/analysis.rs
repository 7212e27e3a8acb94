//! All numbers of a run. What is published is this value: `verify` derives it again and compares.

use std::collections::BTreeMap;

use results::Cell;
use results::manifest::Manifest;
use serde::{Deserialize, Serialize};

use super::clocks::{self, Clocks};
use super::contrasts::{self, Family, Floors};
use super::facts::{CellFacts, Measure};
use super::growth::{self, Growth};
use super::layers::{self, Peeled};
use super::naming::{is_headline, is_plain, is_twin, param};
use super::pairs::{self, Pair};
use super::pays::{self, Crossing};
use super::ranking::{self, Place};
use super::variations::{self, Variation};
use findings::input::{CellData, Damage, Run};
use findings::statistics::CONFIDENCE;

/// What a person may ask of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Conditions that a system is to meet, as they were written down.
    pub objectives: Vec<String>,
}

/// Everything that was computed from a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// The version of this form.
    pub format: u32,
    /// The run.
    pub run: String,
    /// What was asked.
    pub options: Options,
    /// The confidence of every interval.
    pub confidence: f64,
    /// What is wrong with the run's files.
    pub damage: Vec<Damage>,
    /// The largest relative difference that one system showed to itself, for each kind of scenario
    /// and measure.
    pub floors: BTreeMap<String, BTreeMap<Measure, f64>>,
    /// The cells, each with the places of its samples in the run's order.
    pub cells: Vec<CellFacts>,
    /// The comparisons, each in the family that it was corrected in.
    pub families: Vec<Family>,
    /// Engines embedded and as a command line.
    pub pairs: Vec<Pair>,
    /// The verdicts of those.
    pub pairs_family: Option<Family>,
    /// Containers in their layers.
    pub layers: Vec<Peeled>,
    /// Where a slower start pays.
    pub crossings: Vec<Crossing>,
    /// The same ratio by several clocks.
    pub clocks: Vec<Clocks>,
    /// Throughput over instances.
    pub scaling: Vec<Growth>,
    /// Memory over instances.
    pub density: Vec<Growth>,
    /// What a firewall, a network in between and state change.
    pub variations: Vec<Variation>,
    /// Systems ranked for three uses.
    pub places: Vec<Place>,
}

/// The version of [`Analysis`] as it is written down.
const FORMAT: u32 = 1;

/// The workload that findings are told of first, where it was measured.
const FIRST_WORKLOAD: &str = "http-hello";

/// The system that others are compared with.
pub(crate) const BASE: &str = "native";

impl Analysis {
    /// Of a run.
    pub fn of(run: &Run, options: Options) -> Self {
        let cells = facts(&run.cells);
        let floors = contrasts::floors(&cells);
        let families = families(&cells, &floors);
        let mut analysis = Self {
            format: FORMAT,
            run: run.name.clone(),
            options,
            confidence: CONFIDENCE,
            damage: run.damage.clone(),
            floors,
            scaling: growth::numbers(&cells, "scaling"),
            density: growth::numbers(&cells, "density"),
            cells,
            families,
            pairs: Vec::new(),
            pairs_family: None,
            layers: Vec::new(),
            crossings: Vec::new(),
            clocks: Vec::new(),
            variations: Vec::new(),
            places: Vec::new(),
        };
        // What is made of the cells once they can be asked for.
        (analysis.pairs, analysis.pairs_family) = pairs::numbers(&analysis, run.manifest.as_ref());
        analysis.layers = layers::numbers(&analysis);
        analysis.crossings = pays::numbers(&analysis);
        analysis.variations = variations::numbers(&analysis);
        analysis.places = ranking::numbers(&analysis);
        analysis.clocks = clocks::numbers(run, &analysis);
        analysis
    }

    /// What one system differs from itself by; nothing without an A/A control.
    pub fn floor(&self, scenario: &str, measure: Measure) -> Option<f64> {
        floor_in(&self.floors, scenario, measure)
    }

    /// The workloads: first the one that most questions are about, then the others in alphabetical
    /// order.
    pub(crate) fn workloads(&self) -> Vec<&str> {
        let mut names: Vec<_> = self
            .cells
            .iter()
            .map(|cell| cell.cell.workload.as_str())
            .collect();
        names.sort_unstable_by_key(|name| (*name != FIRST_WORKLOAD, *name));
        names.dedup();
        names
    }

    /// The cells of a workload, under their first names.
    pub(crate) fn group_of<'a>(&'a self, workload: &'a str) -> impl Iterator<Item = &'a CellFacts> {
        self.cells
            .iter()
            .filter(move |cell| cell.cell.workload == workload && !is_twin(&cell.cell))
    }

    /// The cells of a workload and a scenario.
    pub(crate) fn group<'a>(
        &'a self,
        workload: &'a str,
        scenario: &'a str,
    ) -> impl Iterator<Item = &'a CellFacts> + Clone {
        self.cells.iter().filter(move |cell| {
            cell.cell.workload == workload && cell.cell.scenario.name() == scenario
        })
    }

    /// The cells that a comparison of a scenario shows: as people use the systems, watched by
    /// nobody, first names only.
    pub(crate) fn shown(&self, workload: &str, scenario: &str) -> Vec<&CellFacts> {
        let shown = |cell: &&CellFacts| {
            let of_group = cell.cell.workload == workload && cell.cell.scenario.name() == scenario;
            of_group && is_headline(&cell.cell) && !is_twin(&cell.cell) && is_plain(&cell.cell)
        };
        self.cells.iter().filter(shown).collect()
    }

    /// The cell with this id.
    pub(crate) fn cell(&self, id: &str) -> Option<&CellFacts> {
        self.cells.iter().find(|cell| cell.id == id)
    }

    /// The cell like this one.
    pub(crate) fn find(&self, cell: &Cell) -> Option<&CellFacts> {
        self.cells.iter().find(|facts| facts.cell == *cell)
    }

    /// The family of a table.
    pub(crate) fn family(
        &self,
        workload: &str,
        scenario: &str,
        measure: Measure,
    ) -> Option<&Family> {
        let name = family_name(workload, scenario, measure);
        self.families.iter().find(|family| family.name == name)
    }
}

/// Each cell's numbers, half of the cells in a thread of its own.
fn facts(cells: &[CellData]) -> Vec<CellFacts> {
    // Every other cell: neighbours are of one kind and take equally long.
    let of_every_other = |from: usize| {
        cells
            .iter()
            .skip(from)
            .step_by(2)
            .map(CellFacts::of)
            .collect::<Vec<_>>()
    };
    let [even, odd] = std::thread::scope(|scope| {
        let odd = scope.spawn(|| of_every_other(1));
        let even = of_every_other(0);
        [
            even,
            odd.join()
                .expect("statistics do not panic: what they cannot compute they say"),
        ]
    });
    let (mut even, mut odd) = (even.into_iter(), odd.into_iter());
    (0..cells.len())
        .filter_map(|index| {
            if index % 2 == 0 {
                even.next()
            } else {
                odd.next()
            }
        })
        .collect()
}

fn floor_in(floors: &Floors, scenario: &str, measure: Measure) -> Option<f64> {
    floors
        .get(contrasts::kind(scenario))?
        .get(&measure)
        .copied()
}

pub(crate) fn family_name(workload: &str, scenario: &str, measure: Measure) -> String {
    format!("{workload} {scenario} {}", measure.name())
}

/// What each scenario is compared by.
const COMPARED: [(&str, &[Measure]); 6] = [
    ("cold", &[Measure::TotalNs, Measure::PssBytes]),
    ("runtime-cold", &[Measure::TotalNs, Measure::PssBytes]),
    ("warm", &[Measure::P50Ns]),
    ("throughput", &[Measure::PerSecond, Measure::PssBytes]),
    ("scaling", &[Measure::PerSecond]),
    ("density", &[Measure::PrivateBytes, Measure::TotalNs]),
];

/// What a scenario is compared by.
pub(crate) fn compared_by(scenario: &str) -> &'static [Measure] {
    COMPARED
        .iter()
        .find(|(name, _)| *name == scenario)
        .map_or(&[], |(_, measures)| measures)
}

/// One family for each workload, scenario and measure: every cell against the native program under
/// the same parameters.
fn families(cells: &[CellFacts], floors: &Floors) -> Vec<Family> {
    let mut groups: BTreeMap<(&str, &str), Vec<&CellFacts>> = BTreeMap::new();
    for cell in cells
        .iter()
        .filter(|cell| is_headline(&cell.cell) && is_plain(&cell.cell))
    {
        groups
            .entry((&cell.cell.workload, cell.cell.scenario.name()))
            .or_default()
            .push(cell);
    }
    let mut families = Vec::new();
    for ((workload, scenario), group) in groups {
        for &measure in compared_by(scenario) {
            let with = |cell: &&&CellFacts| !cell.values(measure).is_empty();
            let pairs: Vec<_> = group
                .iter()
                .filter(with)
                .filter(|cell| !is_twin(&cell.cell))
                .filter_map(|cell| Some((*cell, *base_of(&group, cell).filter(|base| with(base))?)))
                .filter(|(cell, base)| cell.id != base.id)
                .collect();
            let name = family_name(workload, scenario, measure);
            families.extend(contrasts::family(
                name,
                measure,
                &pairs,
                floor_in(floors, scenario, measure),
            ));
        }
    }
    families
}

/// What must be the same of two cells for their systems to be all that differs.
const CONDITIONS: [&str; 8] = [
    "connections",
    "instances",
    "pace",
    "page_cache",
    "firewall",
    "path",
    "delay_ms",
    "rate_mbit",
];

/// The native cell under the same conditions.
fn base_of<'a>(group: &'a [&'a CellFacts], cell: &CellFacts) -> Option<&'a &'a CellFacts> {
    let same = |key: &str, other: &Cell| param(&cell.cell, key) == param(other, key);
    group.iter().find(|other| {
        other.cell.system == BASE && CONDITIONS.iter().all(|key| same(key, &other.cell))
    })
}

/// The two systems of one engine, and whether they have the same version.
pub(crate) struct Engine<'a> {
    /// The engine.
    pub(crate) name: &'a str,
    /// The version that is embedded, and that of the command line.
    pub(crate) versions: Option<(&'a str, &'a str)>,
}

impl Engine<'_> {
    /// Whether what is compared is one version.
    pub(crate) fn matches(&self) -> bool {
        self.versions.is_none_or(|(embedded, cli)| embedded == cli)
    }
}

/// The engines that are there both embedded and as a command line.
pub(crate) fn engines<'a>(
    analysis: &'a Analysis,
    manifest: Option<&'a Manifest>,
) -> Vec<Engine<'a>> {
    let has = |system: &str| analysis.cells.iter().any(|cell| cell.cell.system == system);
    let version = |system: &str| {
        let known = manifest?
            .systems
            .iter()
            .find(|known| known.name == system)?;
        (!known.version.is_empty()).then_some(known.version.as_str())
    };
    ["wasmtime", "wasmedge"]
        .into_iter()
        .map(|name| (name, format!("{name}-embedded"), format!("{name}-cli")))
        .filter(|(_, embedded, cli)| has(embedded) && has(cli))
        .map(|(name, embedded, cli)| Engine {
            name,
            versions: version(&embedded).zip(version(&cli)),
        })
        .collect()
}
