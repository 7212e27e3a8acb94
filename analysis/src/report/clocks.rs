//! Why published numbers disagree: the same run, with the clock started and stopped elsewhere.

use results::Phase;
use serde::Serialize;

use super::analysis::Analysis;
use super::answer::is_wasm;
use super::facts::{CellFacts, Measure};
use super::naming::{Names, param};
use super::starts::taken_apart;
use super::words::span;
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Dot, DotRow, Unit, dots};
use findings::input::Run;
use findings::statistics::{Interval, hodges_lehmann_ratio};
use findings::units::three_digits;

/// The system that stands for the container.
const CONTAINER: &str = "docker";

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
    /// How many times as long as the container, Hodges–Lehmann.
    pub ratio: f64,
    /// Its interval.
    pub interval: Option<Interval>,
}

/// The ratios of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clocks {
    /// The workload.
    pub workload: String,
    /// The ratios, clock by clock.
    pub ratios: Vec<ClockRatio>,
}

/// Where a clock starts and stops.
#[derive(Clone, Copy)]
enum Clock {
    /// A whole start of a scenario.
    Whole(&'static str),
    /// Phases of starts that were taken apart: all that count but those named.
    Without(&'static [Phase]),
    /// Of those, the named ones only.
    Only(&'static [Phase]),
    /// A measure under load.
    Load(&'static str, Measure),
}

const CLOCKS: [(&str, Clock); 7] = [
    (
        "launch → first answer, nothing cached",
        Clock::Whole("cold"),
    ),
    (
        "launch → first answer, all prepared",
        Clock::Whole("runtime-cold"),
    ),
    (
        "the same, from `start` on (container created before)",
        Clock::Without(&[Phase::Create]),
    ),
    (
        "the same, from the process's first statement on",
        Clock::Without(&[Phase::Create, Phase::Start, Phase::Spawn, Phase::Process]),
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
        Clock::Load("warm", Measure::RequestNs),
    ),
    (
        "a request under load",
        Clock::Load("throughput", Measure::PerSecond),
    ),
];

/// The values of each system's quickest cell by one clock.
fn timed<'a>(
    run: &Run,
    analysis: &'a Analysis,
    workload: &'a str,
    clock: Clock,
) -> Vec<(&'a CellFacts, Vec<f64>)> {
    let mut found: Vec<(&CellFacts, Vec<f64>)> = match clock {
        Clock::Whole(scenario) => of_measure(analysis.shown(workload, scenario), Measure::TotalNs),
        Clock::Load(scenario, measure) => of_measure(analysis.shown(workload, scenario), measure),
        Clock::Without(phases) => {
            of_phases(run, analysis, workload, &|phase| !phases.contains(&phase))
        }
        Clock::Only(phases) => of_phases(run, analysis, workload, &|phase| phases.contains(&phase)),
    };
    let middle = |values: &[f64]| findings::statistics::median(values).unwrap_or(f64::INFINITY);
    found.retain(|(_, values)| !values.is_empty());
    found.sort_by(|one, two| middle(&one.1).total_cmp(&middle(&two.1)));
    let mut systems: Vec<String> = Vec::new();
    found.retain(|(cell, _)| {
        let new = !systems.contains(&cell.cell.system.to_string());
        systems.push(cell.cell.system.to_string());
        new
    });
    found
}

fn of_measure(cells: Vec<&CellFacts>, measure: Measure) -> Vec<(&CellFacts, Vec<f64>)> {
    cells
        .into_iter()
        .map(|cell| (cell, super::contrasts::costs(cell, measure)))
        .collect()
}

fn of_phases<'a>(
    run: &Run,
    analysis: &'a Analysis,
    workload: &'a str,
    wanted: &dyn Fn(Phase) -> bool,
) -> Vec<(&'a CellFacts, Vec<f64>)> {
    let cells = taken_apart(analysis, workload, "runtime-cold");
    // What an orchestrator does before the process cannot be told from what the process does.
    let served = cells
        .into_iter()
        .filter(|cell| cell.phase(Phase::Schedule).is_none() && cell.phase(Phase::Run).is_none());
    let values = |cell: &CellFacts| -> Vec<f64> {
        let data = run.cells.iter().find(|data| data.id == cell.id);
        let points = data
            .map_or(&[][..], |data| &data.points)
            .iter()
            .filter(|point| point.is_good());
        points
            .map(|point| {
                let phases = point
                    .phases
                    .iter()
                    .filter(|phase| phase.name.counts() && wanted(phase.name));
                phases
                    .map(|phase| phase.ns)
                    .fold(0_u64, u64::saturating_add) as f64
            })
            .filter(|ns| *ns > 0.0)
            .collect()
    };
    served.map(|cell| (cell, values(cell))).collect()
}

/// For each workload with a container and something else.
pub(crate) fn numbers(run: &Run, analysis: &Analysis) -> Vec<Clocks> {
    let mut all = Vec::new();
    for workload in analysis.workloads() {
        let mut ratios = Vec::new();
        for (name, clock) in CLOCKS {
            let timed = timed(run, analysis, workload, clock);
            let Some((container, theirs)) =
                timed.iter().find(|(cell, _)| cell.cell.system == CONTAINER)
            else {
                continue;
            };
            let shown = |system: &str| system == "native" || is_wasm(system);
            for (cell, ours) in timed.iter().filter(|(cell, _)| shown(&cell.cell.system)) {
                let Ok(shift) = hodges_lehmann_ratio(ours, theirs) else {
                    continue;
                };
                ratios.push(ClockRatio {
                    clock: name,
                    cell: cell.id.clone(),
                    container: container.id.clone(),
                    system: cell.cell.system.to_string(),
                    median_ns: findings::statistics::median(ours).unwrap_or(f64::NAN),
                    container_ns: findings::statistics::median(theirs).unwrap_or(f64::NAN),
                    ratio: shift.estimate,
                    interval: shift.interval,
                });
            }
        }
        if !ratios.is_empty() {
            all.push(Clocks {
                workload: workload.into(),
                ratios,
            });
        }
    }
    all
}

/// The section, if there is a container and something else.
pub(crate) fn tell(analysis: &Analysis) -> Option<Section> {
    let title = match widest(analysis) {
        Some((system, quick, slow)) if quick < 1.0 && slow > 1.0 => format!(
            "Why published numbers disagree: by one clock {system} takes 1/{} of a container's \
                time, by another {} times it",
            three_digits(1.0 / quick),
            three_digits(slow)
        ),
        _ => "Why published numbers disagree: where does the clock start?".to_owned(),
    };
    if analysis.clocks.is_empty() {
        return None;
    }
    let mut section = Section::new("clocks", title);
    section.text(
        "\"Eight times faster than containers\" and \"slower than native containers\" can both be \
            true of one machine on one day. Below is this run only; what moves is where the clock \
            starts and where it stops, and whether code was compiled before.",
    );
    for clocks in &analysis.clocks {
        section.blocks.push(Block::Figure(figure(analysis, clocks)));
    }
    Some(section)
}

/// The system of one workload whose answer moves most, with its smallest and its largest ratio.
fn widest(analysis: &Analysis) -> Option<(&str, f64, f64)> {
    let mut widest: Option<(&str, f64, f64)> = None;
    for clocks in &analysis.clocks {
        for system in clocks
            .ratios
            .iter()
            .map(|ratio| ratio.system.as_str())
            .filter(|system| is_wasm(system))
        {
            // Only what is told from 1 is claimed.
            let of = clocks.ratios.iter().filter(|ratio| ratio.system == system);
            let sure = of
                .filter(|ratio| ratio.interval.is_some_and(|ends| !ends.contains(1.0)))
                .map(|ratio| ratio.ratio);
            let (least, most) = (
                sure.clone().fold(f64::INFINITY, f64::min),
                sure.fold(0.0, f64::max),
            );
            if most > 0.0 && widest.is_none_or(|(_, low, high)| most / least > high / low) {
                widest = Some((system, least, most));
            }
        }
    }
    widest
}

fn figure(analysis: &Analysis, clocks: &Clocks) -> Figure {
    let title = format!(
        "{}: how many times a container's time, by which clock?",
        clocks.workload
    );
    let mut rows: Vec<DotRow> = Vec::new();
    let columns = [
        "clock",
        "system",
        ">its median",
        ">container's median",
        ">of the container's",
        ">95 % interval",
    ];
    let mut table = Table::new(title.clone(), &columns);
    for ratio in &clocks.ratios {
        let dot = Dot {
            label: ratio.system.to_string(),
            system: ratio.system.to_string(),
            ratio: ratio.ratio,
            interval: ratio.interval.map(|interval| (interval.low, interval.high)),
        };
        let label = ratio.clock.replace('`', "");
        match rows.last_mut() {
            Some(row) if row.label == label => row.dots.push(dot),
            _ => rows.push(DotRow {
                label,
                dots: vec![dot],
            }),
        }
        let cell = analysis.cell(&ratio.cell);
        let name = cell.map_or_else(String::new, |cell| {
            Names::of(std::iter::once(&cell.cell)).name(&cell.cell)
        });
        let network = analysis.cell(&ratio.container);
        let network = network
            .and_then(|cell| param(&cell.cell, "network"))
            .unwrap_or_default();
        table.row([
            ratio.clock.to_owned(),
            format!("[{name}](#{})", ratio.cell),
            Unit::Nanoseconds.shown(ratio.median_ns),
            format!(
                "[{}](#{}) {network}",
                Unit::Nanoseconds.shown(ratio.container_ns),
                ratio.container
            ),
            Unit::Times.shown(ratio.ratio),
            ratio.interval.map_or_else(
                || "–".to_owned(),
                |ends| span((ends.low, ends.high), Unit::Times),
            ),
        ]);
    }
    Figure {
        id: format!("{}-clocks", clocks.workload),
        title,
        caption: format!(
            "The dashed line is the container (`{CONTAINER}`, its quickest network): left of it \
                takes less time, right of it more. Of each system the cell that is quickest by \
                that clock. Ratios are Hodges–Lehmann's with 95 % intervals; below a few samples \
                there are none."
        ),
        picture: dots(&rows, "times the container's time"),
        table,
        workload: None,
        systems: Vec::new(),
    }
}
