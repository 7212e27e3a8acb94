//! An engine embedded beside the same engine under its own command line.

use findings::comparison::{Comparison, Effect};
use findings::questions::engine_pairs::{EnginePair, Rung, Side, Step};
use findings::units::Unit;
use findings::{CellFacts, Findings, Measure};

use super::table::{ruled, value};
use super::{Style, waterfall};

/// Every engine that is there both ways.
pub(crate) fn render(findings: &Findings, style: Style) -> String {
    let pairs = findings.engine_pairs.pairs.iter();
    let text: String = pairs.map(|pair| one(findings, pair, style)).collect();
    if text.is_empty() {
        return "No engine is there both embedded and as a command line: there is nothing to \
            compare.\n"
            .to_owned();
    }
    text
}

/// The versions, and a warning where they are two: then what is compared is two programs.
fn versions(findings: &Findings, pair: &EnginePair) -> String {
    let engines = findings.engine_pairs.engines.iter();
    let engine = engines.into_iter().find(|it| it.name == pair.engine);
    match engine.and_then(|engine| engine.versions.as_ref()) {
        None => "versions are not known".to_owned(),
        Some((embedded, cli)) if embedded == cli => format!("both {cli}"),
        Some((embedded, cli)) => format!(
            "VERSIONS DIFFER: {embedded} embedded, {cli} on the command line; differences between \
                versions are in every figure"
        ),
    }
}

fn one(findings: &Findings, pair: &EnginePair, style: Style) -> String {
    let cell = |id: &str| findings.facts.cell(id);
    let [embedded, cli] = pair.cells.each_ref().map(|id| cell(id));
    let n = cli.map_or_else(|| "0".to_owned(), CellFacts::counted);
    let mut text = format!(
        "{}, {}: {}, {}, medians of {n}; {}\n",
        pair.engine,
        pair.acquire,
        pair.workload,
        pair.scenario.name(),
        versions(findings, pair)
    );
    let time = |ns: Option<f64>| value(ns, Unit::Nanoseconds);
    let fields = |work: &str, figures: [Option<f64>; 4]| {
        let figures = figures.into_iter().map(time);
        std::iter::once(work.to_owned())
            .chain(figures)
            .collect::<Vec<_>>()
    };
    let row = |step: &Step, all_equal: &str| {
        let figures = [
            step.embedded_own_ns,
            step.embedded_seen_ns,
            step.cli_ns,
            step.more_ns(),
        ];
        fields(&format!("{all_equal}{}", step.work), figures)
    };
    let rows = pair.steps.iter().map(|step| row(step, ""));
    let equal = pair.equal.iter().flat_map(|it| &it.steps);
    let equal = equal.map(|step| row(step, "everything equal: "));
    let (added_by, added) = (&pair.observed, |of: Option<Effect>| {
        of.map(|it| it.estimate)
    });
    let added = [
        added(added_by.embedded_own),
        added(added_by.embedded_seen),
        added(added_by.cli),
        added_by.more_ns(),
    ];
    let is_taken_apart = !pair.steps.is_empty();
    let last = is_taken_apart.then(|| fields("of these: what being observed took", added));
    let head = [
        "step",
        "embedded, reported by itself",
        "embedded, from outside",
        "command line, from outside",
        "more",
    ];
    text.push_str(&ruled(&head, rows.chain(last).chain(equal)));
    text.push('\n');
    let observed = pair.taken_apart.iter().flatten();
    let observed: Vec<&CellFacts> = observed.filter_map(|id| cell(id)).collect();
    text.push_str(&waterfall::bars("taken apart", &observed, style));
    let total = |of: Option<&CellFacts>| time(of.and_then(|it| it.median(Measure::TotalNs)));
    text.push_str(&format!(
        "nothing observing: embedded {}, command line {}",
        total(embedded),
        total(cli)
    ));
    if let Some(verdict) = findings.engine_pairs.verdict(pair) {
        text.push_str(&format!(": {}, {}", verdict.ratio_text(), verdict.label()));
    }
    text.push('\n');
    text.push_str(&ladder(pair));
    text.push('\n');
    text
}

/// From one start to the other: what each thing takes that one has and the other has not, and what is left
/// with everything equal.
fn ladder(pair: &EnginePair) -> String {
    let ladder = &pair.ladder;
    let row = |what: String, cost: &Comparison| {
        let shift = cost.shift;
        [
            what,
            or_dash(shift.map(|it| it.difference_text(Unit::Nanoseconds))),
            or_dash(shift.map(|it| it.difference_interval_text(Unit::Nanoseconds))),
            cost.label(),
        ]
    };
    let rung = |rung: &Rung| row(format!("{}: {}", rung.side.name(), rung.name), &rung.cost);
    let of = |side: Side| ladder.rungs.iter().filter(move |it| it.side == side);
    let mut rows: Vec<_> = of(Side::Embedded).map(rung).collect();
    let rest = "everything equal: command line beside embedded".to_owned();
    rows.extend(ladder.rest.as_ref().map(|cost| row(rest, cost)));
    let bare = "  of it, to begin and to end".to_owned();
    rows.extend(ladder.bare.as_ref().map(|cost| row(bare, cost)));
    rows.extend(of(Side::CommandLine).map(rung));
    if rows.is_empty() {
        return String::new();
    }
    let head = [
        "what one has and the other has not",
        "takes",
        "95 % interval",
        "verdict",
    ];
    ruled(&head, rows.into_iter().map(Vec::from))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}
