//! An engine embedded beside the same engine under its own command line.

use findings::comparison::Effect;
use findings::questions::engine_pairs::EnginePair;
use findings::units::{Unit, nanoseconds, percent};
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
    let rows = pair.steps.iter().map(|step| {
        let figures = [
            step.embedded_own_ns,
            step.embedded_seen_ns,
            step.cli_ns,
            step.more_ns(),
        ];
        fields(step.work, figures)
    });
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
        "the same work",
        "embedded, reported by itself",
        "embedded, from outside",
        "command line, from outside",
        "more",
    ];
    text.push_str(&ruled(&head, rows.chain(last)));
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
    text.push_str(&left_out(findings, pair, cli));
    text.push('\n');
    text
}

/// What the command line does more, as far as it was left out, and what is left unexplained.
fn left_out(findings: &Findings, pair: &EnginePair, cli: Option<&CellFacts>) -> String {
    let excess = findings.engine_pairs.verdict(pair).and_then(|it| it.shift);
    let total = cli.and_then(|cell| cell.median(Measure::TotalNs));
    let (Some(excess), Some(total)) = (excess, total) else {
        return String::new();
    };
    let mut text = String::new();
    for it in &pair.left_out {
        let Some(shift) = it.cost.shift else { continue };
        let doubt = if it.cost.is_difference() {
            String::new()
        } else {
            format!(" ({}, and not counted)", it.cost.label())
        };
        text.push_str(&format!(
            "  its {}: {}{doubt}\n",
            it.name,
            shift.difference_text(Unit::Nanoseconds)
        ));
    }
    let named = pair.named_ns();
    let rest = excess.estimate - named;
    text.push_str(&format!(
        "  of the command line's {}: {} more than embedded, of which {} are named above and {} are \
            not; named or the same {}\n",
        nanoseconds(total),
        nanoseconds(excess.estimate),
        nanoseconds(named),
        nanoseconds(rest),
        percent(1.0 - rest.abs() / total),
    ));
    text
}
