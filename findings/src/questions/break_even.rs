//! When does a slower start pay? After how many requests, and at what rate of them.

use results::Workload;
use serde::Serialize;

use crate::cells::{CellFacts, Measure};
use crate::facts::{Configuration, Facts};
use crate::statistics::{Answer, BreakEven as Crossing, Costs, Resampling, break_even, rate_for};

/// Idle timeouts, in seconds, for which the break-even rate is stated.
const TIMEOUTS: [f64; 3] = [10.0, 60.0, 600.0];

/// Below so many samples a cell nothing is claimed: a median has no interval then either.
const ENOUGH: usize = 6;

/// A way to run a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Way {
    /// The cell of its starts.
    pub start: String,
    /// The cell of its requests.
    pub warm: String,
    /// The mean of its starts.
    pub start_ns: f64,
    /// The mean of its requests.
    pub request_ns: f64,
}

/// Two ways, of which one starts quicker and the other answers quicker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pays {
    /// What starts slower and answers quicker: its cells of starts and of requests.
    pub candidate: [String; 2],
    /// What starts quicker and answers slower.
    pub baseline: [String; 2],
    /// After how many requests per start the first one costs less.
    pub requests: f64,
    /// The answer with its interval.
    pub answer: Answer,
    /// At which rate of requests, for each idle timeout in seconds after which an instance is
    /// stopped: (timeout, per second).
    pub rates: Vec<(f64, f64)>,
    /// Whether there are enough samples and both ends of the interval are known.
    pub is_certain: bool,
}

/// The ways to run a workload, and where their costs cross.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakEven {
    /// The workload.
    pub workload: Workload,
    /// Of each system the quickest way, quickest first.
    pub ways: Vec<Way>,
    /// Every pair where there is something to win.
    pub crossings: Vec<Pays>,
    /// Ways whose starts and requests had different CPUs, so that they cannot be added up.
    pub not_added: Vec<NotAdded>,
}

/// A way whose starts and requests had different CPUs, or of which that is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotAdded {
    /// The cell of its starts.
    pub start: String,
    /// How many CPUs they had, if that is recorded.
    pub start_cpus: Option<usize>,
    /// The cell of its requests.
    pub warm: String,
    /// How many CPUs they had.
    pub warm_cpus: Option<usize>,
}

impl NotAdded {
    /// Why, in a clause: `starts on 2 CPUs, requests on 1`.
    pub fn words(&self) -> String {
        let number = |of: Option<usize>| {
            of.map_or_else(
                || "a number that is not recorded".to_owned(),
                |n| n.to_string(),
            )
        };
        format!(
            "starts on {}, requests on {} CPUs",
            number(self.start_cpus),
            number(self.warm_cpus)
        )
    }
}

/// Every workload of which there are two ways.
pub fn compute(facts: &Facts) -> Vec<BreakEven> {
    let of_workload = |workload: &Workload| {
        let all = facts.configurations(workload);
        let not_added: Vec<NotAdded> = all.iter().filter_map(not_added).collect();
        let ways: Vec<Way> = all.iter().filter_map(way).collect();
        let mut crossings = Vec::new();
        for (index, quick) in all.iter().enumerate() {
            for slow in &all[index + 1..] {
                crossings.extend(cross(slow, quick));
            }
        }
        (ways.len() > 1 || !not_added.is_empty()).then(|| BreakEven {
            workload: workload.clone(),
            ways,
            crossings,
            not_added,
        })
    };
    facts
        .workloads()
        .into_iter()
        .filter_map(of_workload)
        .collect()
}

fn way(of: &Configuration<'_>) -> Option<Way> {
    let start = of.start_on_same_cpus?;
    Some(Way {
        start: start.id.clone(),
        warm: of.warm.id.clone(),
        start_ns: start.mean(Measure::TotalNs)?,
        request_ns: of.warm.mean(Measure::RequestNs)?,
    })
}

fn not_added(of: &Configuration<'_>) -> Option<NotAdded> {
    let cpus = |cell: &CellFacts| cell.cpus.as_ref().map(|cpus| cpus.len());
    of.start_on_same_cpus.is_none().then(|| NotAdded {
        start: of.start.id.clone(),
        start_cpus: cpus(of.start),
        warm: of.warm.id.clone(),
        warm_cpus: cpus(of.warm),
    })
}

fn cross(one: &Configuration<'_>, two: &Configuration<'_>) -> Option<Pays> {
    fn costs<'a>(start: &'a CellFacts, warm: &'a CellFacts) -> Costs<'a> {
        Costs {
            start: start.values(Measure::TotalNs),
            request: warm.values(Measure::RequestNs),
        }
    }
    let mean = |of: &Configuration<'_>| of.start_on_same_cpus?.mean(Measure::TotalNs);
    // Which starts quicker may be another on the CPUs of requests than on all.
    let (slow, quick) = if mean(one)? >= mean(two)? {
        (one, two)
    } else {
        (two, one)
    };
    let (slow_start, quick_start) = (slow.start_on_same_cpus?, quick.start_on_same_cpus?);
    let answer = break_even(
        costs(slow_start, slow.warm),
        costs(quick_start, quick.warm),
        Resampling::default(),
    )
    .ok()?;
    let Crossing::From(requests) = answer.estimate else {
        return None;
    };
    let cells = [slow_start, slow.warm, quick_start, quick.warm];
    let has_enough = cells.iter().all(|cell| cell.orders.len() >= ENOUGH);
    Some(Pays {
        candidate: [slow_start.id.clone(), slow.warm.id.clone()],
        baseline: [quick_start.id.clone(), quick.warm.id.clone()],
        requests,
        rates: TIMEOUTS.map(|it| (it, rate_for(requests, it))).into(),
        is_certain: has_enough && answer.low.is_some() && answer.high.is_some(),
        answer,
    })
}
