//! Virtual machines that no hardware runs, apart from everything else.

use findings::questions::virtual_machines::Apart;
use findings::units::nanoseconds;
use findings::{Findings, Names};
use results::Phase;

use super::cells_of;
use super::format::{interval, median, or_dash};
use crate::document::{Section, Table};

/// The phases that a column each is given.
const PHASES: [Phase; 7] = [
    Phase::Spawn,
    Phase::Vmm,
    Phase::Boot,
    Phase::Init,
    Phase::Load,
    Phase::Connect,
    Phase::Respond,
];

/// The section, if there are such machines.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.virtual_machines;
    all.first()?;
    let mut section = Section::new(
        "virtual-machines-apart",
        "Virtual machines without hardware: shown, and compared with nothing",
    );
    section.question = "Starts";
    let mut sentences: Vec<_> = all.iter().map(Apart::sentence).collect();
    sentences.dedup();
    sentences.sort();
    sentences.dedup();
    section.list(sentences);
    for of in all {
        section.table(table(findings, of));
    }
    Some(section)
}

fn table(findings: &Findings, of: &Apart) -> Table {
    let cells = cells_of(findings, &of.cells);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let title = format!(
        "{}, {}: `virtualisation={}`",
        of.workload,
        of.scenario.name(),
        results::values::Named::name(of.virtualisation)
    );
    let mut columns = vec![
        "system".to_owned(),
        ">n".to_owned(),
        format!(">{}", of.measure.name()),
        ">95 % interval".to_owned(),
    ];
    let phases: Vec<_> = PHASES
        .into_iter()
        .filter(|phase| cells.iter().any(|cell| cell.phase(*phase).is_some()))
        .collect();
    columns.extend(phases.iter().map(|phase| format!(">{}", phase.name())));
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(title, &columns);
    for cell in cells {
        let mut fields = vec![
            format!("[{}](#{})", names.name(&cell.cell), cell.id),
            cell.counted(),
            median(cell, of.measure),
            interval(cell, of.measure),
        ];
        let of_phase = |phase: &Phase| {
            let facts = cell.phase(*phase);
            or_dash(facts.map(|facts| nanoseconds(facts.median_ns)))
        };
        fields.extend(phases.iter().map(of_phase));
        table.row_about(&of.workload, &[cell.system()], fields);
    }
    table
}
