//! When does a slower start pay? After how many requests, and at what rate of them.

use std::collections::BTreeMap;

use results::Workload;
use serde::Serialize;
use systems::{Kind, standing};

use crate::cells::{CellFacts, Measure};
use crate::facts::{Configuration, Facts};
use crate::statistics::{Answer, BreakEven as Crossing, break_even, rate_for};

/// Idle timeouts, in seconds, for which the break-even rate is stated.
const TIMEOUTS: [f64; 3] = [10.0, 60.0, 600.0];

/// A way to run a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Way {
    /// The cell of its starts.
    pub start: String,
    /// The cell of its requests.
    pub warm: String,
    /// The median of its starts.
    pub start_ns: f64,
    /// The median over processes of the mean of their requests.
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
    /// Whether there is a crossing beyond doubt: both ends of the interval are known.
    pub is_certain: bool,
}

/// The ways to run a workload, and where their costs cross.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakEven {
    /// The workload.
    pub workload: Workload,
    /// Of each system the way that stands for it, quickest first; none of survivors.
    pub ways: Vec<Way>,
    /// Every pair where there is something to win.
    pub crossings: Vec<Pays>,
    /// Which of them is that of what stands for WebAssembly, which starts quicker, and of what
    /// stands for containers.
    pub headline: Option<usize>,
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
        let mut all = facts.configurations(workload);
        all.retain(|of| !of.fails_often());
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
            headline: headline(&all, &crossings),
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

fn headline(all: &[Configuration<'_>], crossings: &[Pays]) -> Option<usize> {
    let stands_for = |kind| standing(kind, all, |of| &of.start.cell);
    let (wasm, container) = (stands_for(Kind::Wasm)?, stands_for(Kind::Container)?);
    crossings.iter().position(|pays| {
        let is = |id: &str, of: &Configuration<'_>| {
            of.start_on_same_cpus.is_some_and(|start| start.id == id)
        };
        is(&pays.baseline[0], wasm) && is(&pays.candidate[0], container)
    })
}

fn way(of: &Configuration<'_>) -> Option<Way> {
    let start = of.start_on_same_cpus?;
    Some(Way {
        start: start.id.clone(),
        warm: of.warm.id.clone(),
        start_ns: start.median(Measure::TotalNs)?,
        request_ns: of.warm.median(Measure::RequestNs)?,
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
    let median = |of: &Configuration<'_>| of.start_on_same_cpus?.median(Measure::TotalNs);
    // Which starts quicker may be another on the CPUs of requests than on all.
    let (slow, quick) = if median(one)? >= median(two)? {
        (one, two)
    } else {
        (two, one)
    };
    let (slow_start, quick_start) = (slow.start_on_same_cpus?, quick.start_on_same_cpus?);
    let four = [
        values(slow_start, Measure::TotalNs),
        values(quick_start, Measure::TotalNs),
        values(quick.warm, Measure::RequestNs),
        values(slow.warm, Measure::RequestNs),
    ];
    let answer = break_even(&pairs(&four)).ok()?;
    let Crossing::From(requests) = answer.estimate else {
        return None;
    };
    Some(Pays {
        candidate: [slow_start.id.clone(), slow.warm.id.clone()],
        baseline: [quick_start.id.clone(), quick.warm.id.clone()],
        requests,
        rates: TIMEOUTS.map(|it| (it, rate_for(requests, it))).into(),
        is_certain: answer.is_certain,
        answer,
    })
}

/// What more a start of the one costs, and what its request saves: in each block that has all four,
/// or, if those are fewer than three quarters of the smallest cell's samples, of the first samples,
/// the second, and so on. Then the four have nothing in common, and any order is as good.
fn pairs(four: &[Vec<(u32, f64)>; 4]) -> Vec<(f64, f64)> {
    let fewest = four.iter().map(Vec::len).min().unwrap_or(0);
    let together = |each: [f64; 4]| (each[0] - each[1], each[2] - each[3]);
    let mut blocks: BTreeMap<u32, [Option<f64>; 4]> = BTreeMap::new();
    for (at, cell) in four.iter().enumerate() {
        for (block, value) in cell {
            blocks.entry(*block).or_default()[at] = Some(*value);
        }
    }
    let whole = |each: &[Option<f64>; 4]| match *each {
        [Some(one), Some(two), Some(three), Some(four)] => Some([one, two, three, four]),
        _ => None,
    };
    let blocked: Vec<_> = blocks.values().filter_map(whole).map(together).collect();
    if blocked.len() * 4 >= fewest * 3 {
        return blocked;
    }
    let nth = |at: usize| four.each_ref().map(|cell| cell[at].1);
    (0..fewest).map(nth).map(together).collect()
}

/// The values of a measure, each with its block.
fn values(cell: &CellFacts, measure: Measure) -> Vec<(u32, f64)> {
    let measured = cell.measures.get(&measure);
    measured.map_or_else(Vec::new, |it| {
        it.blocks
            .iter()
            .copied()
            .zip(it.values.iter().copied())
            .collect()
    })
}
