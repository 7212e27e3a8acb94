//! Virtual machines that no hardware runs, apart from everything else.

use findings::Findings;
use findings::Names;
use findings::questions::virtual_machines::Apart;
use findings::units::nanoseconds;
use results::values::Named as _;

use super::table::{interval, median, titled};

/// A table for each kind of them, and why they stand apart.
pub(crate) fn render(findings: &Findings) -> String {
    let all = &findings.virtual_machines;
    let tables: String = all.iter().map(|of| table(findings, of)).collect();
    let mut sentences: Vec<_> = all.iter().map(Apart::sentence).collect();
    sentences.sort();
    sentences.dedup();
    if sentences.is_empty() {
        return tables;
    }
    format!("{tables}{}\n\n", sentences.join("\n"))
}

fn table(findings: &Findings, of: &Apart) -> String {
    let cells: Vec<_> = of
        .cells
        .iter()
        .filter_map(|id| findings.facts.cell(id))
        .collect();
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let rows = cells.iter().map(|cell| {
        let phases = cell.counted_phases();
        let phases: Vec<_> = phases
            .map(|it| format!("{} {}", it.name.name(), nanoseconds(it.median_ns)))
            .collect();
        vec![
            names.name(&cell.cell),
            cell.counted(),
            median(cell, of.measure),
            interval(cell, of.measure),
            phases.join(", "),
        ]
    });
    titled(
        &format!(
            "{}, {}, virtualisation={}: apart from all others, by `{}`",
            of.workload,
            of.scenario.name(),
            of.virtualisation.name(),
            of.measure.name()
        ),
        &["system", "n", "median", "95 % interval", "phases (medians)"],
        rows.collect(),
    )
}
