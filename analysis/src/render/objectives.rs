//! Which systems meet what a person asked for.

use findings::questions::objectives::{ConditionMet, Met, Objective};
use findings::units::Unit;
use findings::{Findings, Names};

use crate::document::{Section, Table};

/// The section, if anything was asked.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    if findings.objectives.is_empty() {
        return None;
    }
    let mut section = Section::new("objectives", "Which systems meet what was asked for?");
    section.question = "Which system";
    section.text(
        "For each condition, of each system the cell that meets it best; the cells of one row may \
            differ in how code is acquired.",
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
    let cell = of.cell.as_ref().and_then(|id| findings.facts.cell(id));
    let (Some(cell), Some(value)) = (cell, of.value) else {
        return of.met.to_string();
    };
    let name = Names::new([&cell.cell]).name(&cell.cell);
    let beyond = of.of_limit.filter(|_| of.met == Met::No);
    let beyond = beyond.map(|times| format!(", {} of the limit", Unit::Times.shown(times)));
    format!(
        "{}: [{}](#{}) with {name}{}",
        of.met,
        unit.shown(value),
        cell.id,
        beyond.unwrap_or_default()
    )
}
