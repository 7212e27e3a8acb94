//! Two builds of one workload, the second beside the first.

use findings::cells::without;
use findings::comparison::Comparison;
use findings::questions::duel::{Duel, Round};
use findings::units::Unit;
use findings::{CellFacts, Findings, Names};
use results::Param;

use super::table::{median, ruled};

/// The files, every measure of both, and what they say together.
pub(crate) fn render(findings: &Findings) -> String {
    let Some(duel) = &findings.duel else {
        return "No two builds were measured against each other.\n".to_owned();
    };
    let mut text = files(duel);
    text.push_str(&table(findings, duel));
    text.push_str(&methods(duel));
    if duel.is_same {
        text.push_str("Both builds are the same file: what differs is noise.\n");
    }
    let clauses = duel.clauses().join("; ");
    text.push_str(&format!("{}: {clauses}.\n", duel.outcome.sentence()));
    text
}

fn files(duel: &Duel) -> String {
    let Some(files) = &duel.files else {
        return String::new();
    };
    let line = |(name, file): (&str, &findings::questions::duel::File)| {
        let digest = file.sha256.get(..12).unwrap_or(&file.sha256);
        format!("{name}  {digest}  {}\n", file.path)
    };
    let lines: String = ["A", "B"].into_iter().zip(files).map(line).collect();
    let of = duel.of.sentence();
    let of = of.map_or_else(String::new, |sentence| format!("{sentence}\n"));
    lines + &of + "\n"
}

/// One row for each comparison.
fn table(findings: &Findings, duel: &Duel) -> String {
    let rounds = duel.rounds.iter();
    let rows = rounds.flat_map(|round| {
        let members = round.family.members.iter();
        members.filter_map(|member| row(findings, round, member))
    });
    let head = [
        "B against A",
        "measure",
        "A",
        "B",
        "more",
        "95 % interval",
        "n",
        "of A (95 %)",
        "verdict",
    ];
    format!("{}\n", ruled(&head, rows))
}

fn row(findings: &Findings, round: &Round, member: &Comparison) -> Option<Vec<String>> {
    let cell = |id: &str| findings.facts.cell(id);
    let [a, b]: [&CellFacts; 2] = [cell(&member.baseline)?, cell(&member.candidate)?];
    let measure = member.measure;
    let unit = if measure.is_rate() {
        Unit::Nanoseconds
    } else {
        measure.unit()
    };
    let shift = member.shift;
    let named = without(&a.cell, &[Param::Build]);
    let name = Names::new([&named]).name(&named);
    Some(vec![
        format!("{name}, {} {}", round.workload, round.scenario.name()),
        measure.name().to_owned(),
        median(a, measure),
        median(b, measure),
        shift.map_or_else(String::new, |it| it.difference_text(unit)),
        shift.map_or_else(String::new, |it| it.difference_interval_text(unit)),
        member.n.to_string(),
        member.ratio_text(),
        member.label(),
    ])
}

/// How the verdicts were arrived at: each method once, with what it is of.
fn methods(duel: &Duel) -> String {
    let mut text = String::new();
    for round in &duel.rounds {
        let what = if round.decides {
            "decides"
        } else {
            "is told, and does not decide"
        };
        text.push_str(&format!(
            "{} `{}` {what}: {}\n",
            round.scenario.name(),
            round.family.measure.name(),
            round.family.method()
        ));
    }
    text + "\n"
}
