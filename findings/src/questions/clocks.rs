//! Why do published numbers disagree: the same run, with the clock started and stopped elsewhere.

use std::collections::BTreeSet;

use results::record::Scenario;
use results::{Phase, Workload};
use serde::Serialize;
use systems::{BASELINE, Kind, describe};

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Effect, Sample};
use crate::facts::Facts;
use crate::statistics::median;

/// The system that stands for the container.
pub const CONTAINER: &str = "docker";

/// One answer to "how many times as long as a container does it take?".
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockRatio {
    /// Where the clock starts and stops.
    pub clock: &'static str,
    /// What is timed: the cell's id.
    pub cell: String,
    /// What it is compared with: the container's cell.
    pub container: String,
    /// The system of the cell.
    pub system: String,
    /// Median of what is timed.
    pub median_ns: f64,
    /// Median of the container's.
    pub container_ns: f64,
    /// How many times as long as the container.
    pub ratio: Effect,
}

/// The ratios of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockBoundaries {
    /// The workload.
    pub workload: Workload,
    /// The ratios, clock by clock.
    pub ratios: Vec<ClockRatio>,
    /// The Wasm system whose certain ratios are the furthest apart: its name, the smallest and the
    /// largest.
    pub widest: Option<(String, f64, f64)>,
}

/// Where a clock starts and stops.
#[derive(Clone, Copy)]
enum Clock {
    /// A whole start of a scenario.
    Whole(Scenario),
    /// Phases of starts that were taken apart: all that count but these.
    Except(&'static [Phase]),
    /// Of those, these only.
    Only(&'static [Phase]),
    /// A measure under load.
    Load(Scenario, Measure),
}

const CLOCKS: [(&str, Clock); 7] = [
    (
        "launch → first answer, nothing cached",
        Clock::Whole(Scenario::Cold),
    ),
    (
        "launch → first answer, all prepared",
        Clock::Whole(Scenario::RuntimeCold),
    ),
    (
        "the same, from `start` on (container created before)",
        Clock::Except(&[Phase::Create]),
    ),
    (
        "the same, from the process's first statement on",
        Clock::Except(&[Phase::Create, Phase::Start, Phase::Spawn, Phase::Process]),
    ),
    (
        "only the first answer, once the server listens",
        Clock::Only(&[
            Phase::Connect,
            Phase::Respond,
            Phase::Instantiate,
            Phase::FirstRequest,
        ]),
    ),
    (
        "a later request, one at a time",
        Clock::Load(Scenario::Warm, Measure::RequestNs),
    ),
    (
        "a request under load",
        Clock::Load(Scenario::Throughput, Measure::PerSecond),
    ),
];

/// For each workload with a container and something else.
pub fn compute(facts: &Facts) -> Vec<ClockBoundaries> {
    let of_workload = |workload: &Workload| {
        let clocks = CLOCKS.into_iter();
        let ratios: Vec<_> = clocks
            .flat_map(|(name, clock)| ratios(facts, workload, name, clock))
            .collect();
        (!ratios.is_empty()).then(|| ClockBoundaries {
            workload: workload.clone(),
            widest: widest(&ratios),
            ratios,
        })
    };
    facts
        .workloads()
        .into_iter()
        .filter_map(of_workload)
        .collect()
}

fn ratios(facts: &Facts, workload: &str, name: &'static str, clock: Clock) -> Vec<ClockRatio> {
    let timed = timed(facts, workload, clock);
    let Some((container, theirs)) = timed.iter().find(|(it, _)| it.system() == CONTAINER) else {
        return Vec::new();
    };
    let is_shown = |cell: &CellFacts| cell.system() == BASELINE || is_wasm(cell);
    let ratio = |(cell, ours): &(&CellFacts, Sample)| {
        Some(ClockRatio {
            clock: name,
            cell: cell.id.clone(),
            container: container.id.clone(),
            system: cell.system().to_owned(),
            median_ns: median(ours.values()).ok()?,
            container_ns: median(theirs.values()).ok()?,
            ratio: comparison::ratio(ours, theirs)?,
        })
    };
    let shown = timed.iter().filter(|(cell, _)| is_shown(cell));
    shown.filter_map(ratio).collect()
}

fn is_wasm(cell: &CellFacts) -> bool {
    describe(&cell.cell.system).kind == Kind::Wasm
}

/// Each system's quickest cell by one clock, quickest first.
fn timed<'a>(facts: &'a Facts, workload: &str, clock: Clock) -> Vec<(&'a CellFacts, Sample)> {
    let of_measure = |scenario, measure| {
        let cells = facts.comparable(workload, scenario).into_iter();
        cells
            .map(|cell| (cell, Sample::costs(cell, measure)))
            .collect::<Vec<_>>()
    };
    let mut found = match clock {
        Clock::Whole(scenario) => of_measure(scenario, Measure::TotalNs),
        Clock::Load(scenario, measure) => of_measure(scenario, measure),
        Clock::Except(phases) => of_phases(facts, workload, &|phase| !phases.contains(&phase)),
        Clock::Only(phases) => of_phases(facts, workload, &|phase| phases.contains(&phase)),
    };
    let middle = |sample: &Sample| median(sample.values()).unwrap_or(f64::INFINITY);
    found.retain(|(_, sample)| !sample.values().is_empty());
    found.sort_by(|one, two| middle(&one.1).total_cmp(&middle(&two.1)));
    let mut systems: BTreeSet<&str> = BTreeSet::new();
    found.retain(|(cell, _)| systems.insert(&cell.cell.system));
    found
}

fn of_phases<'a>(
    facts: &'a Facts,
    workload: &str,
    fits: &dyn Fn(Phase) -> bool,
) -> Vec<(&'a CellFacts, Sample)> {
    let cells = facts
        .taken_apart(workload, Scenario::RuntimeCold)
        .into_iter();
    // What an orchestrator does before the process cannot be separated from what the process does.
    let served =
        cells.filter(|it| it.phase(Phase::Schedule).is_none() && it.phase(Phase::Run).is_none());
    let sample = |cell: &CellFacts| {
        let sums = cell.starts.iter().map(|start| {
            let phases = start.phases.iter();
            let counted = phases.filter(|it| it.name.counts() && fits(it.name));
            let ns = counted.map(|it| it.ns).fold(0_u64, u64::saturating_add);
            (start.session, start.block, ns as f64)
        });
        Sample::of_sessions(sums.filter(|(.., ns)| *ns > 0.0))
    };
    served.map(|cell| (cell, sample(cell))).collect()
}

/// The system whose answer moves most, of ratios that surely are not 1.
fn widest(ratios: &[ClockRatio]) -> Option<(String, f64, f64)> {
    let is_certain = |it: &&ClockRatio| {
        let interval = it.ratio.interval;
        interval.is_some_and(|ends| !ends.contains(1.0))
    };
    let systems: BTreeSet<&str> = ratios
        .iter()
        .filter(|it| describe(&it.system.as_str().into()).kind == Kind::Wasm)
        .map(|it| it.system.as_str())
        .collect();
    let ends = |system: &str| {
        let own = ratios.iter().filter(|it| it.system == system);
        let certain = own.filter(is_certain).map(|it| it.ratio.estimate);
        let least = certain.clone().reduce(f64::min)?;
        Some((system.to_owned(), least, certain.reduce(f64::max)?))
    };
    systems
        .into_iter()
        .filter_map(ends)
        .max_by(|one, two| (one.2 / one.1).total_cmp(&(two.2 / two.1)))
}
