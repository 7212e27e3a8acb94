//! Three ways to use a service, and which systems suit each.

use serde::Serialize;

use super::analysis::Analysis;
use super::facts::{CellFacts, Measure};
use super::pays::{Configuration, ENOUGH, configurations};
use super::words::listed;
use crate::document::{Section, Table};
use crate::plot::Unit;
use findings::units::{nanoseconds, percent, three_digits};

/// What is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Criterion {
    /// Time to the first answer of a new process, all prepared.
    Start,
    /// Time of a request on a running instance.
    Request,
    /// Memory of a running instance.
    Memory,
    /// Time per request under load: the reciprocal of the throughput.
    Load,
}

impl Criterion {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Request => "request",
            Self::Memory => "memory",
            Self::Load => "time per request under load",
        }
    }
}

/// What counts how much.
type Weights = &'static [(Criterion, f64)];

/// A way to use a service: its name, what it is like, and what counts how much.
const USES: [(&str, &str, Weights); 3] = [
    (
        "edge",
        "many tenants on small machines, few requests each: instances come and go, and memory is \
            what limits their number",
        &[
            (Criterion::Start, 0.4),
            (Criterion::Memory, 0.5),
            (Criterion::Request, 0.1),
        ],
    ),
    (
        "serverless",
        "bursts after idle times: the start is in every burst's first answer, then requests come \
            for a while",
        &[
            (Criterion::Start, 0.5),
            (Criterion::Request, 0.3),
            (Criterion::Memory, 0.2),
        ],
    ),
    (
        "long-running",
        "started once and loaded all day: requests count, starts hardly do",
        &[
            (Criterion::Load, 0.6),
            (Criterion::Request, 0.25),
            (Criterion::Memory, 0.15),
        ],
    ),
];

/// A system's place for one use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// The use.
    pub of: &'static str,
    /// The workload.
    pub workload: String,
    /// The system.
    pub system: String,
    /// How many samples its place rests on, of starts or of requests, whichever are fewer.
    pub starts: usize,
    /// The weighted geometric mean of how many times the best system's cost each criterion is: 1 is
    /// best in everything.
    pub score: f64,
    /// Each criterion: its value and how many times the best one's it is.
    factors: Vec<(Criterion, f64, f64)>,
}

fn cost(
    analysis: &Analysis,
    workload: &str,
    start: &CellFacts,
    warm: &CellFacts,
    criterion: Criterion,
) -> Option<f64> {
    let loaded = || {
        let cells = analysis.shown(workload, "throughput").into_iter();
        let rates = cells
            .filter(|cell| cell.cell.system == start.cell.system)
            .filter_map(|cell| cell.median(Measure::PerSecond));
        rates.reduce(f64::max).map(|rate| 1e9 / rate)
    };
    match criterion {
        Criterion::Start => start.median(Measure::TotalNs),
        Criterion::Request => warm.median(Measure::P50Ns),
        Criterion::Memory => warm
            .median(Measure::PssBytes)
            .or(start.median(Measure::PssBytes)),
        Criterion::Load => loaded(),
    }
}

/// Every system's place for every use, best first.
pub(crate) fn numbers(analysis: &Analysis) -> Vec<Place> {
    let mut places = Vec::new();
    for workload in analysis.workloads() {
        let all = configurations(analysis, workload);
        for (of, _, weights) in USES {
            let mut ranked = ranked(analysis, workload, of, weights, &all);
            ranked.sort_by(|one, two| {
                one.score
                    .total_cmp(&two.score)
                    .then_with(|| one.system.cmp(&two.system))
            });
            // A race of one has no winner.
            if ranked.len() > 1 {
                places.extend(ranked);
            }
        }
    }
    places
}

/// The systems of which everything was measured that counts: one of which something was not cannot
/// be ranked by it.
fn ranked(
    analysis: &Analysis,
    workload: &str,
    of: &'static str,
    weights: Weights,
    all: &[Configuration<'_>],
) -> Vec<Place> {
    let costs = |one: &Configuration<'_>| -> Option<Vec<f64>> {
        weights
            .iter()
            .map(|(criterion, _)| cost(analysis, workload, one.start, one.warm, *criterion))
            .collect()
    };
    let known: Vec<_> = all
        .iter()
        .filter_map(|one| Some((one, costs(one)?)))
        .collect();
    let best = |at: usize| {
        known
            .iter()
            .map(|(_, costs)| costs[at])
            .fold(f64::INFINITY, f64::min)
    };
    let place = |(one, costs): &(&Configuration<'_>, Vec<f64>)| {
        let factor = |(at, (criterion, _)): (usize, &(Criterion, f64))| {
            (*criterion, costs[at], costs[at] / best(at))
        };
        let factors: Vec<_> = weights.iter().enumerate().map(factor).collect();
        let logarithms = factors
            .iter()
            .zip(weights)
            .map(|((.., times), (_, weight))| weight * times.ln());
        let score = logarithms.sum::<f64>().exp();
        let (workload, system) = (workload.to_owned(), one.start.cell.system.to_string());
        let starts = one.start.orders.len().min(one.warm.orders.len());
        score.is_finite().then_some(Place {
            of,
            workload,
            system,
            starts,
            score,
            factors,
        })
    };
    known.iter().filter_map(place).collect()
}

/// The section, where two systems at least can be ranked.
pub(crate) fn tell(analysis: &Analysis) -> Option<Section> {
    // One workload for the heading; the tables have all.
    let workload = analysis.places.first()?.workload.as_str();
    let first = |of: &str| {
        analysis
            .places
            .iter()
            .find(|place| place.of == of && place.workload == workload)
    };
    let winners: Vec<_> = USES.iter().filter_map(|(of, ..)| first(of)).collect();
    let enough = analysis
        .places
        .iter()
        .filter(|place| place.workload == workload)
        .all(|place| place.starts >= ENOUGH);
    let same = winners
        .iter()
        .all(|place| place.system == winners[0].system);
    let told = if !enough {
        "too few samples to name a first".to_owned()
    } else if same {
        format!("{} comes first in each", winners[0].system)
    } else {
        listed(
            &winners
                .iter()
                .map(|place| format!("{} for {}", place.system, place.of))
                .collect::<Vec<_>>(),
        )
    };
    let title = format!("Edge, serverless, long-running: of {workload}, {told}");
    let mut section = Section::new("ranking", title);
    section.text(
        "A ranking is a matter of what counts. Here it is the weighted geometric mean of how many \
            times the best system's cost each criterion is: 1 would be best in everything. The \
            weights are an opinion and are told; the factors are measurements. Places whose \
            scores differ by little are no finding. Isolation, tooling and what a guest may do \
            count too, and are not measured here.",
    );
    for (of, like, weights) in USES {
        let told: Vec<_> = weights
            .iter()
            .map(|(c, weight)| format!("{} {}", c.name(), percent(*weight)))
            .collect();
        section.text(format!("**{of}:** {like}. Weights: {}.", listed(&told)));
        let columns = [
            "system",
            "workload",
            ">place",
            ">score",
            "why: value (times the best)",
        ];
        let mut table = Table::new(format!("{of}: systems by score"), &columns);
        let mut place = 0;
        let mut workload = "";
        for ranked in analysis.places.iter().filter(|ranked| ranked.of == of) {
            place = if ranked.workload == workload {
                place + 1
            } else {
                1
            };
            workload = &ranked.workload;
            table.row([
                ranked.system.to_string(),
                ranked.workload.to_string(),
                place.to_string(),
                three_digits(ranked.score),
                reasons(ranked),
            ]);
        }
        section.table(table);
    }
    Some(section)
}

fn reasons(place: &Place) -> String {
    let told = |(criterion, value, times): &(Criterion, f64, f64)| {
        let value = if *criterion == Criterion::Memory {
            Unit::Bytes.shown(*value)
        } else {
            nanoseconds(*value)
        };
        format!(
            "{} {value} ({})",
            criterion.name(),
            if *times <= 1.0 {
                "best".to_owned()
            } else {
                format!("{}×", three_digits(*times))
            }
        )
    };
    place
        .factors
        .iter()
        .map(told)
        .collect::<Vec<_>>()
        .join("; ")
}
