//! Each system's start in every kind of cold.

use findings::comparison::Comparison;
use findings::questions::kinds_of_cold::{KindsOfCold, Row};
use findings::{Findings, Measure};
use results::names::FileName;
use results::record::Scenario;

use super::format::{median, or_dash, pair};
use super::starts::meaning;
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Dot, DotRow, draw_dots};

/// The section, if anything was started in more than one kind of cold.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.kinds_of_cold;
    let first = all.first()?;
    let mut section = Section::new("kinds-of-cold", title(findings, first));
    section.question = "Starts";
    let kinds = Scenario::STARTS.map(|it| format!("`{}`: {}", it.name(), meaning(it)));
    section.text(
        "What is cold decides more than what is started. Of each system the usual start in each \
            kind of cold. A kind that has no meaning for a system has no figure: nothing of a native \
            program is compiled when it starts, and only engines of images pull them. Starts that \
            compile are compared with the native program's in memory.",
    );
    section.list(kinds.to_vec());
    for of in all {
        let title = format!("{}: starts in every kind of cold", of.workload);
        let dots = dots(of);
        // Nothing is drawn of ratios that there are none of: one system alone, or no native program.
        if dots.is_empty() {
            section.table(table(findings, of, title));
        } else {
            section
                .blocks
                .push(Block::Figure(figure(findings, of, title, &dots)));
        }
    }
    Some(section)
}

/// What stands for WebAssembly against the native program, with nothing in memory and with
/// everything.
fn title(findings: &Findings, of: &KindsOfCold) -> String {
    let ratio = |kind: usize| {
        let standing =
            findings
                .facts
                .stands_for(&of.workload, Scenario::STARTS[kind], systems::Kind::Wasm)?;
        let row = of
            .rows
            .iter()
            .find(|it| it.system == standing.cell.system)?;
        let verdict = of.verdict(row, kind)?;
        Some((standing.system().to_owned(), verdict.ratio_text()))
    };
    let (first, last) = (0, Scenario::STARTS.len() - 1);
    match (ratio(first), ratio(last)) {
        (Some((system, cold)), Some((_, warm))) => format!(
            "{}: a start of {system} takes {cold} native's with nothing in memory, and {warm} with \
                everything",
            of.workload
        ),
        _ => format!("{}: starts in every kind of cold", of.workload),
    }
}

fn figure(findings: &Findings, of: &KindsOfCold, title: String, dots: &[DotRow]) -> Figure {
    Figure {
        id: FileName::of(&format!("{}-kinds-of-cold", of.workload)),
        caption: format!(
            "Times the native program's time, of medians with 95 % intervals; `{}` is compared with \
                the native program's `{}`.{}",
            Scenario::CodeCold.name(),
            Scenario::WarmDisk.name(),
            of.family
                .as_ref()
                .map_or_else(String::new, |family| format!(" ({})", family.method())),
        ),
        picture: draw_dots(dots, "times the native program's time"),
        table: table(findings, of, title.clone()),
        title,
        workload: Some(of.workload.to_string()),
        systems: of.rows.iter().map(|row| row.system.to_string()).collect(),
    }
}

/// The ratios of each kind of cold.
fn dots(of: &KindsOfCold) -> Vec<DotRow> {
    let row = |(kind, scenario): (usize, Scenario)| {
        let dot = |row: &Row| {
            let ratio = of.verdict(row, kind)?.ratio?;
            Some(Dot {
                label: row.system.to_string(),
                system: row.system.to_string(),
                ratio: ratio.estimate,
                interval: ratio.interval.map(pair),
            })
        };
        let dots: Vec<_> = of.rows.iter().filter_map(dot).collect();
        (!dots.is_empty()).then(|| DotRow {
            label: scenario.name().to_owned(),
            dots,
        })
    };
    let kinds = Scenario::STARTS.into_iter().enumerate();
    kinds.filter_map(row).collect()
}

fn table(findings: &Findings, of: &KindsOfCold, title: String) -> Table {
    let kinds = || Scenario::STARTS.into_iter().enumerate();
    let is_compared = |kind: usize| of.baselines[kind].is_some();
    let mut columns = vec!["system".to_owned()];
    for (kind, scenario) in kinds() {
        columns.push(format!(">{}", scenario.name()));
        if is_compared(kind) {
            columns.push(">of native (95 %)".to_owned());
        }
    }
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(title, &columns);
    for row in &of.rows {
        let mut fields = vec![row.system.to_string()];
        for (kind, _) in kinds() {
            let cell = row.cells[kind].as_ref();
            let cell = cell.and_then(|id| Some((id, findings.facts.cell(id)?)));
            let linked =
                cell.map(|(id, cell)| format!("[{}](#{id})", median(cell, Measure::TotalNs)));
            fields.push(or_dash(linked));
            if is_compared(kind) {
                let verdict = of.verdict(row, kind).map(Comparison::ratio_text);
                let is_baseline = row.cells[kind] == of.baselines[kind];
                fields.push(or_dash(verdict.or(is_baseline.then(|| "1".to_owned()))));
            }
        }
        table.row_about(&of.workload, &[row.system.as_str()], fields);
    }
    table
}
