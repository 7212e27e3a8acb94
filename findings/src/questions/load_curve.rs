//! How long does a request take at a part of what a system can do?
//!
//! A closed loop over several connections is always at the capacity: its latency says how many
//! connections there are. People run services below it. Here requests arrive at fixed parts of the
//! capacity that was found in the same run, whatever the system does meanwhile, and latency counts
//! from when each was due: a request that had to wait for a stall waited for its client too.

use std::collections::BTreeMap;

use results::record::Scenario;
use results::{Cell, Param, Workload};
use serde::Serialize;

use crate::cells::{CellFacts, GENERATOR_LIMIT, Measure, is_plain, is_unobserved, without};
use crate::facts::Facts;
use crate::units::percent;

/// The requests of one system at parts of its capacity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadCurve {
    /// What its points have in common.
    pub cell: Cell,
    /// The same requests one at a time: the id of the cell, where it was measured.
    pub alone: Option<String>,
    /// The points, the lowest rate first.
    pub points: Vec<LoadPoint>,
}

/// A part of the capacity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadPoint {
    /// Which, from 0 to 1.
    pub part: f64,
    /// The cell's id.
    pub cell: String,
    /// Whether its latencies are upper bounds: the load generator was at its limit.
    pub generator_limited: bool,
}

/// The curves of a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadCurves {
    /// The workload.
    pub workload: Workload,
    /// Each system's, in the order of cells.
    pub curves: Vec<LoadCurve>,
    /// The ids of the cells at the highest rate that the generator kept up with, of those that stand
    /// for the native program, WebAssembly and containers.
    pub representatives: Vec<String>,
}

/// A load of a curve, from one request at a time to the highest rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadAt<'a> {
    /// The part of the capacity: 0 of one request at a time.
    pub part: f64,
    /// The cell's id.
    pub cell: &'a str,
    /// What stands before its latencies.
    pub sign: &'static str,
}

impl LoadAt<'_> {
    /// What it is called.
    pub fn label(&self) -> String {
        if self.part > 0.0 {
            percent(self.part)
        } else {
            "one at a time".to_owned()
        }
    }
}

impl LoadCurve {
    /// Its loads, the lowest first.
    pub fn loads(&self) -> impl Iterator<Item = LoadAt<'_>> {
        let alone = self.alone.iter().map(|cell| LoadAt {
            part: 0.0,
            cell,
            sign: "",
        });
        let points = self.points.iter().map(|point| LoadAt {
            part: point.part,
            cell: &point.cell,
            sign: if point.generator_limited { "≤ " } else { "" },
        });
        alone.chain(points)
    }
}

impl LoadCurves {
    /// What a latency that is an upper bound is, in a sentence; nothing if there is none.
    pub fn bounds_words(&self) -> Option<String> {
        let mut points = self.curves.iter().flat_map(|curve| &curve.points);
        points.any(|point| point.generator_limited).then(|| {
            format!(
                "≤ is an upper bound: the load generator used more than {} of its core there, and \
                    requests wait for it, too. Such latencies are compared with nothing.",
                percent(GENERATOR_LIMIT)
            )
        })
    }
}

/// Every workload that was measured at parts of its systems' capacity.
pub fn compute(facts: &Facts) -> Vec<LoadCurves> {
    let workloads = facts.workloads().into_iter();
    workloads
        .filter_map(|workload| of_workload(facts, workload))
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload) -> Option<LoadCurves> {
    let mut groups: BTreeMap<Cell, Vec<LoadPoint>> = BTreeMap::new();
    let is_of = |cell: &&CellFacts| {
        let of = &cell.cell;
        of.workload == *workload
            && of.scenario == Scenario::Paced
            && is_unobserved(of)
            && is_plain(of)
            && !cell.is_twin()
            && cell.attempted() > 0
    };
    for cell in facts.cells.iter().filter(is_of) {
        let Some(part) = cell.cell.params.get(Param::Rate).and_then(part) else {
            continue;
        };
        let common = without(&cell.cell, &[Param::Rate]);
        let id = cell.id.clone();
        let points = groups.entry(common).or_default();
        points.push(LoadPoint {
            part,
            cell: id,
            generator_limited: cell.is_generators_latency(),
        });
    }
    let curve = |(cell, mut points): (Cell, Vec<LoadPoint>)| {
        points.sort_by(|one, two| one.part.total_cmp(&two.part));
        LoadCurve {
            alone: alone(facts, &cell),
            cell,
            points,
        }
    };
    let curves: Vec<_> = groups.into_iter().map(curve).collect();
    let standing = facts.representatives(workload, Scenario::Paced);
    let highest = standing.iter().filter_map(|cell| {
        let mut curves = curves.iter();
        let of = curves.find(|curve| curve.points.iter().any(|it| it.cell == cell.id))?;
        let mut kept_up = of.points.iter().rev().filter(|it| !it.generator_limited);
        Some(kept_up.next()?.cell.clone())
    });
    let representatives = highest.collect();
    (!curves.is_empty()).then(|| LoadCurves {
        workload: workload.clone(),
        representatives,
        curves,
    })
}

/// `80%` as a part of 1.
fn part(rate: &str) -> Option<f64> {
    let percent: f64 = rate.strip_suffix('%')?.parse().ok()?;
    let part = percent / 100.0;
    (part > 0.0 && part.is_finite()).then_some(part)
}

/// The same requests over one connection, each after the answer to the one before.
fn alone(facts: &Facts, cell: &Cell) -> Option<String> {
    let of_load = [
        Param::Connections,
        Param::Pace,
        Param::Requests,
        Param::DurationS,
    ];
    let same = without(cell, &of_load).params;
    let warm = facts.comparable_by(&cell.workload, Scenario::Warm, Measure::P50Ns);
    let alone = warm.into_iter().find(|other| {
        other.cell.system == cell.system && without(&other.cell, &of_load).params == same
    });
    alone.map(|cell| cell.id.clone())
}
