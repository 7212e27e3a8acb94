//! What a run of several systems ends with: what was found, in a sentence of starts and one of requests,
//! and what cannot be said.

use findings::questions::headline::{Entry, Headline};
use findings::statistics::Verdict;
use findings::units::Unit;
use findings::{CellFacts, Findings, Measure, Names};
use results::record::Scenario;

use super::table::value;

/// Systems that are named; the rest is counted.
const NAMED: usize = 4;

/// The sentences. They quote the cells that the report opens with, named beforehand, and claim what
/// their verdicts do.
pub(crate) fn render(findings: &Findings) -> String {
    let found: Vec<_> = quoted(findings).collect();
    if found.is_empty() && findings.limits.ok == 0 {
        return "\nNothing could be measured.\n".to_owned();
    }
    let sentences = found.iter().map(|it| sentence(findings, it));
    let text: String = sentences.collect();
    format!("\n{text}{}", unknown(findings, &found))
}

/// Of the first workload the kind of start in which most is cold, and the requests.
fn quoted(findings: &Findings) -> impl Iterator<Item = &Headline> {
    let first = findings.facts.workloads().first().copied();
    let of_first = move |it: &&Headline| Some(&it.workload) == first;
    let find = |fits: fn(Scenario) -> bool| {
        let mut headlines = findings.headlines.iter().filter(of_first);
        headlines.find(|it| fits(it.scenario))
    };
    let requests =
        find(|it| it == Scenario::Warm).or_else(|| find(|it| it == Scenario::Throughput));
    find(Scenario::starts).into_iter().chain(requests)
}

fn sentence(findings: &Findings, of: &Headline) -> String {
    let (workload, scenario) = (&of.workload, of.scenario.name());
    let beginning = match of.scenario {
        Scenario::Warm => format!("the median warm request of {workload} takes"),
        Scenario::Throughput => format!("an instance of {workload} answers, requests a second:"),
        _ => format!("a {scenario} start of {workload} takes"),
    };
    let clauses: Vec<_> = of
        .entries()
        .map(|it| clause(findings, of.measure, it))
        .collect();
    format!("Found: {beginning} {}.\n", clauses.join("; "))
}

fn clause(findings: &Findings, measure: Measure, entry: &Entry) -> String {
    let cell = findings.facts.cell(&entry.cell);
    let name = cell.map(|it| Names::new([&it.cell]).name(&it.cell));
    let name = name.unwrap_or_default();
    let answered = cell.and_then(CellFacts::answered);
    let unit: Unit = measure.unit();
    let figure = format!("{} with `{name}`", value(entry.median, unit));
    match (answered, &entry.verdict) {
        // What survivors took is no answer.
        (Some(answered), _) if entry.fails_often => format!("{answered} with `{name}`"),
        (Some(answered), _) => format!("{figure} ({answered})"),
        (None, Some(verdict)) => format!("{figure}, {}", verdict.clause()),
        (None, None) => figure,
    }
}

/// What these sentences leave open, in one of their own.
fn unknown(findings: &Findings, found: &[&Headline]) -> String {
    let limits = &findings.limits;
    let mut parts = Vec::new();
    if limits.floors.is_empty() {
        parts.push("which differences are noise (there is no A/A control)".to_owned());
    }
    let entries = found.iter().flat_map(|it| it.entries());
    let open = entries.filter(|it| {
        let verdict = it.verdict.as_ref().map(|it| &it.verdict);
        matches!(
            verdict,
            Some(Verdict::Inconclusive | Verdict::NotComparable { .. })
        )
    });
    match open.count() {
        0 => {}
        1 => parts.push("one of these comparisons (see its clause)".to_owned()),
        n => parts.push(format!("{n} of these comparisons (see their clauses)")),
    }
    let absent: Vec<_> = limits.absent.iter().map(|it| it.system.as_str()).collect();
    if !absent.is_empty() {
        let (named, rest) = absent.split_at(absent.len().min(NAMED));
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!(" and {} more", rest.len())
        };
        parts.push(format!(
            "how {}{more} would do, which cannot be measured here",
            named.join(", ")
        ));
    }
    if !limits.failed.is_empty() {
        let failed: usize = limits.failed.iter().map(|it| it.samples).sum();
        let samples = if failed == 1 { "sample" } else { "samples" };
        parts.push(format!(
            "what the {failed} failed {samples} would have taken"
        ));
    }
    parts.push("how it is on another machine".to_owned());
    format!("Not known: {}.\n", parts.join("; "))
}
