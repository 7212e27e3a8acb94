//! Which systems meet what a person asked for.

use findings::questions::objectives::{ConditionMet, Met, Objective};
use findings::units::Unit;
use findings::{Findings, Names};

use super::format::or_dash;
use crate::document::{Section, Table};

/// The section, if anything was asked.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    if findings.objectives.is_empty() {
        return None;
    }
    let mut section = Section::new("objectives", "Which systems meet what was asked for?");
    section.question = "Which system";
    section.text(
        "For each condition, the cell that stands for the system, named beforehand. \"Yes\" and \
            \"no\" take evidence: of the true value, and not only of the samples', a bound with \
            95 % confidence (\"at most\", \"at least\") must be within the limit, or beyond it. Bounds of quantiles are order \
            statistics, and of few samples there are none; a sample that failed is beyond every \
            limit; `max` is about the samples alone.",
    );
    for objective in &findings.objectives {
        match &objective.error {
            None => section.table(table(findings, objective)),
            Some(error) => section.text(error.clone()),
        }
    }
    Some(section)
}

fn table(findings: &Findings, objective: &Objective) -> Table {
    let mut columns = vec!["system", "workload", "meets it"];
    columns.extend(objective.conditions.iter().map(String::as_str));
    let mut table = Table::new(format!("`{}`", objective.text), &columns);
    for row in &objective.systems {
        let head = [
            row.system.clone(),
            row.workload.to_string(),
            row.met.to_string(),
        ];
        let conditions = row.conditions.iter().zip(&objective.units);
        let conditions = conditions.map(|(met, unit)| condition(findings, met, *unit));
        let fields = head.into_iter().chain(conditions);
        table.row_about(&row.workload, &[&row.system], fields);
    }
    table
}

fn condition(findings: &Findings, of: &ConditionMet, unit: Unit) -> String {
    let Some(cell) = of.cell.as_ref().and_then(|id| findings.facts.cell(id)) else {
        return of.met.to_string();
    };
    let name = Names::new([&cell.cell]).name(&cell.cell);
    let value = or_dash(of.value.map(|value| unit.shown(value)));
    let mut text = format!("{}: [{value}](#{}) with {name}", of.met, cell.id);
    if let Some(bound) = of.bound {
        let side = if of.is_below { "at most" } else { "at least" };
        text.push_str(&format!(", {side} {}", unit.shown(bound)));
    }
    if let Some(times) = of.of_limit.filter(|_| of.met == Met::No) {
        text.push_str(&format!(", {} the limit", Unit::Times.shown(times)));
    }
    if let Some(answered) = &of.answered {
        text.push_str(&format!(", {answered}"));
    }
    if let Some(needed) = of.needed {
        text.push_str(&format!(", a \"yes\" takes {needed} samples"));
    }
    text
}
