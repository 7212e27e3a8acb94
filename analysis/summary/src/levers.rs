//! What should be switched on, as a table for each start.

use findings::questions::levers::Levers;
use findings::units::Unit;
use findings::{Findings, Measure};

use super::table::{median, titled};

/// Every start whose levers were moved.
pub(crate) fn render(findings: &Findings) -> String {
    let levers = findings.levers.iter();
    levers.map(|it| of_base(findings, it)).collect()
}

fn of_base(findings: &Findings, of: &Levers) -> String {
    let facts = &findings.facts;
    let rows = of.rows().filter_map(|(moved, member)| {
        let cell = facts.cell(&moved.cell)?;
        let shift = member.shift;
        let unit = Unit::Nanoseconds;
        Some(vec![
            moved.lever.clone(),
            moved.otherwise.clone(),
            median(cell, Measure::TotalNs),
            shift.map_or_else(String::new, |it| it.difference_text(unit)),
            shift.map_or_else(String::new, |it| it.difference_interval_text(unit)),
            member.n.to_string(),
            member.ratio_text(),
            member.label(),
        ])
    });
    let base = facts.cell(&of.base);
    let base = base.map(|base| (base.cell.to_string(), median(base, Measure::TotalNs)));
    let (base, total) = base.unwrap_or_default();
    let mut text = titled(
        &format!(
            "what should be switched on? one lever moved at a time, against {base} ({total}): {}",
            of.family.method()
        ),
        &[
            "lever",
            "otherwise",
            "total",
            "more",
            "95 % interval",
            "n",
            "of it (95 %)",
            "verdict",
        ],
        rows.collect(),
    );
    for (lever, reason) in &of.cannot {
        text.push_str(&format!("{lever} was not measured: {reason}\n"));
    }
    text
}
