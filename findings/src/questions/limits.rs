//! What cannot be said of a run?

use std::collections::{BTreeMap, BTreeSet};

use results::System;
use results::manifest::Manifest;
use results::reason::without_numbers;
use results::record::Scenario;
use serde::Serialize;
use systems::EngineVersions;

use crate::cells::{CellFacts, Lateness, Measure};
use crate::facts::{Facts, one_per_system};
use crate::statistics::Warning;

/// A floor that a reader should know.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Floor {
    /// The scenario.
    pub scenario: Scenario,
    /// What was measured.
    pub measure: Measure,
    /// The largest relative difference of one system from itself.
    pub floor: f64,
}

/// Samples of a system that do not count, by their first reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCounted {
    /// The system.
    pub system: String,
    /// The reason.
    pub reason: String,
    /// How many.
    pub samples: usize,
}

/// A system that could not be measured at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The system.
    pub system: String,
    /// Why, and what would mend it.
    pub reason: String,
}

/// Loads whose steadiness was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Loads {
    /// Their cells.
    pub cells: usize,
    /// How long the loads of a cell last: the least mean over its processes.
    pub shortest_ns: f64,
    /// The largest.
    pub longest_ns: f64,
}

/// By how much the starts of a system may have been seen late.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Late {
    /// The system.
    pub system: String,
    /// The id of the cell that stands for it.
    pub cell: String,
    /// By how much; nothing where each start answered at once.
    pub late: Option<Lateness>,
}

/// A cell that fails so often that its figures are those of survivors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailsOften {
    /// The cell's id.
    pub cell: String,
    /// How many of its samples count.
    pub answered: String,
}

/// Limits of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Limits {
    /// The A/A floors; none without a control.
    pub floors: Vec<Floor>,
    /// Systems that could not be measured here.
    pub absent: Vec<Absent>,
    /// Samples that were skipped, of other systems.
    pub skipped: Vec<NotCounted>,
    /// Samples that failed.
    pub failed: Vec<NotCounted>,
    /// Cells that fail often: they are compared with nothing, and ranked nowhere.
    pub fail_often: Vec<FailsOften>,
    /// Samples that count.
    pub ok: usize,
    /// Of those, the ones that were disturbed.
    pub noisy: usize,
    /// Those whose system's files were to be cold, without proof that they were.
    pub residency_unknown: usize,
    /// Those whose records do not say whether they were disturbed.
    pub noise_unknown: usize,
    /// Cells whose values drift along the run.
    pub drifting: Vec<String>,
    /// Cells whose values have more than one mode.
    pub multimodal: Vec<String>,
    /// Cells whose loads ran at another rate at their beginning, or at their end, than otherwise.
    pub not_steady: Vec<String>,
    /// Cells of which some samples' rate had not become steady when the time for the warm-up was up.
    pub not_warm: Vec<String>,
    /// Cells with loads whose steadiness was looked at, and how long these lasted: the shortest and
    /// the longest, in nanoseconds.
    pub loads: Option<Loads>,
    /// Cells whose rate is a lower bound, since their load generator was at its limit.
    pub generator_limited: Vec<String>,
    /// By how much starts may have been seen late: of the first workload, each system's.
    pub late: Vec<Late>,
    /// Invocations of the run that took samples which count: more than one if it was interrupted and
    /// went on.
    pub sessions: usize,
    /// Blocks with samples of several of them, which make no pairs across.
    pub split_blocks: usize,
    /// Engines that the run's systems have in more than one version.
    pub engine_versions: Vec<EngineVersions>,
    /// Whether the checkout had changes that are in no commit.
    pub dirty: bool,
    /// The tool that took the samples, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
}

/// What warnings of single cells find, by simulation (`tests/statistics/calibration.rs`): drift of
/// 20 % over the run about a spread of 12 %, and modes 1.5 times apart with a spread of 5 % each, at the
/// level of 1 %.
pub const WARNINGS: &str = "Of a single cell, warnings of drift and of several modes say little with \
    few samples: a drift of 20 % over the run, at a spread of 12 %, is found in 2 of 100 cells of 7 \
    samples and in 21 of 100 of 20; two modes 1.5 times apart, of 5 % each, in 12 and 71 of 100. No \
    warning is no proof; what all cells have in common is looked for in the blocks of the run.";

/// Floors that are stated, in this order.
const FLOORS: [(Scenario, Measure); 6] = [
    (Scenario::WarmDisk, Measure::TotalNs),
    (Scenario::Warm, Measure::P50Ns),
    (Scenario::Throughput, Measure::PerSecond),
    (Scenario::Paced, Measure::P50Ns),
    (Scenario::Scaling, Measure::PerSecond),
    (Scenario::Density, Measure::PssBytes),
];

/// The sessions of each block.
fn sessions(facts: &Facts) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut sessions: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for measured in facts.cells.iter().flat_map(|cell| cell.measures.values()) {
        for (block, session) in measured.blocks.iter().zip(&measured.sessions) {
            sessions.entry(*block).or_default().insert(*session);
        }
    }
    sessions
}

/// The limits of a run.
pub fn compute(facts: &Facts) -> Limits {
    let absent = absent(facts);
    let unavailable: BTreeSet<&str> = absent.iter().map(|it| it.system.as_str()).collect();
    let floor = |(scenario, measure): (Scenario, Measure)| {
        let floor = facts.floor(scenario, measure)?;
        Some(Floor {
            scenario,
            measure,
            floor,
        })
    };
    let sessions = sessions(facts);
    let first_names = |cell: &&CellFacts| !cell.is_twin() && !unavailable.contains(cell.system());
    Limits {
        floors: FLOORS.into_iter().filter_map(floor).collect(),
        skipped: not_counted(
            facts.cells.iter().filter(first_names),
            |it| &it.skipped,
            str::to_owned,
        ),
        failed: not_counted(facts.cells.iter(), |it| &it.failed, without_numbers),
        fail_often: fail_often(facts),
        ok: facts.cells.iter().map(|cell| cell.orders.len()).sum(),
        noisy: facts.cells.iter().map(|cell| cell.noisy.len()).sum(),
        residency_unknown: facts
            .cells
            .iter()
            .map(|cell| cell.residency_unknown.len())
            .sum(),
        noise_unknown: facts
            .cells
            .iter()
            .map(|cell| cell.noise_unknown.len())
            .sum(),
        drifting: warned(facts, |it| matches!(it, Warning::Drift { .. })),
        multimodal: warned(facts, |it| matches!(it, Warning::Multimodal { .. })),
        not_steady: ids(facts, |cell| {
            cell.steadiness.is_some_and(|found| !found.is_steady)
        }),
        not_warm: ids(facts, |cell| !cell.not_warm.is_empty()),
        loads: loads(facts),
        generator_limited: ids(facts, CellFacts::is_generator_limited),
        late: late(facts),
        sessions: sessions.values().flatten().collect::<BTreeSet<_>>().len(),
        split_blocks: sessions.values().filter(|of| of.len() > 1).count(),
        engine_versions: engine_versions(facts),
        dirty: facts
            .manifest
            .as_ref()
            .is_some_and(|manifest| manifest.dirty == Some(true)),
        foreign: facts.manifest.as_ref().and_then(Manifest::foreign),
        absent,
    }
}

/// A twin has the version of its original, and is left out with those that are not there.
fn engine_versions(facts: &Facts) -> Vec<EngineVersions> {
    let systems = facts.manifest.iter().flat_map(|manifest| &manifest.systems);
    systems::differing_engines(systems.filter(|system| system.unavailable.is_none()).map(
        |system| {
            (
                &*system.name,
                &*system.version,
                system.engine_version.as_deref(),
            )
        },
    ))
}

fn fail_often(facts: &Facts) -> Vec<FailsOften> {
    let cells = facts.cells.iter().filter(|cell| cell.fails_often());
    let often = cells.filter_map(|cell| {
        Some(FailsOften {
            cell: cell.id.clone(),
            answered: cell.answered()?,
        })
    });
    often.collect()
}

/// The systems of the first scenario that has starts with a client: all in memory, or else the next.
fn late(facts: &Facts) -> Vec<Late> {
    let Some(workload) = facts.workloads().first().copied() else {
        return Vec::new();
    };
    let of = |scenario| {
        let cells = facts.comparable_by(workload, scenario, Measure::TotalNs);
        let late = |cell: &&CellFacts| Late {
            system: cell.system().to_owned(),
            cell: cell.id.clone(),
            late: cell.late,
        };
        one_per_system(&cells).iter().map(late).collect::<Vec<_>>()
    };
    let scenarios = Scenario::STARTS.into_iter().rev();
    let mut late = scenarios
        .map(of)
        .filter(|it| it.iter().any(|it| it.late.is_some()));
    late.next().unwrap_or_default()
}

fn absent(facts: &Facts) -> Vec<Absent> {
    let systems = facts.manifest.iter().flat_map(|manifest| &manifest.systems);
    systems
        .filter(|system| !System::from(system.name.as_str()).is_twin())
        .filter_map(|system| {
            Some(Absent {
                system: system.name.clone(),
                reason: system.unavailable.clone()?,
            })
        })
        .collect()
}

/// Samples by system and reason, of which those that `same` makes one text are one: the first stands for
/// them.
fn not_counted<'a>(
    cells: impl Iterator<Item = &'a CellFacts>,
    orders: fn(&CellFacts) -> &Vec<u64>,
    same: fn(&str) -> String,
) -> Vec<NotCounted> {
    let mut counts: BTreeMap<(&str, String), (&str, usize)> = BTreeMap::new();
    for cell in cells.filter(|cell| !orders(cell).is_empty()) {
        let reason = cell
            .reasons
            .keys()
            .next()
            .map_or("no reason is recorded", String::as_str);
        let known = counts
            .entry((&cell.cell.system, same(reason)))
            .or_insert((reason, 0));
        known.1 += orders(cell).len();
    }
    counts
        .into_iter()
        .map(|((system, _), (reason, samples))| NotCounted {
            system: system.to_owned(),
            reason: reason.to_owned(),
            samples,
        })
        .collect()
}

/// Cells with a warning about what is quoted of them.
fn warned(facts: &Facts, fits: fn(&Warning) -> bool) -> Vec<String> {
    const QUOTED: [Measure; 3] = [Measure::TotalNs, Measure::P50Ns, Measure::PerSecond];
    let is_warned = |cell: &&CellFacts| {
        let quoted = QUOTED.iter().filter_map(|it| cell.measures.get(it));
        quoted
            .into_iter()
            .any(|it| it.all.warnings().iter().any(fits))
    };
    let cells = facts.cells.iter().filter(is_warned);
    cells.map(|cell| cell.id.clone()).collect()
}

fn ids(facts: &Facts, fits: impl Fn(&CellFacts) -> bool) -> Vec<String> {
    let cells = facts.cells.iter().filter(|cell| fits(cell));
    cells.map(|cell| cell.id.clone()).collect()
}

fn loads(facts: &Facts) -> Option<Loads> {
    let steadiness = facts.cells.iter().filter_map(|cell| cell.steadiness);
    let times: Vec<f64> = steadiness.map(|it| it.first_ns + it.rest_ns).collect();
    Some(Loads {
        cells: times.len(),
        shortest_ns: times.iter().copied().reduce(f64::min)?,
        longest_ns: times.iter().copied().reduce(f64::max)?,
    })
}
