//! Does a start still matter at the end of a wire?

use std::collections::BTreeSet;

use results::{Cell, Param};
use serde::Serialize;
use systems::BASELINE;

use crate::cells::{CellFacts, Measure, without};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;

/// Round trips from the first packet of a connection to the end of a short answer: one opens the
/// connection, one carries request and answer.
const ROUND_TRIPS: f64 = 2.0;

/// The round trip that users of an edge ask about, in nanoseconds.
const ROUND_TRIP_NS: f64 = 20e6;

/// Starts over a network, against the native program's over the same network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkPath {
    /// The starts.
    pub starts: Vec<PathStart>,
    /// Each against the native program over the same network.
    pub over_network: Option<Family>,
    /// The same starts over the loopback against the native program's.
    pub over_loopback: Option<Family>,
    /// Whether delays were measured: then nothing has to be calculated.
    pub is_delayed: bool,
    /// What held packets back, where the record says: `netem`, `tun`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub means: BTreeSet<String>,
}

/// The starts of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathStart {
    /// The cell over the network.
    pub cell: String,
    /// The same over the loopback, where it was measured.
    pub loopback: Option<String>,
    /// The median of its starts with two round trips of 20 ms more, and how many times the native
    /// program's with as many: arithmetic, and no measurement. Nothing where delays were measured.
    pub at_20_ms: Option<(f64, Option<f64>)>,
    /// What arithmetic gives for a start that was measured over a delay: the median of the same
    /// without the delay, over the same path or else over the loopback, and two round trips more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calculated_ns: Option<f64>,
}

/// Starts over networks; nothing where there are none.
pub fn compute(facts: &Facts) -> Option<NetworkPath> {
    let fits = |cell: &&CellFacts| {
        let is_over = cell
            .cell
            .params
            .get(Param::Path)
            .is_some_and(|it| it != "loopback");
        cell.cell.scenario.starts() && is_over && !cell.is_twin()
    };
    let over: Vec<&CellFacts> = facts.cells.iter().filter(fits).collect();
    let is_delayed = over
        .iter()
        .any(|cell| cell.cell.params.contains_key(Param::DelayMs));
    let native = |cell: &Cell| native(facts, cell);
    let (mut far, mut near) = (Vec::new(), Vec::new());
    let (mut starts, mut means) = (Vec::new(), BTreeSet::new());
    for cell in over {
        let Some(total) = cell.median(Measure::TotalNs) else {
            continue;
        };
        let loopback = loopback(facts, &cell.cell);
        let base = native(&cell.cell).filter(|base| base.id != cell.id);
        far.extend(base.map(|base| Pair::new(cell, base)));
        near.extend(loopback.and_then(|cell| {
            let base = native(&cell.cell).filter(|base| base.id != cell.id)?;
            Some(Pair::new(cell, base))
        }));
        means.extend(delay_ns(&cell.cell).and(cell.link_means.clone()));
        let later = |total: f64| total + ROUND_TRIPS * ROUND_TRIP_NS;
        let base_total = base.and_then(|base| base.median(Measure::TotalNs));
        starts.push(PathStart {
            cell: cell.id.clone(),
            loopback: loopback.map(|cell| cell.id.clone()),
            calculated_ns: calculated_ns(facts, &cell.cell),
            at_20_ms: (!is_delayed).then(|| {
                let ratio = base_total.map(|base| later(total) / later(base));
                (later(total), ratio)
            }),
        });
    }
    let scenario = facts.cell(&starts.first()?.cell)?.cell.scenario;
    let floor = facts.floor(scenario, Measure::TotalNs);
    let family = |name: &str, pairs: &[Pair<'_>]| {
        comparison::judge(name.to_owned(), Measure::TotalNs, pairs, floor)
    };
    Some(NetworkPath {
        over_network: family("native over the same network", &far),
        over_loopback: family("native over the loopback", &near),
        starts,
        is_delayed,
        means,
    })
}

/// How long each side holds packets of a cell back; nothing if it does not.
fn delay_ns(cell: &Cell) -> Option<f64> {
    let ms: f64 = cell.params.get(Param::DelayMs)?.parse().ok()?;
    Some(ms * 1e6)
}

/// What a start over a delay takes by arithmetic; nothing if it has none, or was not measured
/// without.
fn calculated_ns(facts: &Facts, cell: &Cell) -> Option<f64> {
    let delay_ns = delay_ns(cell)?;
    let rest = without(cell, &[Param::DelayMs, Param::JitterMs]);
    let undelayed = facts.find(&rest).or_else(|| loopback(facts, cell))?;
    let total = undelayed.median(Measure::TotalNs)?;
    Some(total + ROUND_TRIPS * 2.0 * delay_ns)
}

/// The same starts over the loopback.
fn loopback<'a>(facts: &'a Facts, cell: &Cell) -> Option<&'a CellFacts> {
    let path = [
        Param::Path,
        Param::DelayMs,
        Param::JitterMs,
        Param::RateMbit,
    ];
    let rest = without(cell, &path);
    facts.cells.iter().find(|other| {
        let is_loopback = other
            .cell
            .params
            .get(Param::Path)
            .is_none_or(|it| it == "loopback");
        is_loopback && without(&other.cell, &path) == rest
    })
}

/// The native program's starts over the same network.
fn native<'a>(facts: &'a Facts, cell: &Cell) -> Option<&'a CellFacts> {
    let own = without(cell, &[Param::Acquire, Param::Network]);
    facts.find(&Cell {
        system: BASELINE.into(),
        ..own
    })
}
