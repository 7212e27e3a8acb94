//! How long does a request to a running instance take, and how many does it answer?

use results::record::Scenario;
use results::{Param, Workload};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, without};
use crate::facts::{Facts, compared_by, one_per_system};
use crate::units::{grouped, nanoseconds, percent};

/// The requests of a workload in a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Requests {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// What is compared.
    pub measure: Measure,
    /// The ids of the cells, best first, and behind them those that failed each time.
    pub cells: Vec<String>,
    /// Of these, the ones that stand for the native program, WebAssembly and containers.
    pub representatives: Vec<String>,
    /// Of each system with figures the cell that stands for it.
    pub usual: Vec<String>,
    /// The ids of those whose memory is known, least first.
    pub by_memory: Vec<String>,
    /// Whether every request went out after the answer to the one before it.
    pub closed_loop: bool,
    /// Whether instances of some handle one request each and of others all: what stands beside each
    /// other is not alike then.
    pub has_life_cycles: bool,
    /// The ids of those whose rate is a lower bound, with the part of its core that their load
    /// generator took: it may be what limits them, and they are in no ranking.
    pub generator_limited: Vec<(String, f64)>,
    /// Of these, the ones whose rate is near what the load generator reached against a server that
    /// does nothing, with the part of that which it is.
    pub near_limit: Vec<(String, f64)>,
    /// How long requests wait for each other, of each cell whose requests were measured alone too.
    pub waiting: Vec<Waiting>,
}

/// How long requests of several connections wait for each other.
///
/// In a closed loop every connection has one request under way at any time, so that by Little's law
/// (*Operations Research* 9, 1961) the mean latency *is* connections ÷ rate, whatever the system
/// is. What of it is work shows the same request alone: the rest is waiting, for the system's core
/// or for the generator. (Denning and Buzen, "The Operational Analysis of Queueing Network Models",
/// *Computing Surveys* 10, 1978: beyond the load that saturates, one more connection adds nothing
/// but its own waiting.)
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waiting {
    /// The cell under load.
    pub cell: String,
    /// The cell of the same requests, one at a time.
    pub alone: String,
    /// Connections at once.
    pub connections: u64,
    /// The rate under load: right answers per second.
    pub per_second: f64,
    /// The median latency under load.
    pub loaded_ns: f64,
    /// The median latency of a request alone.
    pub alone_ns: f64,
    /// Connections ÷ rate: the mean latency that there must be.
    pub by_littles_law_ns: f64,
    /// By how much the median under load exceeds that of a request alone; 0 if it does not.
    pub waiting_ns: f64,
    /// Whether the load generator was at its limit: then answers wait for it, too.
    pub for_generator: bool,
}

impl Waiting {
    /// The part of the latency under load that is waiting.
    pub fn share(&self) -> f64 {
        self.waiting_ns / self.loaded_ns
    }

    /// Whether most of the latency under load is waiting: then it says how many connections there
    /// were, and little of the system.
    pub fn is_most(&self) -> bool {
        self.share() >= 0.5
    }

    /// What is to be known of it: `of 737 µs 607 µs are waiting; a request alone takes 130 µs, and
    /// 10 connections ÷ 13,500 requests/s are 741 µs (Little's law)`.
    pub fn words(&self) -> String {
        format!(
            "of {} {} are waiting{}; a request alone takes {}, and {} connections ÷ {} requests/s \
                are {} (Little's law)",
            nanoseconds(self.loaded_ns),
            nanoseconds(self.waiting_ns),
            if self.for_generator {
                ", for the load generator too"
            } else {
                ""
            },
            nanoseconds(self.alone_ns),
            self.connections,
            grouped(self.per_second.round()),
            nanoseconds(self.by_littles_law_ns),
        )
    }
}

impl Requests {
    /// How long requests of a cell wait for each other, if that is known.
    pub fn waiting_of(&self, cell: &str) -> Option<&Waiting> {
        self.waiting.iter().find(|it| it.cell == cell)
    }

    /// Where most of the latency is waiting, in a sentence about the best such cell; nothing if it
    /// is nowhere.
    pub fn waiting_words(&self, name: impl Fn(&str) -> String) -> Option<String> {
        let most = || self.waiting.iter().filter(|it| it.is_most());
        let first = most().next()?;
        let count = match (most().count(), self.waiting.len()) {
            (some, all) if some == all => "all of these cells".to_owned(),
            (some, all) => format!("{some} of {all} cells"),
        };
        Some(format!(
            "Requests wait for each other: in {count} most of the latency is waiting. Of {}: {}.",
            name(&first.cell),
            first.words()
        ))
    }

    /// What a rate that is a lower bound is, in a sentence; nothing if there is none.
    pub fn bounds_words(&self) -> Option<String> {
        let used = range(&self.generator_limited)?;
        let near = range(&self.near_limit).map_or_else(String::new, |near| {
            format!(
                " Of what it reaches on this machine against a server that does nothing, rates are \
                    {near}: above {} they are its own.",
                percent(crate::cells::NEAR_LIMIT)
            )
        });
        Some(format!(
            "≥ is a lower bound: the load generator used {used} of its core there, and above \
                {} it may be what limits the rate, and not the system.{near} Nothing is ranked by a \
                lower bound.",
            percent(crate::cells::GENERATOR_LIMIT)
        ))
    }
}

/// The parts of some cells, as `83 %` or `83 % to 97 %`; nothing of none.
fn range(of: &[(String, f64)]) -> Option<String> {
    let parts = of.iter().map(|(_, part)| *part);
    let least = parts.clone().reduce(f64::min)?;
    let most = parts.reduce(f64::max)?;
    Some(if of.len() == 1 {
        percent(most)
    } else {
        format!("{} to {}", percent(least), percent(most))
    })
}

/// Requests of every workload.
pub fn compute(facts: &Facts) -> Vec<Requests> {
    [Scenario::Warm, Scenario::Throughput]
        .into_iter()
        .flat_map(|scenario| {
            let workloads = facts.workloads().into_iter();
            workloads.filter_map(move |workload| of_workload(facts, workload, scenario))
        })
        .collect()
}

fn of_workload(facts: &Facts, workload: &Workload, scenario: Scenario) -> Option<Requests> {
    let measure = *compared_by(scenario).first()?;
    let cells = facts.listed_by(workload, scenario, measure);
    let known = facts.comparable_by(workload, scenario, measure);
    let is_closed = |cell: &&CellFacts| {
        let pace = cell.cell.params.get(Param::Pace);
        pace.is_none_or(|pace| pace == "closed")
    };
    let ids = |cells: &[&CellFacts]| cells.iter().map(|cell| cell.id.clone()).collect();
    let by_memory = facts.comparable_by(workload, scenario, Measure::PssBytes);
    let limited = |cell: &&&CellFacts| measure.is_rate() && cell.is_generator_limited();
    let near = |cell: &&&CellFacts| measure.is_rate() && cell.is_near_limit();
    let part = |measure| move |cell: &&CellFacts| Some((cell.id.clone(), cell.median(measure)?));
    (!cells.is_empty()).then(|| Requests {
        workload: workload.clone(),
        scenario,
        measure,
        representatives: ids(&facts.representatives(workload, scenario)),
        usual: ids(&one_per_system(&known)),
        by_memory: ids(&by_memory),
        has_life_cycles: has_several(&cells, &Param::Lifecycle),
        closed_loop: cells.iter().all(is_closed),
        generator_limited: cells
            .iter()
            .filter(limited)
            .filter_map(part(Measure::GeneratorShare))
            .collect(),
        near_limit: cells
            .iter()
            .filter(near)
            .filter_map(part(Measure::OfGeneratorLimit))
            .collect(),
        waiting: cells.iter().filter_map(|it| waiting(facts, it)).collect(),
        cells: ids(&cells),
    })
}

/// Whether cells have several values of a parameter.
fn has_several(cells: &[&CellFacts], param: &Param) -> bool {
    let value = |cell: &CellFacts| cell.cell.params.get(param.clone()).map(str::to_owned);
    let mut values: Vec<_> = cells.iter().filter_map(|cell| value(cell)).collect();
    values.sort_unstable();
    values.dedup();
    values.len() > 1
}

/// How long the requests of a cell wait for each other: against the same over one connection.
fn waiting(facts: &Facts, cell: &CellFacts) -> Option<Waiting> {
    let connections = cell.connections().filter(|n| *n > 1)?;
    if !cell.cell.params.is(Param::Pace, "closed") {
        return None;
    }
    let of_load = [Param::Connections, Param::Requests, Param::DurationS];
    let same = without(&cell.cell, &of_load).params;
    let warm = facts.comparable(&cell.cell.workload, Scenario::Warm);
    let alone = warm.into_iter().find(|other| {
        let is_same = without(&other.cell, &of_load).params == same;
        other.cell.system == cell.cell.system && is_same && other.connections() == Some(1)
    })?;
    let per_second = cell.median(Measure::PerSecond).filter(|rate| *rate > 0.0)?;
    let loaded_ns = cell.median(Measure::P50Ns)?;
    let alone_ns = alone.median(Measure::P50Ns)?;
    Some(Waiting {
        cell: cell.id.clone(),
        alone: alone.id.clone(),
        connections,
        per_second,
        loaded_ns,
        alone_ns,
        by_littles_law_ns: connections as f64 * 1e9 / per_second,
        waiting_ns: (loaded_ns - alone_ns).max(0.0),
        for_generator: cell.is_generator_limited(),
    })
}
