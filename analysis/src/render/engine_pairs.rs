//! One engine twice: embedded in a program made for it, and under its own command line, step by
//! step.

use findings::comparison::Effect;
use findings::questions::engine_pairs::{EnginePair, Rung, Side, Step};
use findings::units::Unit;
use findings::{Findings, Measure};
use results::Workload;
use results::names::FileName;
use results::record::Scenario;

use super::format::{self, or_dash, systems};
use super::starts::segments;
use crate::document::{Block, Figure, Section, Table, literal};
use crate::plot::{Stack, draw_stacks};

/// The section, if an engine is there both ways.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let found = &findings.engine_pairs;
    let family = found.family.as_ref()?;
    let mut section = Section::new(
        "pairs",
        "One engine twice: what does its command line add to the engine?",
    );
    section.question = "Engines";
    section.text(format!(
        "The same engine at the same version, embedded in a program made for it (`host serve` and \
            its likes) and under its own command line, for the same guest. Steps are those of \
            starts that were taken apart, the totals those of starts that nothing observed \
            ({}). Being observed takes time, and more where the kernel reports system calls than \
            where a program reports on itself: \"more\" sets the command line's steps against \
            those of the embedded start that were observed in the same way, where there are \
            such, and what being observed took is a row of its own. Steps lie between the same \
            milestones; that the same is done in them is only claimed of starts with everything \
            equal, and of those as far as the second table prices it: what one has and the other \
            has not is added back one thing after another, and the prices add up to the whole.",
        family.method()
    ));
    for engine in found.engines.iter().filter(|engine| !engine.matches()) {
        let (embedded, cli) = engine
            .versions
            .as_ref()
            .map_or(("unknown", "unknown"), |(one, two)| (one, two));
        section.blocks.push(Block::Warning(format!(
            "VERSIONS DIFFER for {}: {} embedded, {} on the command line. Differences between \
                versions are in every figure.",
            engine.name,
            literal(embedded),
            literal(cli)
        )));
    }
    section.table(totals(findings));
    section.table(ladder(findings));
    let mut workloads: Vec<_> = found.pairs.iter().map(|pair| &pair.workload).collect();
    workloads.dedup();
    for engine in &found.engines {
        for workload in &workloads {
            let figure = aligned(findings, &engine.name, workload);
            section.blocks.extend(figure.map(Block::Figure));
        }
    }
    Some(section)
}

fn name(pair: &EnginePair) -> String {
    format!(
        "[{} {}, {}, {}](#{})",
        pair.engine,
        pair.acquire,
        pair.workload,
        pair.scenario.name(),
        pair.cells[1]
    )
}

fn totals(findings: &Findings) -> Table {
    let columns = [
        "start",
        ">embedded",
        ">command line",
        ">more",
        ">95 % interval",
        ">of embedded (95 %)",
        "verdict",
    ];
    let mut table = Table::new("Totals of starts that nothing observed", &columns);
    for pair in &findings.engine_pairs.pairs {
        let median = |id: &str| {
            let cell = findings.facts.cell(id);
            format::value(
                cell.and_then(|cell| cell.median(Measure::TotalNs)),
                Unit::Nanoseconds,
            )
        };
        let verdict = findings.engine_pairs.verdict(pair);
        let shift = verdict.and_then(|it| it.shift);
        let fields = [
            name(pair),
            median(&pair.cells[0]),
            median(&pair.cells[1]),
            or_dash(shift.map(|it| it.difference_text(Unit::Nanoseconds))),
            or_dash(shift.map(|it| it.difference_interval_text(Unit::Nanoseconds))),
            or_dash(verdict.map(findings::comparison::Comparison::ratio_text)),
            or_dash(verdict.map(findings::comparison::Comparison::label)),
        ];
        let systems = pair_systems(findings, pair);
        let systems: Vec<_> = systems.iter().map(String::as_str).collect();
        table.row_about(&pair.workload, &systems, fields);
    }
    table
}

fn pair_systems(findings: &Findings, pair: &EnginePair) -> Vec<String> {
    systems(&super::cells_of(findings, &pair.cells))
}

/// From one start to the other, one difference after another.
fn ladder(findings: &Findings) -> Table {
    let columns = [
        "start",
        "what one has and the other has not",
        ">takes",
        ">95 % interval",
        "verdict",
    ];
    let title = "From the embedded start to the command line's, one difference after another";
    let mut table = Table::new(title, &columns);
    for pair in &findings.engine_pairs.pairs {
        let ladder = &pair.ladder;
        let of = |side: Side| ladder.rungs.iter().filter(move |it| it.side == side);
        let rung = |it: &Rung| {
            (
                format!("{}: `{}`", it.side.name(), it.name),
                it.cost.clone(),
            )
        };
        let rest = "everything equal: the command line beside embedded";
        let bare = "of that, to begin and to end";
        let middle = [(rest, &ladder.rest), (bare, &ladder.bare)];
        let middle = middle
            .into_iter()
            .filter_map(|(what, cost)| Some((what.to_owned(), cost.clone()?)));
        let rows = of(Side::Embedded).map(rung);
        for (what, cost) in rows.chain(middle).chain(of(Side::CommandLine).map(rung)) {
            let shift = cost.shift;
            let fields = [
                name(pair),
                what,
                or_dash(shift.map(|it| it.difference_text(Unit::Nanoseconds))),
                or_dash(shift.map(|it| it.difference_interval_text(Unit::Nanoseconds))),
                cost.label(),
            ];
            let systems = pair_systems(findings, pair);
            let systems: Vec<_> = systems.iter().map(String::as_str).collect();
            table.row_about(&pair.workload, &systems, fields);
        }
    }
    table
}

/// Both starts of every acquisition mode, one above the other.
fn aligned(findings: &Findings, engine: &str, workload: &Workload) -> Option<Figure> {
    let title =
        format!("{engine}, {workload}: where do the embedded start and the command line part?");
    let columns = [
        "start",
        "step",
        ">embedded, reported by itself",
        ">embedded, from outside",
        ">command line, from outside",
        ">more",
    ];
    let mut table = Table::new(title.clone(), &columns);
    let mut rows = Vec::new();
    let mut about = Vec::new();
    let pairs = findings.engine_pairs.pairs.iter();
    for pair in pairs.filter(|it| it.engine == engine && it.workload == *workload) {
        let ways = ["embedded", "command line"];
        for ((id, seen), way) in pair.cells.iter().zip(&pair.taken_apart).zip(ways) {
            let seen = seen.as_ref().and_then(|id| findings.facts.cell(id));
            let (Some(seen), Some(cell)) = (seen, findings.facts.cell(id)) else {
                continue;
            };
            let kind = match pair.scenario {
                Scenario::WarmDisk => String::new(),
                scenario => format!(", {}", scenario.name()),
            };
            rows.push(Stack {
                label: format!("{} {way}{kind}", pair.acquire),
                segments: segments(seen),
                total_ns: cell.median(Measure::TotalNs),
            });
        }
        let systems = pair_systems(findings, pair);
        let names: Vec<_> = systems.iter().map(String::as_str).collect();
        let figures = |step: &Step, work: String| {
            let figures = [step.embedded_own_ns, step.embedded_seen_ns, step.cli_ns];
            (work, figures, step.more_ns())
        };
        let steps = pair.steps.iter();
        let steps = steps.map(|step| figures(step, step.work.to_owned()));
        let equal = pair.equal.iter().flat_map(|it| &it.steps);
        let equal = equal.map(|step| figures(step, format!("everything equal: {}", step.work)));
        let added = |of: Option<Effect>| of.map(|it| it.estimate);
        let by = &pair.observed;
        let added_by = [by.embedded_own, by.embedded_seen, by.cli].map(added);
        let last = "of these: what being observed took".to_owned();
        let last = (last, added_by, by.more_ns());
        for (work, figures, more) in steps.chain([last]).chain(equal) {
            let figures = figures.into_iter().chain([more]);
            let figures = figures.map(|ns| format::value(ns, Unit::Nanoseconds));
            let head = [format!("{}, {}", pair.acquire, pair.scenario.name()), work];
            table.row_about(workload, &names, head.into_iter().chain(figures));
        }
        about = systems;
    }
    (!rows.is_empty()).then(|| Figure {
        id: FileName::of(&format!("pairs-{engine}-{workload}")),
        title,
        caption: "What lies between the same milestones has the same colour on both sides: grey until the program \
            runs, blue until it opens the artifact, warm colours until code is there, purple for \
            the answer. The upright line is the median of starts that nothing observed."
            .to_owned(),
        picture: draw_stacks(&rows),
        table,
        workload: Some(workload.to_string()),
        systems: about,
    })
}
