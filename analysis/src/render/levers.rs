//! What should be switched on?

use findings::comparison::Comparison;
use findings::questions::levers::Levers;
use findings::statistics::Verdict;
use findings::units::Unit;
use findings::{Findings, Measure};

use super::format::{count, interval, linked, list, median, names, or_dash};
use crate::document::{Section, Table, literal};

/// The section, where levers of an engine were moved.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    if findings.levers.is_empty() {
        return None;
    }
    let members = findings.levers.iter().flat_map(|it| &it.family.members);
    let faster = members.filter(|it| matches!(it.verdict, Verdict::Faster));
    let title = format!(
        "What should be switched on? {} faster",
        match faster.count() {
            0 => "No lever makes a start".to_owned(),
            some => format!("{} of a lever make a start", count(some as u64, "move")),
        }
    );
    let mut section = Section::new("levers", title);
    section.question = "Starts";
    section.text(
        "One setting of the engine moved at a time, against the same start with all of them where \
            the engine has them. Less than 1 is a shorter start. Two moves together need not do \
            what each does alone, and what a move gives up (checks, backtraces, room) is not in \
            these figures.",
    );
    for of in &findings.levers {
        section.list(vec![sentence(findings, of)]);
        section.table(table(findings, of));
    }
    Some(section)
}

/// What to do, in a sentence.
fn sentence(findings: &Findings, of: &Levers) -> String {
    let with = |wanted: fn(&Verdict) -> bool| -> Vec<String> {
        let rows = of.rows().filter(|(_, member)| wanted(&member.verdict));
        rows.map(|(moved, member)| format!("`{}` ({})", moved.lever, member.ratio_text()))
            .collect()
    };
    let faster = with(|it| matches!(it, Verdict::Faster));
    let slower = with(|it| matches!(it, Verdict::Slower));
    let rest = of.moved.len() - faster.len() - slower.len();
    let mut text = format!("**{}**: ", base(findings, of));
    if faster.is_empty() {
        text.push_str("nothing that was moved makes it faster");
    } else {
        text.push_str(&format!("faster with {}", list(&faster)));
    }
    if !slower.is_empty() {
        text.push_str(&format!("; slower with {}", list(&slower)));
    }
    if rest > 0 {
        text.push_str(&format!(
            "; of {} no difference is shown",
            count(rest as u64, "other")
        ));
    }
    text.push('.');
    for (lever, reason) in &of.cannot {
        text.push_str(&format!(
            " `{lever}` was not measured: {}.",
            literal(reason)
        ));
    }
    text
}

fn base(findings: &Findings, of: &Levers) -> String {
    let cell = findings.facts.cell(&of.base);
    let acquire = cell.and_then(|cell| cell.cell.params.get(results::Param::Acquire));
    let allocator = cell.and_then(|cell| cell.cell.params.get(results::Param::Allocator));
    let words = [Some(of.workload.as_str()), acquire, allocator];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn table(findings: &Findings, of: &Levers) -> Table {
    let columns = [
        "lever",
        "otherwise",
        "cell",
        ">median",
        ">95 % interval",
        ">more",
        ">95 % interval",
        ">of the start (95 %)",
        "verdict",
    ];
    let title = format!("{}: {}", base(findings, of), of.family.method());
    let mut table = Table::new(title, &columns);
    for (moved, member) in of.rows() {
        let Some(cell) = findings.facts.cell(&moved.cell) else {
            continue;
        };
        let shift = |text: fn(&findings::comparison::Effect, Unit) -> String| {
            or_dash(member.shift.as_ref().map(|it| text(it, Unit::Nanoseconds)))
        };
        let fields = [
            format!("`{}`", moved.lever),
            format!("`{}`", moved.otherwise),
            linked(&names(&[cell]), cell),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            shift(findings::comparison::Effect::difference_text),
            shift(findings::comparison::Effect::difference_interval_text),
            Comparison::ratio_text(member),
            member.label(),
        ];
        table.row_about(&of.workload, &[cell.system()], fields);
    }
    table
}
