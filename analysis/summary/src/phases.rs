//! The phase table: a row for each configuration, a column for each phase.

use findings::statistics::Interval;
use findings::units::{Unit, nanoseconds, percent};
use findings::{CellFacts, Findings, Measure, Names};
use results::Phase;

use super::sentences;
use super::table::{ends, ruled};

/// One table a workload: in a cell the median and its share of the total, beneath them its 95 %
/// interval. Columns that `width` has no room for go on below.
pub(crate) fn render(findings: &Findings, width: usize) -> String {
    let mut text = String::new();
    for workload in findings.facts.workloads() {
        let all = findings.facts.cells.iter();
        let mut cells: Vec<&CellFacts> = all.filter(|it| it.cell.workload == *workload).collect();
        // Slowest first: what stands at the top is what there is to gain.
        let total = |cell: &CellFacts| cell.median(Measure::TotalNs).unwrap_or(f64::NEG_INFINITY);
        cells.sort_by(|one, two| total(two).total_cmp(&total(one)));
        let names = Names::new(cells.iter().map(|cell| &cell.cell));
        text.push_str(&format!(
            "{workload}: median, share of the total, [95 % interval]\n"
        ));
        let left_out = names.left_out();
        if !left_out.is_empty() {
            let left_out = left_out.join(" ");
            text.push_str(&format!("where a name says nothing else: {left_out}\n"));
        }
        let head =
            |cell: &&CellFacts| format!("{}\n  n = {}", names.name(&cell.cell), cell.counted());
        let heads: Vec<_> = cells.iter().map(head).collect();
        let columns = columns(&cells);
        let head_width = widest(heads.iter().flat_map(|head| head.split('\n')));
        let head_width = head_width.max("configuration".len());
        for some in fit(&columns, width.saturating_sub(head_width + 2)) {
            text.push_str(&piece(&heads, some));
            text.push_str("\n\n");
        }
        text.push_str(&remarks(&names, &cells));
        text.push('\n');
    }
    text + &sentences::controls(findings)
}

struct Column {
    head: String,
    cells: Vec<String>,
}

impl Column {
    fn width(&self) -> usize {
        let lines = self.cells.iter().flat_map(|cell| cell.split('\n'));
        widest(lines.chain(self.head.split('\n'))) + 2
    }
}

fn widest<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    lines.map(|line| line.chars().count()).max().unwrap_or(0)
}

fn columns(cells: &[&CellFacts]) -> Vec<Column> {
    let total = |cell: &&CellFacts| {
        let median = cell.median(Measure::TotalNs)?;
        Some(field(median, cell.interval(Measure::TotalNs), None))
    };
    let mut columns = vec![Column {
        head: "total".to_owned(),
        cells: cells
            .iter()
            .map(|it| total(it).unwrap_or_default())
            .collect(),
    }];
    let mut is_acquired = false;
    for name in Phase::ALL {
        if !cells.iter().any(|cell| cell.phase(name).is_some()) {
            continue;
        }
        if !name.acquires() {
            columns.push(Column {
                head: name.name().replace('_', "\n"),
                cells: cells.iter().map(|cell| phase(cell, name)).collect(),
            });
        } else if !is_acquired {
            is_acquired = true;
            // One column for the six: each start has exactly one of them, and its row says which.
            let acquired = |cell: &&CellFacts| {
                let own = cell.phases.iter().find(|it| it.name.acquires());
                own.map_or_else(String::new, |own| phase(cell, own.name))
            };
            columns.push(Column {
                head: "compile\nor load".to_owned(),
                cells: cells.iter().map(acquired).collect(),
            });
        }
    }
    columns
}

fn phase(cell: &CellFacts, name: Phase) -> String {
    let Some(phase) = cell.phase(name) else {
        return String::new();
    };
    let total = cell
        .median(Measure::TotalNs)
        .filter(|total| *total > 0.0 && name.counts());
    let share = total.map(|total| phase.median_ns / total);
    field(phase.median_ns, phase.interval_ns, share)
}

fn field(median: f64, interval: Option<Interval>, share: Option<f64>) -> String {
    let interval = interval.map_or_else(
        || "[n < 6]".to_owned(),
        |interval| ends(interval, Unit::Nanoseconds),
    );
    let share = share.map_or_else(String::new, |share| format!("  {}", percent(share)));
    format!("{}{share}\n{interval}", nanoseconds(median))
}

/// Cuts the columns into pieces that are at most `width` wide; one that is wider still stands
/// alone.
fn fit(columns: &[Column], width: usize) -> Vec<&[Column]> {
    let (mut pieces, mut from, mut used) = (Vec::new(), 0, 0);
    for (at, column) in columns.iter().enumerate() {
        if at > from && used + column.width() > width {
            pieces.push(&columns[from..at]);
            (from, used) = (at, 0);
        }
        used += column.width();
    }
    pieces.push(&columns[from..]);
    pieces
}

fn piece(heads: &[String], columns: &[Column]) -> String {
    let titles = columns.iter().map(|column| column.head.as_str());
    let head: Vec<&str> = std::iter::once("configuration").chain(titles).collect();
    let rows = heads.iter().enumerate().map(|(at, head)| {
        let fields = columns.iter().map(|column| column.cells[at].clone());
        std::iter::once(head.clone()).chain(fields).collect()
    });
    ruled(&head, rows)
}

/// Cells with samples that do not count or were disturbed.
fn remarks(names: &Names, cells: &[&CellFacts]) -> String {
    let mut text = String::new();
    for cell in cells {
        let parts = [
            (cell.failed.len(), "failed"),
            (cell.skipped.len(), "skipped"),
            (cell.noisy.len(), "noisy, and counted"),
        ];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        if !parts.is_empty() {
            let reason = cell.reasons.keys().next();
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let name = names.name(&cell.cell);
            text.push_str(&format!("  {name}: {}{reason}\n", parts.join(", ")));
        }
    }
    text
}
