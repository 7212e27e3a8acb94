//! Where a run stood still: a campaign that was stopped and resumed is two sets of samples, and the
//! machine may have been another one in the meantime.

use serde::Serialize;

use crate::input::{CellData, Point};

/// Nothing between two samples takes so long, in milliseconds: not even an orchestrator that has to
/// be started again.
const PAUSE_MS: i64 = 5 * 60_000;

/// A time in which nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pause {
    /// The block of the last sample before it.
    pub after_block: u32,
    /// The block of the first sample after it. The same one if the pause is within a block.
    pub before_block: u32,
    /// The place of that sample in the run's order.
    pub order: u64,
    /// How long it was, by the wall clock: nothing where that was set back over it.
    pub seconds: Option<f64>,
}

/// The pauses of a run, in its order.
pub(super) fn compute(cells: &[CellData]) -> Vec<Pause> {
    let mut points: Vec<&Point> = cells.iter().flat_map(|cell| &cell.points).collect();
    points.sort_by_key(|point| point.order);
    let pairs = points.windows(2);
    pairs.filter_map(|pair| between(pair[0], pair[1])).collect()
}

/// The pause between two samples that follow each other, if there is one. Two invocations of the run
/// have one between them, however short.
fn between(before: &Point, after: &Point) -> Option<Pause> {
    let gap = after.started_at_ms?.checked_sub(before.started_at_ms?)?;
    let idle = gap.checked_sub(known_ms(before))?;
    let is_resumed = before.session != after.session;
    (is_resumed || idle > PAUSE_MS).then_some(Pause {
        after_block: before.block,
        before_block: after.block,
        order: after.order,
        seconds: (idle >= 0).then_some(idle as f64 / 1e3),
    })
}

/// As far as it is known how long a sample took.
fn known_ms(point: &Point) -> i64 {
    let load = point.load.as_ref().map_or(0, |load| load.wall_ns);
    let ns = point.total_ns.unwrap_or(0).saturating_add(load);
    i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX)
}
