//! What does one thing change: a firewall, a network in between, kept state, pages out of the
//! cache, work that is left out?

use std::collections::BTreeMap;

use results::record::Scenario;
use results::values::{Named as _, PageCache};
use results::{Cell, Param};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved};
use crate::comparison::{self, Family, Pair};
use crate::facts::Facts;

/// A thing that may differ between two cells that are the same otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// A firewall in front of the service.
    Firewall,
    /// A network between client and service.
    Path,
    /// A request that changes what the service keeps.
    State,
    /// The pages of the artifact, or of the system too, out of the page cache.
    PageCache,
    /// Work that a start leaves out.
    Without,
}

/// The workloads that differ in keeping state only: with it, and without it.
const STATE: [&str; 2] = ["http-state", "http-hello"];

/// Cells that differ in one thing, each judged against the one without it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variation {
    /// What differs.
    pub factor: Factor,
    /// The scenario.
    pub scenario: Scenario,
    /// The verdicts.
    pub family: Family,
}

impl Factor {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Firewall,
        Self::Path,
        Self::State,
        Self::PageCache,
        Self::Without,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firewall => "firewall",
            Self::Path => "path",
            Self::State => "state",
            Self::PageCache => "page-cache",
            Self::Without => "without",
        }
    }

    /// The parameters in which cells may differ.
    const fn params(self) -> &'static [Param] {
        match self {
            Self::Firewall => &[Param::Firewall],
            Self::Path => &[
                Param::Path,
                Param::DelayMs,
                Param::JitterMs,
                Param::RateMbit,
            ],
            Self::State => &[],
            Self::PageCache => &[Param::PageCache],
            Self::Without => &[Param::Without],
        }
    }

    /// Whether a cell is the one to judge others by.
    fn is_absent(self, cell: &Cell) -> bool {
        let value = |param| cell.params.get(param);
        match self {
            Self::Firewall => value(Param::Firewall).is_none_or(|it| it == "off"),
            Self::Path => value(Param::Path).is_none_or(|it| it == "loopback"),
            Self::State => cell.workload == STATE[1],
            Self::PageCache => {
                let said = value(Param::PageCache).unwrap_or(cell.scenario.page_cache().name());
                said == PageCache::Hot.name()
            }
            Self::Without => value(Param::Without).is_none(),
        }
    }

    /// Whether a cell has to do with it.
    fn concerns(self, cell: &Cell) -> bool {
        self != Self::State || STATE.contains(&cell.workload.as_str())
    }

    /// What is left of a cell when the thing is taken away.
    fn rest(self, cell: &Cell) -> Cell {
        let mut rest = Cell {
            params: cell.params.without(self.params()),
            ..cell.clone()
        };
        if self == Self::State {
            rest.workload = STATE[1].into();
        }
        if self == Self::PageCache && rest.scenario == Scenario::DiskCold {
            // What else is prepared is the same: only what is in memory differs.
            rest.scenario = Scenario::WarmDisk;
        }
        rest
    }

    /// Why a pair differs in more than the thing.
    fn obstacle(self, with: &CellFacts) -> Option<&'static str> {
        // Asked again and again, a host that makes an instance for each request does other work
        // than one that keeps one. A guest that is a server itself has one instance either way.
        // Cells that say how many requests an instance handles differ in that, or are alike in it.
        let keeps_one = with
            .keeps
            .as_deref()
            .is_some_and(|keeps| keeps.contains("takes all requests"));
        let is_said = with.cell.params.contains_key(Param::Lifecycle);
        let differ = keeps_one && !is_said && !with.cell.scenario.starts();
        (self == Self::State && differ).then_some(
            "with state one instance takes all requests, without it each request has an instance \
                of its own",
        )
    }
}

/// What is compared of a scenario.
const fn measures(scenario: Scenario) -> &'static [Measure] {
    match scenario {
        Scenario::Warm | Scenario::Paced => &[Measure::P50Ns, Measure::P99Ns],
        Scenario::Throughput => &[Measure::PerSecond, Measure::P50Ns, Measure::P99Ns],
        Scenario::Scaling => &[Measure::PerSecond],
        Scenario::DiskCold
        | Scenario::CodeCold
        | Scenario::ImageCold
        | Scenario::WarmDisk
        | Scenario::Density => &[Measure::TotalNs],
    }
}

/// Everything that varies in the run.
pub fn compute(facts: &Facts) -> Vec<Variation> {
    let of_factor = |factor| variations(facts, factor);
    Factor::ALL.into_iter().flat_map(of_factor).collect()
}

fn variations(facts: &Facts, factor: Factor) -> Vec<Variation> {
    let mut groups: BTreeMap<Cell, Vec<&CellFacts>> = BTreeMap::new();
    let fits = |cell: &&CellFacts| {
        is_unobserved(&cell.cell) && !cell.is_twin() && factor.concerns(&cell.cell)
    };
    for cell in facts.cells.iter().filter(fits) {
        groups
            .entry(factor.rest(&cell.cell))
            .or_default()
            .push(cell);
    }
    let mut pairs: BTreeMap<Scenario, Vec<Pair<'_>>> = BTreeMap::new();
    for group in groups.values() {
        let Some(baseline) = group.iter().find(|it| factor.is_absent(&it.cell)) else {
            continue;
        };
        for candidate in group.iter().filter(|it| !factor.is_absent(&it.cell)) {
            let pair = Pair::new(candidate, baseline);
            pairs
                .entry(candidate.cell.scenario)
                .or_default()
                .push(Pair {
                    obstacle: factor.obstacle(candidate).or(pair.obstacle),
                    ..pair
                });
        }
    }
    let mut variations = Vec::new();
    for (scenario, pairs) in pairs {
        for &measure in measures(scenario) {
            let has = |cell: &CellFacts| !cell.values(measure).is_empty();
            let known: Vec<_> = pairs
                .iter()
                .copied()
                .filter(|pair| has(pair.candidate) && has(pair.baseline))
                .collect();
            let name = format!("{} {} {}", factor.name(), scenario.name(), measure.name());
            let floor = facts.floor(scenario, measure);
            let family = comparison::judge(name, measure, &known, floor);
            variations.extend(family.map(|family| Variation {
                factor,
                scenario,
                family,
            }));
        }
    }
    variations
}
