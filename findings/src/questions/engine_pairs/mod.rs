//! One engine twice: embedded in a program made for it, and under its own command line, step by
//! step.
//!
//! The whole is compared by starts that nothing observed. Steps are of starts that were taken apart,
//! which takes time: a tenth of a millisecond and more where the kernel stops the process to report
//! its system calls, next to nothing where a program reports on itself. Steps are therefore set
//! against steps that were observed in the same way, where there are such, and what being observed
//! added to each side is stated beside them.

mod ladder;

use results::record::Scenario;
use results::{Param, Phase, System, Workload};
use serde::Serialize;
use systems::usual;

pub use self::ladder::{Ladder, Rung, Side};
use crate::cells::{CellFacts, Measure};
use crate::comparison::{self, Effect, Family, Pair as Compared};
use crate::facts::Facts;

/// What lies between the same milestones on both sides: what it is, and its phases as reported from
/// inside and as seen from outside.
const STEPS: [(&str, &[Phase], &[Phase]); 4] = [
    (
        "process, engine, imports: until it opens the artifact",
        &[
            Phase::Process,
            Phase::AsyncRuntime,
            Phase::Engine,
            Phase::Imports,
        ],
        &[Phase::Spawn, Phase::Init],
    ),
    (
        "read, compile or load, link",
        &[
            Phase::Read,
            Phase::Compile,
            Phase::CacheMiss,
            Phase::CacheHit,
            Phase::Deserialize,
            Phase::DeserializeFile,
            Phase::Validate,
            Phase::Link,
        ],
        &[Phase::Load],
    ),
    ("listening → accepted", &[], &[Phase::Connect]),
    (
        "instantiate, answer or run",
        &[Phase::Store, Phase::Instantiate, Phase::FirstRequest],
        &[Phase::Respond, Phase::Run],
    ),
];

/// An engine that is there both ways.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Engine {
    /// The engine.
    pub name: String,
    /// The version that is embedded, and that of the command line, if both are known.
    pub versions: Option<(String, String)>,
}

impl Engine {
    /// Whether what is compared is one version, as far as is known.
    pub fn matches(&self) -> bool {
        self.versions
            .as_ref()
            .is_none_or(|(embedded, cli)| embedded == cli)
    }
}

/// A step of both starts, as medians.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What is done in it.
    pub work: &'static str,
    /// What the embedded start reports of itself.
    pub embedded_own_ns: Option<f64>,
    /// What is seen of the embedded start from outside.
    pub embedded_seen_ns: Option<f64>,
    /// What is seen of the command line from outside.
    pub cli_ns: Option<f64>,
}

impl Step {
    /// The figure of the embedded start that the command line's can be set against: the one that
    /// was observed from outside too, and where there is none its own.
    pub fn embedded_ns(&self) -> Option<f64> {
        self.embedded_seen_ns.or(self.embedded_own_ns)
    }

    /// By how much the command line takes longer.
    pub fn more_ns(&self) -> Option<f64> {
        Some(self.cli_ns? - self.embedded_ns().unwrap_or(0.0))
    }
}

/// What being observed added to the starts that the steps are of: their totals less those of starts
/// that nothing observed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Observed {
    /// To the embedded start while it reported on itself.
    pub embedded_own: Option<Effect>,
    /// To the embedded start while it was seen from outside.
    pub embedded_seen: Option<Effect>,
    /// To the command line while it was seen from outside.
    pub cli: Option<Effect>,
}

impl Observed {
    /// By how much more it added to the command line than to what that is set against.
    pub fn more_ns(&self) -> Option<f64> {
        let embedded = self.embedded_seen.or(self.embedded_own);
        Some(self.cli?.estimate - embedded.map_or(0.0, |it| it.estimate))
    }
}

/// The two starts with everything equal that can be made so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Equal {
    /// The ids of the two cells whose totals are compared: embedded, command line.
    pub cells: [String; 2],
    /// The ids of those whose starts were taken apart, where there are such.
    pub taken_apart: [Option<String>; 2],
    /// Their steps.
    pub steps: Vec<Step>,
    /// What of the steps is the observer's.
    pub observed: Observed,
}

/// One engine, both ways.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnginePair {
    /// The engine.
    pub engine: String,
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// How code is acquired.
    pub acquire: String,
    /// The ids of the two cells whose totals are compared: embedded, command line.
    pub cells: [String; 2],
    /// The ids of those whose starts were taken apart, where there are such.
    pub taken_apart: [Option<String>; 2],
    /// The steps, of starts that were taken apart.
    pub steps: Vec<Step>,
    /// What of the steps is the observer's.
    pub observed: Observed,
    /// The same with everything equal, where that was measured.
    pub equal: Option<Equal>,
    /// What lies between the two, step by step.
    pub ladder: Ladder,
}

/// All engines, both ways.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnginePairs {
    /// The engines that are there both ways.
    pub engines: Vec<Engine>,
    /// Their starts.
    pub pairs: Vec<EnginePair>,
    /// Each command line against the embedded engine.
    pub family: Option<Family>,
}

/// Every engine that was measured both embedded and as a command line.
pub fn compute(facts: &Facts) -> EnginePairs {
    let versions = facts.versions();
    let has = |system: &System| facts.cells.iter().any(|cell| cell.cell.system == *system);
    let known: Vec<_> = systems::engine_pairs()
        .into_iter()
        .filter(|(_, embedded, cli)| has(embedded) && has(cli))
        .collect();
    let engines = known.iter().map(|(name, embedded, cli)| {
        let version = |system: &System| versions.get(system.as_str()).map(|it| (*it).to_owned());
        Engine {
            name: (*name).to_owned(),
            versions: version(embedded).zip(version(cli)),
        }
    });
    let engines = engines.collect();
    let (mut pairs, mut compared) = (Vec::new(), Vec::new());
    for (engine, embedded, cli) in &known {
        for scenario in Scenario::ALL.into_iter().filter(|it| it.starts()) {
            for workload in facts.workloads() {
                let cells = facts.comparable_by(workload, scenario, Measure::TotalNs);
                for theirs in cells.iter().filter(|it| it.cell.system == *cli) {
                    let is_same =
                        |ours: &&CellFacts| ours.cell.system == *embedded && is_alike(ours, theirs);
                    let same = cells.iter().copied().filter(is_same);
                    if let Some(ours) = usual(same, |it| &it.cell) {
                        compared.push(Compared::new(theirs, ours));
                        pairs.push(pair(facts, engine, ours, theirs));
                    }
                }
            }
        }
    }
    EnginePairs {
        engines,
        pairs,
        family: comparison::judge(
            "command line against embedded".to_owned(),
            Measure::TotalNs,
            &compared,
            facts.floor(Scenario::WarmDisk, Measure::TotalNs),
        ),
    }
}

impl EnginePairs {
    /// The verdict of a pair.
    pub fn verdict(&self, pair: &EnginePair) -> Option<&comparison::Comparison> {
        self.family
            .as_ref()?
            .between(&pair.cells[1], &pair.cells[0])
    }
}

fn is_alike(one: &CellFacts, two: &CellFacts) -> bool {
    [Param::Acquire, Param::PageCache, Param::Network]
        .iter()
        .all(|key| one.cell.params.get(key) == two.cell.params.get(key))
}

fn pair(facts: &Facts, engine: &str, embedded: &CellFacts, cli: &CellFacts) -> EnginePair {
    let own = observed(facts, embedded, "own").or_else(|| {
        let itself = facts.find(&embedded.cell)?;
        itself.is_taken_apart().then_some(itself)
    });
    let acquire = cli.cell.params.get(Param::Acquire);
    let seen = [embedded, cli].map(|cell| observed(facts, cell, "seccomp"));
    let ladder = ladder::compute(facts, embedded, cli);
    EnginePair {
        engine: engine.to_owned(),
        workload: cli.cell.workload.clone(),
        scenario: cli.cell.scenario,
        acquire: acquire.unwrap_or("–").to_owned(),
        cells: [embedded, cli].map(|cell| cell.id.clone()),
        taken_apart: [own.or(seen[0]), seen[1]].map(|cell| cell.map(|it| it.id.clone())),
        steps: steps(own, seen[0], seen[1]),
        observed: Observed {
            embedded_own: added(own, embedded),
            embedded_seen: added(seen[0], embedded),
            cli: added(seen[1], cli),
        },
        equal: ladder.equal.as_ref().and_then(|ids| equal(facts, ids)),
        ladder,
    }
}

/// The same starts while something takes them apart.
fn observed<'a>(facts: &'a Facts, cell: &CellFacts, observer: &str) -> Option<&'a CellFacts> {
    let mut with = cell.cell.clone();
    with.params.insert(Param::Observer, observer);
    facts.find(&with).filter(|it| it.is_taken_apart())
}

/// The two starts with everything equal, of which nobody needs to report on itself: both are observed in
/// the same way.
fn equal(facts: &Facts, ids: &[String; 2]) -> Option<Equal> {
    let [embedded, cli] = [facts.cell(&ids[0])?, facts.cell(&ids[1])?];
    let seen = [embedded, cli].map(|cell| observed(facts, cell, "seccomp"));
    Some(Equal {
        cells: ids.clone(),
        taken_apart: seen.map(|cell| cell.map(|it| it.id.clone())),
        steps: steps(None, seen[0], seen[1]),
        observed: Observed {
            embedded_own: None,
            embedded_seen: added(seen[0], embedded),
            cli: added(seen[1], cli),
        },
    })
}

/// By how much longer starts took while something took them apart.
fn added(observed: Option<&CellFacts>, alone: &CellFacts) -> Option<Effect> {
    // A start whose phases are its total's own is not observed by anything else.
    let observed = observed.filter(|it| it.id != alone.id)?;
    let pair = [Compared::new(observed, alone)];
    let family = comparison::judge("observed".to_owned(), Measure::TotalNs, &pair, None)?;
    family.members.first()?.shift
}

fn steps(own: Option<&CellFacts>, seen: Option<&CellFacts>, cli: Option<&CellFacts>) -> Vec<Step> {
    let sum = |cell: Option<&CellFacts>, phases: &[Phase]| -> Option<f64> {
        let known = phases.iter().filter_map(|phase| cell?.phase(*phase));
        known.map(|phase| phase.median_ns).reduce(|a, b| a + b)
    };
    let step = |(work, inside, outside): (&'static str, &[Phase], &[Phase])| Step {
        work,
        embedded_own_ns: sum(own, inside),
        embedded_seen_ns: sum(seen, outside),
        cli_ns: sum(cli, outside),
    };
    STEPS
        .into_iter()
        .map(step)
        .filter(|step| step.embedded_ns().is_some() || step.cli_ns.is_some())
        .collect()
}
