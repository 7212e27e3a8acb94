//! Two builds of one workload, the second beside the first.

use findings::cells::without;
use findings::questions::duel::{Duel, File, Round};
use findings::units::{Unit, bytes};
use findings::{Findings, Names};
use results::Param;

use super::format::{interval, median, or_dash};
use crate::document::{Section, Table, code};

/// The section, in a run of two builds.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let duel = findings.duel.as_ref()?;
    let clauses = duel.clauses().join("; ");
    let title = format!("{}: {clauses}", duel.outcome.sentence());
    let mut section = Section::new("duel", title);
    section.question = "Two builds";
    section.text(
        "Both builds are in every block of the run, in an order that is drawn anew for each, and \
            build A a second time as the A/A control. Time decides; memory and CPU time are told.",
    );
    if duel.is_same {
        section.text("Both builds are the same file: what differs is noise.");
    }
    if let Some(sentence) = duel.of.sentence() {
        section.text(sentence);
    }
    section.list(files(duel));
    for round in &duel.rounds {
        section.table(table(findings, round));
    }
    Some(section)
}

fn files(duel: &Duel) -> Vec<String> {
    let item = |(name, file): (&str, &File)| {
        let digest = file.sha256.get(..12).unwrap_or(&file.sha256);
        let size = bytes(file.bytes as f64);
        let (path, digest) = (code(&file.path), code(&format!("{digest}…")));
        format!("**{name}**: {path}, {size}, SHA-256 {digest}")
    };
    let files = duel.files.iter().flatten();
    ["A", "B"].into_iter().zip(files).map(item).collect()
}

fn table(findings: &Findings, round: &Round) -> Table {
    let family = &round.family;
    let measure = family.measure;
    let unit = if measure.is_rate() {
        Unit::Nanoseconds
    } else {
        measure.unit()
    };
    let title = format!(
        "Build B against build A, {} {}: `{}` ({})",
        round.workload,
        round.scenario.name(),
        measure.name(),
        family.method()
    );
    let columns = [
        "system",
        ">A",
        ">95 % interval",
        ">B",
        ">95 % interval",
        ">more",
        ">95 % interval",
        ">n",
        ">of A (95 %)",
        "verdict",
    ];
    let mut table = Table::new(title, &columns);
    for member in &family.members {
        let cell = |id: &str| findings.facts.cell(id);
        let Some((a, b)) = cell(&member.baseline).zip(cell(&member.candidate)) else {
            continue;
        };
        let shift = member.shift;
        let named = without(&a.cell, &[Param::Build]);
        let fields = [
            Names::new([&named]).name(&named),
            format!("[{}](#{})", median(a, measure), a.id),
            interval(a, measure),
            format!("[{}](#{})", median(b, measure), b.id),
            interval(b, measure),
            or_dash(shift.map(|it| it.difference_text(unit))),
            or_dash(shift.map(|it| it.difference_interval_text(unit))),
            member.n.to_string(),
            member.ratio_text(),
            member.label(),
        ];
        table.row_about(&round.workload, &[a.system()], fields);
    }
    table
}
