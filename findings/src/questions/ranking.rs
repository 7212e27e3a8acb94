//! Three ways to use a service, and which systems suit each.
//!
//! A system's score for a use is the weighted geometric mean of how many times the best system's
//! cost each criterion is. **What cannot be told apart shares a rank**: going down the list, a
//! system gets a rank of its own only if it differs from the first of the rank above in at least one
//! criterion that counts for the use, by a verdict of "slower" (more) from [`crate::comparison`],
//! corrected over all rankings. Where no criterion has such a verdict, the difference of the two
//! scores is made of differences that the run does not show, and both stand on one rank. Samples
//! that are too few therefore lead to shared ranks, and never to a winner.
//!
//! **Systems are ranked within one life cycle of their instances**: a request that gets an instance
//! of its own cannot leave anything behind for the next, and that has a price whatever the engine is.
//! A system that can do both is in both rankings.
//!
//! What a request costs under load is CPU time, which a busy generator does not change; in runs that
//! did not record it, it is the reciprocal of the throughput.
//!
//! **Memory is what is alike for every system**: for many tenants what one more instance takes, for one
//! service that and what the machine pays once, both by the line of memory over instances. Where two
//! systems do not have such a line, memory is not judged, and the other criteria share its weight; where
//! two have, those without are not ranked. Where a system's memory was measured in its usual life cycle
//! only, that stands for its others too.
//!
//! A system is not ranked if what its criteria are read off fails often, since that is what
//! survivors did, or is limited by the load generator, since that is the generator's figure.

use std::collections::BTreeSet;

use results::record::Scenario;
use results::{Param, Workload};
use serde::Serialize;
use systems::usual;

use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Family, Pair, Table};
use crate::facts::{Configuration, Facts};

/// What is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Time to the first answer of a new process, all prepared.
    Start,
    /// Time of a request on a running instance.
    Request,
    /// Memory of one more instance, where there are many.
    InstanceMemory,
    /// Memory of one service: of its instance, and what the machine pays once.
    ServiceMemory,
    /// What a request costs under load: CPU time; where that was not recorded, the reciprocal of the
    /// throughput.
    Load,
}

impl Criterion {
    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Request => "request",
            Self::InstanceMemory => "memory of one more instance",
            Self::ServiceMemory => "memory of one service with its engine",
            Self::Load => "request under load",
        }
    }

    /// Whether it is memory.
    pub const fn is_memory(self) -> bool {
        matches!(self, Self::InstanceMemory | Self::ServiceMemory)
    }

    /// What it is read off in these facts.
    fn measure(self, facts: &Facts, workload: &str) -> Measure {
        match self {
            Self::Start => Measure::TotalNs,
            Self::Request => Measure::P50Ns,
            Self::InstanceMemory => Measure::InstanceBytes,
            Self::ServiceMemory => Measure::ServiceBytes,
            Self::Load => {
                let loads = facts.comparable(workload, Scenario::Throughput);
                let measure = Measure::RequestCpuNs;
                if loads.iter().any(|it| it.median(measure).is_some()) {
                    measure
                } else {
                    Measure::PerSecond
                }
            }
        }
    }
}

/// A way to use a service.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Use {
    /// Its name.
    pub name: &'static str,
    /// What it is like.
    pub description: &'static str,
    /// What counts how much.
    pub weights: &'static [(Criterion, f64)],
}

/// The three uses.
pub const USES: [Use; 3] = [
    Use {
        name: "edge",
        description: "many tenants on small machines, few requests each: instances come and go, \
            and memory limits their number",
        weights: &[
            (Criterion::Start, 0.4),
            (Criterion::InstanceMemory, 0.5),
            (Criterion::Request, 0.1),
        ],
    },
    Use {
        name: "serverless",
        description: "bursts after idle times: the start is in every burst's first answer, then \
            requests come for a while",
        weights: &[
            (Criterion::Start, 0.5),
            (Criterion::Request, 0.3),
            (Criterion::ServiceMemory, 0.2),
        ],
    },
    Use {
        name: "long-running",
        description: "started once and loaded all day: requests count, starts hardly do",
        weights: &[
            (Criterion::Load, 0.6),
            (Criterion::Request, 0.25),
            (Criterion::ServiceMemory, 0.15),
        ],
    },
];

/// The systems of a workload ranked for a use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranking {
    /// The use.
    #[serde(rename = "use")]
    pub for_use: Use,
    /// The workload.
    pub workload: Workload,
    /// How many requests an instance of each handles; nothing where that is not recorded.
    pub lifecycle: Option<String>,
    /// What was weighed, with weights that add up to 1.
    pub weighed: Vec<(Criterion, f64)>,
    /// What would have counted and was not measured of two systems.
    pub not_judged: Vec<Criterion>,
    /// The systems, best score first.
    pub places: Vec<Place>,
    /// Those that cannot be ranked, each with the reason.
    pub unranked: Vec<Unranked>,
    /// What the ranks rest on: for each criterion, each system against the first of the rank above.
    pub families: Vec<Family>,
}

/// A system that was measured and is not ranked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unranked {
    /// The system.
    pub system: String,
    /// The id of the cell that keeps it from being ranked.
    pub cell: String,
    /// Why.
    pub why: String,
}

/// A system's place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// The system.
    pub system: String,
    /// Its rank, from 1: equal where systems cannot be told apart.
    pub rank: usize,
    /// Whether another system has the same rank.
    pub is_shared: bool,
    /// The weighted geometric mean of how many times the best system's cost each criterion is: 1 is
    /// best in everything.
    pub score: f64,
    /// Each criterion.
    pub factors: Vec<Factor>,
}

/// A system by one criterion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factor {
    /// Which.
    pub criterion: Criterion,
    /// What it was read off.
    pub measure: Measure,
    /// The cell's id.
    pub cell: String,
    /// The cost: nanoseconds or bytes.
    pub value: f64,
    /// How many times the best one's it is.
    pub times: f64,
}

/// Rankings of every workload for every use; a race of one has no winner.
///
/// Their comparisons are corrected together, since the uses have most of them in common and whoever
/// reads one ranking reads all.
pub fn compute(facts: &Facts) -> Vec<Ranking> {
    let mut scored = Vec::new();
    for workload in facts.workloads() {
        let all = facts.configurations(workload);
        let lifecycles: BTreeSet<_> = all.iter().map(|of| of.lifecycle).collect();
        for for_use in USES {
            for lifecycle in &lifecycles {
                let alike: Vec<_> = all
                    .iter()
                    .copied()
                    .filter(|of| of.lifecycle == *lifecycle)
                    .collect();
                scored.extend(score(facts, workload, for_use, &alike));
            }
        }
    }
    let tables = scored.iter().flat_map(|it| it.tables(facts)).collect();
    let mut families = comparison::judge_jointly(tables, comparison::FURTHER_LEVEL).into_iter();
    scored
        .into_iter()
        .map(|scored| {
            let own = families.by_ref().take(scored.weighed.len());
            let own = own.collect();
            scored.rank(own)
        })
        .collect()
}

/// The cell that a criterion is read off.
fn cell_of<'a>(
    facts: &'a Facts,
    of: &Configuration<'a>,
    criterion: Criterion,
) -> Option<&'a CellFacts> {
    match criterion {
        Criterion::Start => Some(of.start),
        Criterion::Request => Some(of.warm),
        Criterion::InstanceMemory | Criterion::ServiceMemory => {
            let cell = &of.start.cell;
            let mut cells = facts.comparable(&cell.workload, Scenario::Density);
            let measure = criterion.measure(facts, &cell.workload);
            cells.retain(|it| it.system() == of.start.system() && it.median(measure).is_some());
            let lifecycle =
                |it: &CellFacts| it.cell.params.get(Param::Lifecycle).map(str::to_owned);
            let is_alike = |it: &&CellFacts| lifecycle(it) == lifecycle(of.warm);
            let alike = usual(cells.iter().copied().filter(is_alike), |it| &it.cell);
            alike.or_else(|| usual(cells, |it| &it.cell))
        }
        Criterion::Load => {
            let loads = facts.comparable(&of.warm.cell.workload, Scenario::Throughput);
            let alike = loads.into_iter().filter(|load| {
                load.cell.system == of.warm.cell.system
                    && load.attempted() > 0
                    && OF_INSTANCES
                        .iter()
                        .all(|key| load.cell.params.get(key) == of.warm.cell.params.get(key))
            });
            usual(alike, |it| &it.cell)
        }
    }
}

/// In what the requests of a system, one at a time and under load, must agree.
const OF_INSTANCES: [Param; 3] = [Param::Acquire, Param::Lifecycle, Param::Pool];

/// The cells that a system's criteria are read off, each with its cost.
type Costs<'a> = Vec<(&'a CellFacts, f64)>;

/// Systems with their scores, best first, and without ranks yet: two at least.
struct Scored<'a> {
    for_use: Use,
    workload: &'a Workload,
    lifecycle: Option<&'a str>,
    /// What is weighed, with weights that add up to 1.
    weighed: Vec<(Criterion, f64)>,
    /// What each of them is read off.
    measures: Vec<Measure>,
    systems: Vec<(&'a str, Costs<'a>, f64)>,
    /// The least cost by each criterion.
    best: Vec<f64>,
    /// Those that have none, and why.
    unranked: Vec<Unranked>,
}

/// The systems of which everything was measured that counts: one of which something was not cannot
/// be ranked by it.
fn score<'a>(
    facts: &'a Facts,
    workload: &'a Workload,
    for_use: Use,
    all: &[Configuration<'a>],
) -> Option<Scored<'a>> {
    let (mut systems, mut unranked) = (Vec::new(), Vec::new());
    let weighed = weighed(facts, for_use, all);
    let measures = weighed.iter();
    let measures = measures
        .map(|(criterion, _)| criterion.measure(facts, workload))
        .collect();
    for of in all {
        match costs(facts, of, &weighed) {
            Ok(costs) => systems.push((of.start.system(), costs, 0.0)),
            Err(obstacle) => unranked.push(obstacle),
        }
    }
    let best: Vec<f64> = (0..weighed.len())
        .map(|at| {
            let values = systems.iter().map(|(_, cells, _)| cells[at].1);
            values.fold(f64::INFINITY, f64::min)
        })
        .collect();
    for (_, cells, score) in &mut systems {
        let terms = weighed.iter().zip(cells.iter()).zip(&best);
        let sum: f64 = terms
            .map(|(((_, weight), (_, value)), best)| weight * (value / best).ln())
            .sum();
        *score = sum.exp();
    }
    systems.retain(|(.., score)| score.is_finite());
    systems.sort_by(|one, two| one.2.total_cmp(&two.2).then_with(|| one.0.cmp(two.0)));
    (systems.len() > 1).then_some(Scored {
        for_use,
        workload,
        lifecycle: all.first().and_then(|of| of.lifecycle),
        weighed,
        measures,
        systems,
        best,
        unranked,
    })
}

/// What of a use's criteria can be judged: memory only where two systems have a figure that is alike.
fn weighed(facts: &Facts, for_use: Use, all: &[Configuration<'_>]) -> Vec<(Criterion, f64)> {
    let is_judged = |(criterion, _): &&(Criterion, f64)| {
        let with = all
            .iter()
            .filter(|of| cell_of(facts, of, *criterion).is_some());
        !criterion.is_memory() || with.count() > 1
    };
    let judged: Vec<_> = for_use.weights.iter().filter(is_judged).copied().collect();
    let sum: f64 = judged.iter().map(|(_, weight)| weight).sum();
    judged
        .into_iter()
        .map(|(criterion, weight)| (criterion, weight / sum))
        .collect()
}

impl<'a> Scored<'a> {
    /// For each criterion all against all that stand above, so that what is compared does not
    /// depend on how ranks come out.
    fn tables(&self, facts: &Facts) -> Vec<Table<'a>> {
        let table = |(at, (criterion, _)): (usize, &(Criterion, f64))| {
            let cells: Vec<&CellFacts> = self.systems.iter().map(|it| it.1[at].0).collect();
            let below = cells.iter().enumerate();
            let pairs = below.flat_map(|(below, cell)| {
                let above = cells[..below].iter();
                above.map(move |above| Pair::new(cell, above))
            });
            let measure = self.measures[at];
            let lifecycle = self
                .lifecycle
                .map_or_else(String::new, |it| format!(" {it}"));
            Table {
                name: format!(
                    "{} {}{lifecycle} {}",
                    self.workload,
                    self.for_use.name,
                    criterion.name()
                ),
                measure,
                pairs: pairs.collect(),
                floor: facts.floor_of(self.workload, cells[0].cell.scenario, measure),
            }
        };
        self.weighed.iter().enumerate().map(table).collect()
    }

    /// The ranking, by the families of its tables.
    fn rank(self, families: Vec<Family>) -> Ranking {
        let ranks = ranks(&self.systems, &families);
        let place = |((system, cells, score), rank): (&(&str, Costs<'_>, f64), &usize)| Place {
            system: (*system).to_owned(),
            rank: *rank,
            is_shared: ranks.iter().filter(|other| *other == rank).count() > 1,
            score: *score,
            factors: self
                .weighed
                .iter()
                .zip(&self.measures)
                .zip(cells)
                .zip(&self.best)
                .map(
                    |((((criterion, _), measure), (cell, value)), best)| Factor {
                        criterion: *criterion,
                        measure: *measure,
                        cell: cell.id.clone(),
                        value: *value,
                        times: value / best,
                    },
                )
                .collect(),
        };
        let is_left_out = |criterion: &Criterion| {
            let mut weighed = self.weighed.iter();
            !weighed.any(|(weighed, _)| weighed == criterion)
        };
        let criteria = self.for_use.weights.iter().map(|(criterion, _)| *criterion);
        Ranking {
            not_judged: criteria.filter(is_left_out).collect(),
            for_use: self.for_use,
            workload: self.workload.clone(),
            lifecycle: self.lifecycle.map(str::to_owned),
            weighed: self.weighed.clone(),
            places: self.systems.iter().zip(&ranks).map(place).collect(),
            unranked: self.unranked,
            families,
        }
    }
}

/// What each criterion of a use is read off, or why the system cannot be ranked.
fn costs<'a>(
    facts: &'a Facts,
    of: &Configuration<'a>,
    weighed: &[(Criterion, f64)],
) -> Result<Costs<'a>, Unranked> {
    let refuse = |cell: &CellFacts, why: String| Unranked {
        system: of.start.system().to_owned(),
        cell: cell.id.clone(),
        why,
    };
    let cost = |(criterion, _): &(Criterion, f64)| {
        let measure = criterion.measure(facts, &of.start.cell.workload);
        let cell = cell_of(facts, of, *criterion);
        let value = cell.and_then(|cell| Some((cell, cell.median(measure)?)));
        let Some((cell, value)) = value else {
            let why = format!("its {} was not measured", criterion.name());
            return Err(refuse(cell.unwrap_or(of.start), why));
        };
        if value <= 0.0 {
            let why = format!("its {} does not show: the line is flat", criterion.name());
            return Err(refuse(cell, why));
        }
        if let Some(answered) = cell.answered().filter(|_| cell.fails_often()) {
            return Err(refuse(cell, answered));
        }
        if cell.is_lower_bound(measure) {
            let why = "its load generator was at its limit".to_owned();
            return Err(refuse(cell, why));
        }
        Ok((
            cell,
            if measure.is_rate() {
                1e9 / value
            } else {
                value
            },
        ))
    };
    weighed.iter().map(cost).collect()
}

/// The rank of each system in the order of scores.
fn ranks(systems: &[(&str, Costs<'_>, f64)], families: &[Family]) -> Vec<usize> {
    let is_worse = |below: &Costs<'_>, above: &Costs<'_>| {
        let cells = below.iter().zip(above);
        families.iter().zip(cells).any(|(family, (below, above))| {
            family
                .between(&below.0.id, &above.0.id)
                .is_some_and(|it| it.verdict == crate::statistics::Verdict::Slower)
        })
    };
    let mut ranks: Vec<usize> = Vec::new();
    let mut leader = 0;
    for (at, (_, cells, _)) in systems.iter().enumerate() {
        if at == 0 || is_worse(cells, &systems[leader].1) {
            leader = at;
        }
        // The next rank after two that share the first is the third.
        ranks.push(leader + 1);
    }
    ranks
}
