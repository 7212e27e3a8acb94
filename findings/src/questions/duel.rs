//! Is one of two builds slower than the other?
//!
//! Both are in every block of one run, and the first of them once more as the control: what
//! distinguishes two runs of one build is the same for all three.

use std::collections::BTreeMap;

use results::manifest::Setting;
use results::record::Scenario;
use results::values::{Build, Named as _};
use results::{Param, Workload};
use serde::Serialize;

use crate::cells::{CellFacts, Measure, is_unobserved};
use crate::comparison::{self, Comparison, Family, Pair, Table};
use crate::facts::Facts;
use crate::statistics::Verdict;

/// Two builds measured against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Duel {
    /// What they are builds of.
    pub of: Subject,
    /// Both files, as far as the manifest has them.
    pub files: Option<[File; 2]>,
    /// Whether they are the same file: then nothing but noise differs.
    pub is_same: bool,
    /// Build B against build A, those that decide first.
    pub rounds: Vec<Round>,
    /// What they say together.
    pub outcome: Outcome,
}

/// What two builds are builds of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The workload.
    Workload,
    /// The program that runs it.
    Host,
}

/// The key of a run's configuration that names two builds of the program that runs the workload.
const HOSTS: &str = "hosts";

/// The file of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Where it was.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: String,
}

/// Build B against build A by one measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Round {
    /// The workload.
    pub workload: Workload,
    /// The scenario.
    pub scenario: Scenario,
    /// Whether the outcome follows from it: it is what the scenario is about, and no more than one
    /// measure of a scenario is.
    pub decides: bool,
    /// The verdicts, one for each system.
    pub family: Family,
}

/// What all rounds that decide say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// B is slower in at least one.
    Slower,
    /// B is slower in none of them, but at least one has no verdict that says so.
    Undecided,
    /// B is faster in at least one, and as fast in the others.
    Faster,
    /// B is as fast as A in all of them: a difference that matters is excluded.
    Unchanged,
}

/// What a scenario is compared by: the measure that decides, and those that are told beside it.
const fn measures(scenario: Scenario) -> (&'static Measure, &'static [Measure]) {
    match scenario {
        Scenario::DiskCold | Scenario::CodeCold | Scenario::ImageCold | Scenario::WarmDisk => {
            (&Measure::TotalNs, &[Measure::CpuNs, Measure::PssBytes])
        }
        Scenario::Warm | Scenario::Paced => (&Measure::P50Ns, &[]),
        Scenario::Throughput => (&Measure::PerSecond, &[Measure::PssBytes]),
        Scenario::Scaling => (&Measure::PerSecond, &[]),
        Scenario::Density => (&Measure::PrivateBytes, &[]),
    }
}

/// What came of two builds; nothing in a run of anything else.
pub fn compute(facts: &Facts) -> Option<Duel> {
    let mut pairs: BTreeMap<(&Workload, Scenario), Vec<Pair<'_>>> = BTreeMap::new();
    for cell in &facts.cells {
        let is_b = cell.cell.params.is(Param::Build, Build::B.name());
        if !is_b || !is_unobserved(&cell.cell) {
            continue;
        }
        let mut base = cell.cell.clone();
        base.params.insert(Param::Build, Build::A.name());
        if let Some(base) = facts.find(&base) {
            let key = (&cell.cell.workload, cell.cell.scenario);
            pairs.entry(key).or_default().push(Pair::new(cell, base));
        }
    }
    if pairs.is_empty() {
        return None;
    }
    let rounds = [rounds(facts, &pairs, true), rounds(facts, &pairs, false)].concat();
    let files = files(facts);
    let manifest = facts.manifest.as_ref();
    Some(Duel {
        of: manifest.map_or(Subject::Workload, |it| subject(&it.config)),
        is_same: files.as_ref().is_some_and(|[a, b]| a.sha256 == b.sha256),
        files,
        outcome: outcome(&rounds),
        rounds,
    })
}

/// What a run's builds are builds of: every run has the key, and those of the program name two.
fn subject(config: &BTreeMap<String, Setting>) -> Subject {
    let hosts = config.get(HOSTS).and_then(|it| it.value.as_object());
    if hosts.is_some_and(|it| !it.is_empty()) {
        Subject::Host
    } else {
        Subject::Workload
    }
}

/// The rounds that decide, or those that do not: each of the two corrected together, so that what is
/// told beside does not cost what decides its power.
fn rounds(
    facts: &Facts,
    pairs: &BTreeMap<(&Workload, Scenario), Vec<Pair<'_>>>,
    decides: bool,
) -> Vec<Round> {
    let (mut settings, mut tables) = (Vec::new(), Vec::new());
    for ((workload, scenario), pairs) in pairs {
        let (first, others) = measures(*scenario);
        let measures = if decides {
            std::slice::from_ref(first)
        } else {
            others
        };
        for &measure in measures {
            let has = |cell: &CellFacts| !cell.values(measure).is_empty();
            let mut pairs = pairs.clone();
            // A build that never worked is no verdict where one is due, and nothing elsewhere.
            pairs.retain(|pair| decides || (has(pair.candidate) && has(pair.baseline)));
            if pairs.is_empty() {
                continue;
            }
            settings.push(((*workload).clone(), *scenario));
            tables.push(Table {
                name: format!("builds {workload} {} {}", scenario.name(), measure.name()),
                measure,
                pairs,
                floor: facts.floor_of(workload, *scenario, measure),
            });
        }
    }
    let families = comparison::judge_jointly(tables, comparison::PAGE_LEVEL);
    let round = |((workload, scenario), family)| Round {
        workload,
        scenario,
        decides,
        family,
    };
    settings.into_iter().zip(families).map(round).collect()
}

fn files(facts: &Facts) -> Option<[File; 2]> {
    let artifacts = &facts.manifest.as_ref()?.artifacts;
    let file = |build: Build| {
        let name = Some(build.name());
        let artifact = artifacts.iter().find(|it| it.build.as_deref() == name)?;
        Some(File {
            path: artifact.path.clone(),
            bytes: artifact.bytes,
            sha256: artifact.sha256.clone(),
        })
    };
    Some([file(Build::A)?, file(Build::B)?])
}

fn outcome(rounds: &[Round]) -> Outcome {
    let deciding = rounds.iter().filter(|round| round.decides);
    let members: Vec<&Comparison> = deciding.flat_map(|round| &round.family.members).collect();
    let any = |fits: fn(&Verdict) -> bool| members.iter().any(|member| fits(&member.verdict));
    if any(|verdict| matches!(verdict, Verdict::Slower)) {
        Outcome::Slower
    } else if any(|verdict| !matches!(verdict, Verdict::Faster | Verdict::Indistinguishable)) {
        Outcome::Undecided
    } else if any(|verdict| matches!(verdict, Verdict::Faster)) {
        Outcome::Faster
    } else {
        Outcome::Unchanged
    }
}

impl Subject {
    /// What has to be said of it; nothing of what is usual.
    pub const fn sentence(self) -> Option<&'static str> {
        match self {
            Self::Workload => None,
            Self::Host => Some(
                "Both are builds of the program that runs the workload, which is the same for both.",
            ),
        }
    }
}

impl Outcome {
    /// The outcome as a sentence without its full stop.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Slower => "Build B is slower than build A",
            Self::Undecided => "It cannot be told whether build B is slower than build A",
            Self::Faster => "Build B is faster than build A",
            Self::Unchanged => "Build B is as fast as build A",
        }
    }
}

impl Duel {
    /// Each round that decides, as a clause with its measure: ``warm-disk `total_ns`: ▲ slower,
    /// 1.10× (1.08–1.12) the cost``.
    pub fn clauses(&self) -> Vec<String> {
        let deciding = self.rounds.iter().filter(|round| round.decides);
        let clauses = deciding.flat_map(|round| {
            let members = round.family.members.iter();
            members.map(|member| {
                format!(
                    "{} `{}`: {}",
                    round.scenario.name(),
                    member.measure.name(),
                    clause(member)
                )
            })
        });
        clauses.collect()
    }
}

/// The verdict with its ratio: how near to 1 the ratio is known to lie is what a build without a
/// difference is measured for.
fn clause(member: &Comparison) -> String {
    match &member.verdict {
        Verdict::NotComparable { why } => format!("not comparable: {why}"),
        _ => format!("{}, {} the cost", member.label(), member.ratio_text()),
    }
}

#[cfg(test)]
mod tests {
    use results::manifest::Origin;
    use serde_json::json;

    use super::*;

    #[test]
    fn builds_are_of_the_program_only_where_two_are_named() {
        let config = |value| {
            let origin = Origin::Default;
            BTreeMap::from([(HOSTS.to_owned(), Setting { value, origin })])
        };
        assert_eq!(subject(&BTreeMap::new()), Subject::Workload);
        assert_eq!(subject(&config(json!({}))), Subject::Workload);
        let two = json!({"a": "/before/host", "b": "/after/host"});
        assert_eq!(subject(&config(two)), Subject::Host);
    }
}
