//! When does a slower start pay? After how many requests, and at what rate of them.

use serde::Serialize;

use super::analysis::Analysis;
use super::facts::{CellFacts, Measure};
use super::naming::{Names, param};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, Unit, curves, grouped};
use findings::statistics::{Answer, BreakEven, Costs, Resampling, break_even, rate_for};
use findings::units::{nanoseconds, three_digits};

/// Idle timeouts, in seconds, for which the break-even rate is told.
const TIMEOUTS: [f64; 3] = [10.0, 60.0, 600.0];

/// Below so many samples a cell nothing is claimed in a heading: a median has no interval then
/// either.
pub(crate) const ENOUGH: usize = 6;

/// More configurations of a workload than this make pairs that nobody reads: the quickest of each
/// system are enough.
const CONFIGURATIONS: usize = 12;

/// A way to run a workload: how it starts and how it answers.
pub(crate) struct Configuration<'a> {
    pub(crate) start: &'a CellFacts,
    pub(crate) warm: &'a CellFacts,
}

/// Two ways to run a workload, of which one starts quicker and the other answers quicker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crossing {
    /// The workload.
    pub workload: String,
    /// What starts slower and answers quicker: its cells of starts and of requests.
    pub candidate: [String; 2],
    /// What starts quicker and answers slower.
    pub baseline: [String; 2],
    /// After how many requests per start the first one wins.
    pub answer: Answer,
    /// At which rate of requests, for each idle timeout in seconds after which an instance is
    /// stopped: (timeout, per second).
    pub rates: Vec<(f64, f64)>,
}

/// Of each system the configuration that starts quickest with everything prepared.
pub(crate) fn configurations<'a>(
    analysis: &'a Analysis,
    workload: &'a str,
) -> Vec<Configuration<'a>> {
    let warm = analysis.shown(workload, "warm");
    let mut starts = analysis.shown(workload, "runtime-cold");
    starts.extend(analysis.shown(workload, "cold"));
    let fits = |start: &CellFacts, warm: &CellFacts| {
        let alike = ["acquire", "network", "image", "host", "allocator"];
        let same = |key: &&str| match (param(&start.cell, key), param(&warm.cell, key)) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        start.cell.system == warm.cell.system && alike.iter().all(same)
    };
    let mut found: Vec<Configuration<'_>> = Vec::new();
    for start in starts {
        if found
            .iter()
            .any(|known| known.start.cell.system == start.cell.system)
            && start.cell.scenario.name() == "cold"
        {
            continue;
        }
        let answering = warm
            .iter()
            .copied()
            .find(|warm| fits(start, warm) && warm.median(Measure::RequestNs).is_some());
        let (Some(warm), Some(_)) = (answering, start.median(Measure::TotalNs)) else {
            continue;
        };
        found.push(Configuration { start, warm });
    }
    let total =
        |one: &Configuration<'_>| one.start.median(Measure::TotalNs).unwrap_or(f64::INFINITY);
    found.sort_by(|one, two| total(one).total_cmp(&total(two)));
    let mut systems: Vec<&str> = Vec::new();
    found.retain(|one| {
        let new = !systems.contains(&one.start.cell.system.as_str());
        systems.push(&one.start.cell.system);
        new
    });
    found.truncate(CONFIGURATIONS);
    found
}

/// Every pair where there is something to win.
pub(crate) fn numbers(analysis: &Analysis) -> Vec<Crossing> {
    let mut crossings = Vec::new();
    for workload in analysis.workloads() {
        let all = configurations(analysis, workload);
        for (index, quick) in all.iter().enumerate() {
            for slow in &all[index + 1..] {
                crossings.extend(cross(workload, slow, quick));
            }
        }
    }
    crossings
}

fn cross(workload: &str, slow: &Configuration<'_>, quick: &Configuration<'_>) -> Option<Crossing> {
    fn costs<'a>(of: &Configuration<'a>) -> Costs<'a> {
        Costs {
            start: of.start.values(Measure::TotalNs),
            request: of.warm.values(Measure::RequestNs),
        }
    }
    let answer = break_even(costs(slow), costs(quick), Resampling::default()).ok()?;
    let BreakEven::From(requests) = answer.estimate else {
        return None;
    };
    Some(Crossing {
        workload: workload.into(),
        candidate: [slow.start.id.clone(), slow.warm.id.clone()],
        baseline: [quick.start.id.clone(), quick.warm.id.clone()],
        answer,
        rates: TIMEOUTS
            .iter()
            .map(|timeout| (*timeout, rate_for(requests, *timeout)))
            .collect(),
    })
}

/// The section, where starts and warm requests were measured.
pub(crate) fn tell(analysis: &Analysis) -> Option<Section> {
    let workloads: Vec<_> = analysis
        .workloads()
        .into_iter()
        .filter(|workload| configurations(analysis, workload).len() > 1)
        .collect();
    if workloads.is_empty() {
        return None;
    }
    let mut section = Section::new("pays", title(analysis));
    section.text(
        "A process costs its start once and its requests as often as they come. Between two \
            systems of which one starts quicker and the other answers quicker there is a number \
            of requests per start at which both have cost the same time: below it the quicker \
            start wins, above it the quicker request. Starts are `runtime-cold` (everything \
            prepared) where measured, requests are `warm`; costs add up, so that means decide \
            here and not medians.",
    );
    for workload in workloads {
        section
            .blocks
            .push(Block::Figure(figure(analysis, workload)));
        section.table(crossings(analysis, workload));
    }
    section.text(
        "By rate: requests that arrive independently of each other at a rate r keep an instance \
            alive until a gap is longer than its idle timeout T; it then serves e^(rT) requests \
            per start on average. The rate told is that from which on the slower start pays.",
    );
    Some(section)
}

fn title(analysis: &Analysis) -> String {
    let system = |crossing: &Crossing, of: fn(&Crossing) -> &[String; 2]| {
        let cell = analysis.cell(&of(crossing)[0]);
        cell.map_or_else(String::new, |cell| cell.cell.system.to_string())
    };
    let wasm = |crossing: &&Crossing| super::answer::is_wasm(&system(crossing, |c| &c.baseline));
    // With a handful of samples a number of requests would be a guess.
    let is_sure = |crossing: &&Crossing| {
        let mut cells = crossing.candidate.iter().chain(&crossing.baseline);
        let is_enough = |id: &String| {
            analysis
                .cells
                .iter()
                .any(|cell| cell.id == *id && cell.orders.len() >= ENOUGH)
        };
        crossing.answer.low.is_some() && crossing.answer.high.is_some() && cells.all(is_enough)
    };
    let against_docker =
        |crossing: &&Crossing| wasm(crossing) && system(crossing, |c| &c.candidate) == "docker";
    let found = analysis
        .crossings
        .iter()
        .find(|crossing| against_docker(crossing) && is_sure(crossing));
    // With a handful of starts a number of requests would be a guess.
    let is_sure = |crossing: &&Crossing| {
        let cells = crossing.candidate.iter().chain(&crossing.baseline);
        let enough = |id: &String| {
            analysis
                .cells
                .iter()
                .any(|cell| cell.id == *id && cell.orders.len() >= ENOUGH)
        };
        crossing.answer.low.is_some() && crossing.answer.high.is_some() && cells.clone().all(enough)
    };
    let found = found.filter(is_sure);
    match found.map(|crossing| (crossing, crossing.answer.estimate)) {
        Some((crossing, BreakEven::From(requests))) => format!(
            "When does Wasm pay? For {}, {} beats docker up to {} requests per start",
            crossing.workload,
            system(crossing, |c| &c.baseline),
            number(requests)
        ),
        _ => "When does Wasm pay? How many requests make up for a slower start".to_owned(),
    }
}

/// A number of requests: nobody sends a part of one.
fn number(requests: f64) -> String {
    if requests < 1e9 {
        grouped(requests.ceil())
    } else {
        format!("{requests:.1e}")
    }
}

fn figure(analysis: &Analysis, workload: &str) -> Figure {
    let all = configurations(analysis, workload);
    let names = Names::of(all.iter().map(|one| &one.start.cell));
    let title = format!("{workload}: what does a request cost, its share of the start included?");
    let mean = |cell: &CellFacts, measure| {
        cell.measures
            .get(&measure)
            .map_or(f64::NAN, |m: &super::facts::Measured| m.all.mean)
    };
    let columns = [
        "system",
        ">mean start",
        ">mean request",
        ">1 request per start",
        ">100",
        ">10,000",
        ">1,000,000",
    ];
    let mut table = Table::new(title.clone(), &columns);
    let mut series = Vec::new();
    for one in &all {
        let (start, request) = (
            mean(one.start, Measure::TotalNs),
            mean(one.warm, Measure::RequestNs),
        );
        let each = |requests: f64| start / requests + request;
        let counts = [1.0, 100.0, 1e4, 1e6].map(|requests| nanoseconds(each(requests)));
        let head = [
            super::words::linked(&names, one.start),
            nanoseconds(start),
            nanoseconds(request),
        ];
        table.row(head.into_iter().chain(counts));
        let points = (0..=12)
            .map(|half| 10_f64.powf(f64::from(half) / 2.0))
            .map(|n| (n, each(n), None))
            .collect();
        let system = one.start.cell.system.to_string();
        series.push(Curve {
            label: names.name(&one.start.cell),
            system,
            points,
            is_reference: false,
        });
    }
    let plane = Plane {
        x: ("requests per start", Unit::Count),
        y: ("mean time per request", Unit::Nanoseconds),
        log_x: true,
        log_y: true,
    };
    Figure {
        id: format!("{workload}-pays"),
        title,
        caption:
            "Where two curves cross, both have cost the same. Computed from the means of starts \
                and of warm requests."
                .to_owned(),
        picture: curves(&series, &plane),
        table,
        workload: None,
        systems: Vec::new(),
    }
}

fn crossings(analysis: &Analysis, workload: &str) -> Table {
    let all: Vec<_> = analysis
        .crossings
        .iter()
        .filter(|crossing| crossing.workload == workload)
        .collect();
    let cells = all
        .iter()
        .flat_map(|crossing| [&crossing.candidate[0], &crossing.baseline[0]]);
    let names = Names::of(
        cells
            .filter_map(|id| analysis.cell(id))
            .map(|cell| &cell.cell),
    );
    let name = |id: &str| {
        analysis
            .cell(id)
            .map_or_else(|| id.to_owned(), |cell| super::words::linked(&names, cell))
    };
    let columns = [
        "quicker start",
        "quicker request",
        ">pays from … requests per start",
        ">95 % interval",
        ">or from (idle 10 s)",
        ">(60 s)",
        ">(600 s)",
    ];
    let mut table = Table::new(
        format!("{workload}: pairs in which the slower start answers quicker"),
        &columns,
    );
    for crossing in all {
        let BreakEven::From(requests) = crossing.answer.estimate else {
            continue;
        };
        let end = |end: Option<f64>| end.map_or_else(|| "never".to_owned(), number);
        let rates = crossing.rates.iter().map(|(_, rate)| rate_text(*rate));
        let head = [
            name(&crossing.baseline[0]),
            name(&crossing.candidate[0]),
            number(requests),
            format!("{}–{}", end(crossing.answer.low), end(crossing.answer.high)),
        ];
        table.row(head.into_iter().chain(rates));
    }
    table
}

/// A rate in the unit that makes it readable.
fn rate_text(per_second: f64) -> String {
    if per_second >= 1.0 {
        format!("{}/s", three_digits(per_second))
    } else if per_second * 60.0 >= 1.0 {
        format!("{}/min", three_digits(per_second * 60.0))
    } else {
        format!("{}/h", three_digits(per_second * 3600.0))
    }
}
