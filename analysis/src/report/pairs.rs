//! One engine twice: embedded in a program made for it, and under its own command line, step by
//! step.

use results::Phase;
use results::manifest::Manifest;
use serde::Serialize;

use super::analysis::{Analysis, engines};
use super::contrasts::{self, Family, ratio, word};
use super::facts::{CellFacts, Measure};
use super::naming::{param, without};
use super::starts::{STARTS, taken_apart};
use super::words::shown;
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Segment, Stack, Unit, stacks};
use findings::input::Run;

/// The same work on both sides: what it is, and its phases as told from inside and as seen from
/// outside.
const STEPS: [(&str, &[Phase], &[Phase]); 4] = [
    (
        "process, until it opens the artifact",
        &[Phase::Process, Phase::Engine],
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

/// A step of both starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What is done in it.
    pub work: &'static str,
    /// Median of what the embedded start takes.
    pub embedded_ns: Option<f64>,
    /// Median of what the command line takes.
    pub cli_ns: Option<f64>,
}

/// One engine, both ways.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The engine.
    pub engine: String,
    /// The two versions, if they are known.
    pub versions: Option<(String, String)>,
    /// The workload.
    pub workload: String,
    /// The scenario.
    pub scenario: String,
    /// How code is come by.
    pub acquire: String,
    /// The ids of the two cells whose totals are compared.
    pub cells: [String; 2],
    /// The steps, of starts that were taken apart.
    pub steps: Vec<Step>,
}

/// All pairs, and the family of their verdicts.
pub(crate) fn numbers(
    analysis: &Analysis,
    manifest: Option<&Manifest>,
) -> (Vec<Pair>, Option<Family>) {
    let (mut pairs, mut cells) = (Vec::new(), Vec::new());
    for engine in engines(analysis, manifest) {
        for scenario in STARTS {
            for workload in analysis.workloads() {
                let shown = analysis.shown(workload, scenario);
                let of = |system: &str| {
                    shown
                        .iter()
                        .copied()
                        .filter(|cell| cell.cell.system == system)
                        .collect::<Vec<_>>()
                };
                for cli in of(&format!("{}-cli", engine.name)) {
                    let ours = of(&format!("{}-embedded", engine.name));
                    let Some(embedded) = ours.into_iter().find(|cell| is_alike(cell, cli)) else {
                        continue;
                    };
                    if cli.values(Measure::TotalNs).is_empty()
                        || embedded.values(Measure::TotalNs).is_empty()
                    {
                        continue;
                    }
                    cells.push((cli, embedded));
                    pairs.push(Pair {
                        engine: engine.name.to_owned(),
                        versions: engine
                            .versions
                            .map(|(one, two)| (one.to_owned(), two.to_owned())),
                        workload: workload.into(),
                        scenario: scenario.to_owned(),
                        acquire: param(&cli.cell, "acquire").unwrap_or("–").to_owned(),
                        cells: [embedded.id.clone(), cli.id.clone()],
                        steps: steps(watched(analysis, embedded), watched(analysis, cli)),
                    });
                }
            }
        }
    }
    let floor = analysis.floor("cold", Measure::TotalNs);
    (
        pairs,
        contrasts::family(
            "command line against embedded".to_owned(),
            Measure::TotalNs,
            &cells,
            floor,
        ),
    )
}

fn is_alike(one: &CellFacts, two: &CellFacts) -> bool {
    ["acquire", "page_cache", "network"]
        .iter()
        .all(|key| param(&one.cell, key) == param(&two.cell, key))
}

/// The same start, taken apart.
fn watched<'a>(analysis: &'a Analysis, cell: &'a CellFacts) -> Option<&'a CellFacts> {
    let same = |other: &&CellFacts| {
        without(&other.cell, &["observer"]) == without(&cell.cell, &["observer"])
    };
    taken_apart(analysis, &cell.cell.workload, cell.cell.scenario.name())
        .into_iter()
        .find(same)
}

fn steps(embedded: Option<&CellFacts>, cli: Option<&CellFacts>) -> Vec<Step> {
    let sum = |cell: Option<&CellFacts>, phases: &[Phase]| -> Option<f64> {
        let times: Vec<_> = phases
            .iter()
            .filter_map(|phase| cell?.phase(*phase))
            .collect();
        (!times.is_empty()).then(|| times.iter().sum())
    };
    let step = |(work, inside, outside): &(&'static str, &[Phase], &[Phase])| Step {
        work,
        embedded_ns: sum(embedded, inside).or_else(|| sum(embedded, outside)),
        cli_ns: sum(cli, outside),
    };
    STEPS
        .iter()
        .map(step)
        .filter(|step| step.embedded_ns.is_some() || step.cli_ns.is_some())
        .collect()
}

/// The section, if an engine is there both ways.
pub(crate) fn tell(run: &Run, analysis: &Analysis) -> Option<Section> {
    let family = analysis.pairs_family.as_ref()?;
    let mut section = Section::new(
        "pairs",
        "One engine twice: what does its command line add to the engine?",
    );
    section.text(
        "The same engine at the same version, embedded in a program made for it (`host serve` and \
            its likes) and under its own command line, for the same guest. Steps are those of \
            starts that were taken apart, the totals those of starts that nothing watched.",
    );
    for engine in engines(analysis, run.manifest.as_ref())
        .iter()
        .filter(|engine| !engine.matches())
    {
        let (embedded, cli) = engine.versions.unwrap_or(("unknown", "unknown"));
        section.blocks.push(Block::Warning(format!(
            "VERSIONS DIFFER for {}: {embedded} embedded, {cli} on the command line. Differences \
                between versions are in every figure.",
            engine.name
        )));
    }
    let columns = [
        "start",
        ">embedded",
        ">command line",
        ">of embedded (95 %)",
        "verdict",
    ];
    let mut table = Table::new("Totals of starts that nothing watched", &columns);
    for pair in &analysis.pairs {
        let median = |id: &str| {
            analysis
                .cell(id)
                .and_then(|cell| cell.median(Measure::TotalNs))
        };
        let said = family.of(&pair.cells[1]).map(|member| &member.decision);
        table.row([
            format!(
                "[{} {}, {}, {}](#{})",
                pair.engine, pair.acquire, pair.workload, pair.scenario, pair.cells[1]
            ),
            shown(median(&pair.cells[0]), Unit::Nanoseconds),
            shown(median(&pair.cells[1]), Unit::Nanoseconds),
            said.map_or_else(|| "–".to_owned(), ratio),
            said.map_or_else(
                || "–".to_owned(),
                |said| word(&said.verdict, Measure::TotalNs),
            ),
        ]);
    }
    section.table(table);
    let mut workloads: Vec<_> = analysis
        .pairs
        .iter()
        .map(|pair| pair.workload.as_str())
        .collect();
    workloads.dedup();
    for (engine, workload) in engines(analysis, run.manifest.as_ref())
        .iter()
        .flat_map(|e| workloads.iter().map(move |w| (e.name, *w)))
    {
        let pairs: Vec<_> = analysis
            .pairs
            .iter()
            .filter(|pair| pair.engine == engine && pair.workload == workload)
            .collect();
        section
            .blocks
            .extend(aligned(analysis, engine, workload, &pairs));
    }
    Some(section)
}

/// Both starts of every way of coming by code, one above the other.
fn aligned(analysis: &Analysis, engine: &str, workload: &str, pairs: &[&Pair]) -> Option<Block> {
    let title =
        format!("{engine}, {workload}: where do the embedded start and the command line part?");
    let mut rows = Vec::new();
    let mut table = Table::new(
        title.clone(),
        &[
            "start",
            "the same work",
            ">embedded",
            ">command line",
            ">more",
        ],
    );
    for pair in pairs {
        for (id, way) in pair.cells.iter().zip(["embedded", "command line"]) {
            let cell = analysis.cell(id)?;
            let Some(seen) = watched(analysis, cell) else {
                continue;
            };
            let segments = seen.phases.iter().filter(|phase| phase.name.counts());
            rows.push(Stack {
                label: format!(
                    "{} {way}{}",
                    pair.acquire,
                    if pair.scenario == "cold" {
                        ", cold"
                    } else {
                        ""
                    }
                ),
                segments: segments
                    .map(|phase| Segment {
                        phase: phase.name,
                        ns: phase.median_ns,
                    })
                    .collect(),
                total_ns: cell.median(Measure::TotalNs),
            });
        }
        for step in &pair.steps {
            let more = step.cli_ns.map(|ns| ns - step.embedded_ns.unwrap_or(0.0));
            let fields =
                [step.embedded_ns, step.cli_ns, more].map(|ns| shown(ns, Unit::Nanoseconds));
            table.row(
                [
                    format!("{}, {}", pair.acquire, pair.scenario),
                    step.work.to_owned(),
                ]
                .into_iter()
                .chain(fields),
            );
        }
    }
    (!rows.is_empty()).then(|| {
        Block::Figure(Figure {
            id: format!("pairs-{engine}-{workload}"),
            title,
            caption: "What is the same work has the same colour on both sides: grey until the \
                program runs, blue until it opens the artifact, warm colours until code is there, \
                purple for the answer. The upright line is the median of starts that nothing \
                watched."
                .to_owned(),
            picture: stacks(&rows),
            table,
            workload: None,
            systems: Vec::new(),
        })
    })
}
