//! Why do published numbers disagree: the same run, with the clock started and stopped elsewhere.
//!
//! Of each system the cell that stands for it, whichever clock it is read by: the quickest by each
//! clock would be another cell each time, and quick by luck too.

use results::record::Scenario;
use results::{Phase, Workload};
use serde::Serialize;
use systems::{BASELINE, Kind, standing};

use crate::cells::{CellFacts, Lateness, Measure, of_starts, widened};
use crate::comparison::{self, Bound, Effect, Sample};
use crate::facts::{Facts, one_per_system};
use crate::statistics::median;
use crate::units::Unit;

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
    /// How many times as long as the container. The ends of its interval are moved by what either
    /// start may have been seen late. Nothing where both are faster than the load generator.
    pub ratio: Option<Effect>,
    /// On which side of it the ratio lies, where the load generator was at its limit with one of them.
    pub bound: Option<Bound>,
}

impl ClockRatio {
    /// The estimate with its sign: `≤ 0.5×` where it is only a bound, a dash where there is none.
    pub fn ratio_text(&self) -> String {
        let bound = self.bound.map_or("", Bound::sign);
        self.ratio.map_or_else(
            || "–".to_owned(),
            |ratio| format!("{bound}{}", Unit::Times.shown(ratio.estimate)),
        )
    }
}

/// The ratios of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockBoundaries {
    /// The workload.
    pub workload: Workload,
    /// The ratios, clock by clock.
    pub ratios: Vec<ClockRatio>,
    /// What stands for WebAssembly by two clocks that were chosen beforehand. Nothing where the load
    /// generator was at its limit: a heading quotes no bound.
    pub apart: Option<Apart>,
}

/// One system by two clocks: a whole start with everything prepared, and a request under load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Apart {
    /// The system.
    pub system: String,
    /// The container's.
    pub container: String,
    /// How many times as long as the container a start takes.
    pub start: Effect,
    /// How many times as long a request does.
    pub request: Effect,
}

impl Apart {
    /// Whether one clock surely says less than the container, and the other surely more.
    pub fn disagree(&self) -> bool {
        let ends = self.start.interval.zip(self.request.interval);
        ends.is_some_and(|(start, request)| {
            (start.high < 1.0 && request.low > 1.0) || (start.low > 1.0 && request.high < 1.0)
        })
    }
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

impl Clock {
    /// Which bound of the ratio of two cells its estimate is; an error if nothing is known of it.
    fn bound(
        self,
        candidate: &CellFacts,
        baseline: &CellFacts,
    ) -> Result<Option<Bound>, &'static str> {
        match self {
            Self::Load(_, measure) => Bound::of_cells(candidate, baseline, measure),
            Self::Whole(_) | Self::Except(_) | Self::Only(_) => Ok(None),
        }
    }
}

/// The clock of starts that a heading quotes.
const START: &str = "launch → first answer, all prepared and in memory";

/// The clock of requests that a heading quotes.
const REQUEST: &str = "a request under load";

const CLOCKS: [(&str, Clock); 9] = [
    (
        "launch → first answer, nothing in memory",
        Clock::Whole(Scenario::DiskCold),
    ),
    (
        "launch → first answer, nothing compiled",
        Clock::Whole(Scenario::CodeCold),
    ),
    (
        "launch → first answer, image pulled",
        Clock::Whole(Scenario::ImageCold),
    ),
    (START, Clock::Whole(Scenario::WarmDisk)),
    (
        "the same, from `start` on (container created before)",
        Clock::Except(&[Phase::Pull, Phase::Create]),
    ),
    (
        "the same, from the process's first statement on",
        Clock::Except(&[
            Phase::Pull,
            Phase::Create,
            Phase::Start,
            Phase::Spawn,
            Phase::Process,
        ]),
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
        REQUEST,
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
            apart: apart(facts, &ratios),
            ratios,
        })
    };
    facts
        .workloads()
        .into_iter()
        .filter_map(of_workload)
        .collect()
}

/// A cell as a clock sees it.
struct Timed<'a> {
    cell: &'a CellFacts,
    sample: Sample,
    /// By how much its end may have been seen late.
    late: Lateness,
}

fn ratios(facts: &Facts, workload: &str, name: &'static str, clock: Clock) -> Vec<ClockRatio> {
    let timed = timed(facts, workload, clock);
    let Some(container) = standing(Kind::Container, &timed, |it| &it.cell.cell) else {
        return Vec::new();
    };
    let is_shown = |it: &&Timed<'_>| it.cell.system() == BASELINE || is_wasm(facts, it.cell);
    let ratio = |it: &Timed<'_>| {
        let ratio = comparison::ratio(&it.sample, &container.sample)?;
        let bound = clock.bound(it.cell, container.cell);
        Some(ClockRatio {
            clock: name,
            cell: it.cell.id.clone(),
            container: container.cell.id.clone(),
            system: it.cell.system().to_owned(),
            median_ns: median(it.sample.values()).ok()?,
            container_ns: median(container.sample.values()).ok()?,
            ratio: bound.is_ok().then(|| Effect {
                interval: ratio
                    .interval
                    .map(|ends| widened(ends, [it.late, container.late])),
                ..ratio
            }),
            bound: bound.unwrap_or_default(),
        })
    };
    timed.iter().filter(is_shown).filter_map(ratio).collect()
}

fn is_wasm(facts: &Facts, cell: &CellFacts) -> bool {
    facts.describe(&cell.cell.system).kind == Kind::Wasm
}

/// Of each system the cell that stands for it, quickest first; none of survivors.
fn timed<'a>(facts: &'a Facts, workload: &str, clock: Clock) -> Vec<Timed<'a>> {
    let mut found = match clock {
        Clock::Whole(scenario) => of_measure(facts, workload, scenario, Measure::TotalNs),
        Clock::Load(scenario, measure) => of_measure(facts, workload, scenario, measure),
        Clock::Except(phases) => of_phases(facts, workload, &|phase| !phases.contains(&phase)),
        Clock::Only(phases) => of_phases(facts, workload, &|phase| phases.contains(&phase)),
    };
    let middle = |it: &Timed<'_>| median(it.sample.values()).unwrap_or(f64::INFINITY);
    found.retain(|it| !it.sample.values().is_empty() && !it.cell.fails_often());
    found.sort_by(|one, two| middle(one).total_cmp(&middle(two)));
    found
}

fn of_measure<'a>(
    facts: &'a Facts,
    workload: &str,
    scenario: Scenario,
    measure: Measure,
) -> Vec<Timed<'a>> {
    let cells = one_per_system(&facts.comparable_by(workload, scenario, measure));
    let timed = |cell: &'a CellFacts| Timed {
        cell,
        sample: Sample::costs(cell, measure),
        late: match measure {
            Measure::TotalNs => cell.late.unwrap_or_default(),
            _ => Lateness::default(),
        },
    };
    cells.into_iter().map(timed).collect()
}

fn of_phases<'a>(facts: &'a Facts, workload: &str, fits: &dyn Fn(Phase) -> bool) -> Vec<Timed<'a>> {
    let mut cells = facts.taken_apart(workload, Scenario::WarmDisk);
    // What an orchestrator does before the process cannot be separated from what the process does.
    cells.retain(|it| it.phase(Phase::Schedule).is_none() && it.phase(Phase::Run).is_none());
    let timed = |cell: &'a CellFacts| {
        let sums = cell.starts.iter().map(|start| {
            let phases = start.phases.iter();
            let counted = phases.filter(|it| it.name.counts() && fits(it.name));
            let ns = counted.map(|it| it.ns).fold(0_u64, u64::saturating_add);
            (start, ns as f64)
        });
        let sums: Vec<_> = sums.filter(|(_, ns)| *ns > 0.0).collect();
        let late = of_starts(sums.iter().map(|(start, ns)| (*ns, start.gap_ns)));
        let values = sums
            .iter()
            .map(|(start, ns)| (start.session, start.block, *ns));
        Timed {
            cell,
            sample: Sample::of_sessions(values),
            late: late.unwrap_or_default(),
        }
    };
    one_per_system(&cells).into_iter().map(timed).collect()
}

/// What stands for WebAssembly by the two clocks of the heading.
fn apart(facts: &Facts, ratios: &[ClockRatio]) -> Option<Apart> {
    let by = |clock: &str| {
        let of_clock = ratios.iter().filter(|it| it.clock == clock);
        let cells = of_clock.filter_map(|it| Some((it, facts.cell(&it.cell)?)));
        standing(Kind::Wasm, cells, |(_, cell)| &cell.cell)
    };
    let ((start, one), (request, two)) = (by(START)?, by(REQUEST)?);
    let is_known = one.cell.system == two.cell.system && request.bound.is_none();
    let (start_ratio, request_ratio) = start.ratio.zip(request.ratio).filter(|_| is_known)?;
    Some(Apart {
        system: one.system().to_owned(),
        container: facts
            .cell(&start.container)
            .map_or_else(String::new, |it| it.system().to_owned()),
        start: start_ratio,
        request: request_ratio,
    })
}
