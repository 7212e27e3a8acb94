//! When does a slower start pay? After how many requests, and at what rate of them.

use results::Workload;
use serde::Serialize;

use crate::cells::Measure;
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
}

/// Every workload of which there are two ways.
pub fn compute(facts: &Facts) -> Vec<BreakEven> {
    let of_workload = |workload: &Workload| {
        let all = facts.configurations(workload);
        let ways: Vec<Way> = all.iter().filter_map(way).collect();
        let mut crossings = Vec::new();
        for (index, quick) in all.iter().enumerate() {
            for slow in &all[index + 1..] {
                crossings.extend(cross(slow, quick));
            }
        }
        (ways.len() > 1).then(|| BreakEven {
            workload: workload.clone(),
            ways,
            crossings,
        })
    };
    facts
        .workloads()
        .into_iter()
        .filter_map(of_workload)
        .collect()
}

fn way(of: &Configuration<'_>) -> Option<Way> {
    Some(Way {
        start: of.start.id.clone(),
        warm: of.warm.id.clone(),
        start_ns: of.start.mean(Measure::TotalNs)?,
        request_ns: of.warm.mean(Measure::RequestNs)?,
    })
}

fn cross(slow: &Configuration<'_>, quick: &Configuration<'_>) -> Option<Pays> {
    fn costs<'a>(of: &Configuration<'a>) -> Costs<'a> {
        Costs {
            start: of.start.values(Measure::TotalNs),
            request: of.warm.values(Measure::RequestNs),
        }
    }
    let answer = break_even(costs(slow), costs(quick), Resampling::default()).ok()?;
    let Crossing::From(requests) = answer.estimate else {
        return None;
    };
    let cells = [slow.start, slow.warm, quick.start, quick.warm];
    let has_enough = cells.iter().all(|cell| cell.orders.len() >= ENOUGH);
    Some(Pays {
        candidate: [slow.start.id.clone(), slow.warm.id.clone()],
        baseline: [quick.start.id.clone(), quick.warm.id.clone()],
        requests,
        rates: TIMEOUTS.map(|it| (it, rate_for(requests, it))).into(),
        is_certain: has_enough && answer.low.is_some() && answer.high.is_some(),
        answer,
    })
}
