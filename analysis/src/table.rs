//! The phase table, and the same as CSV.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use results::Phase;

use crate::label::Labels;
use crate::summary::{CellSummary, Summary};
use findings::median::Estimate;
use findings::units::{nanoseconds, percent};

/// One table a workload: a row for each configuration, a column for each phase, in a cell the
/// median and its share of the total, beneath them its 95 % interval. Columns that `width` has no
/// room for go on below.
pub fn tables(summary: &Summary, width: usize) -> String {
    let mut text = String::new();
    for workload in summary.workloads() {
        let cells: Vec<_> = summary.of_workload(workload).collect();
        let labels = Labels::of(cells.iter().copied());
        text.push_str(&format!(
            "{workload}: median, share of the total, [95 % interval]\n"
        ));
        let unsaid = labels.unsaid();
        if !unsaid.is_empty() {
            text.push_str(&format!("where nothing else is said: {unsaid}\n"));
        }
        let rows: Vec<_> = cells.iter().map(|cell| row_head(&labels, cell)).collect();
        let columns = columns(&cells);
        let head_width =
            widest(rows.iter().flat_map(|row| row.split('\n'))).max("configuration".len());
        for some in fit(&columns, width.saturating_sub(head_width + 2)) {
            text.push_str(&render(&rows, some));
            text.push_str("\n\n");
        }
        text.push_str(&remarks(&labels, &cells));
        text.push('\n');
    }
    text.push_str(&controls(summary));
    text
}

struct Column {
    head: String,
    cells: Vec<String>,
}

impl Column {
    fn width(&self) -> usize {
        widest(
            self.cells
                .iter()
                .flat_map(|cell| cell.split('\n'))
                .chain(self.head.split('\n')),
        ) + 2
    }
}

fn widest<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    lines.map(|line| line.chars().count()).max().unwrap_or(0)
}

fn row_head(labels: &Labels, cell: &CellSummary) -> String {
    format!("{}\n  n = {}", labels.name(cell), cell.ok)
}

fn columns(cells: &[&CellSummary]) -> Vec<Column> {
    let total = cells
        .iter()
        .map(|cell| shown(cell.total.as_ref(), None))
        .collect();
    let mut columns = vec![Column {
        head: "total".to_owned(),
        cells: total,
    }];
    let present = |name: Phase| cells.iter().any(|cell| cell.phase(name).is_some());
    let phase = |name: Phase, head: &str| Column {
        head: head.to_owned(),
        cells: cells.iter().map(|cell| shown_phase(cell, name)).collect(),
    };
    let mut acquired = false;
    for name in Phase::ALL.into_iter().filter(|name| present(*name)) {
        if !name.acquires() {
            columns.push(phase(name, &name.name().replace('_', "\n")));
        } else if !acquired {
            acquired = true;
            // One column for the six: each start has exactly one of them, and its row says which.
            let cells = cells.iter().map(|cell| {
                let its = cell.phases.iter().find(|phase| phase.name.acquires());
                its.map_or_else(String::new, |its| shown_phase(cell, its.name))
            });
            columns.push(Column {
                head: "compile\nor load".to_owned(),
                cells: cells.collect(),
            });
        }
    }
    columns
}

fn shown_phase(cell: &CellSummary, name: Phase) -> String {
    cell.phase(name)
        .map_or_else(String::new, |phase| shown(Some(&phase.time), phase.share))
}

fn shown(time: Option<&Estimate>, share: Option<f64>) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let interval = match time.interval {
        Some((low, high)) => interval(low as f64, high as f64),
        None => "[n < 6]".to_owned(),
    };
    let share = share.map_or_else(String::new, |share| format!("  {}", percent(share)));
    format!("{}{share}\n{interval}", nanoseconds(time.value))
}

/// Both ends, and the unit once where it is the same.
pub(crate) fn interval(low: f64, high: f64) -> String {
    let (low, high) = (nanoseconds(low), nanoseconds(high));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, unit)), Some((_, other))) if unit == other => {
            format!("[{low}, {}]", high.trim_end_matches(unit).trim())
        }
        _ => format!("[{low}, {high}]"),
    }
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

/// One line, below the heading. Between rows of two lines each there would be half as many lines
/// again.
pub(crate) const RULED: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─'));

fn render(rows: &[String], columns: &[Column]) -> String {
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(
        std::iter::once("configuration").chain(columns.iter().map(|column| column.head.as_str())),
    );
    for (at, row) in rows.iter().enumerate() {
        table.add_row(
            std::iter::once(row.as_str())
                .chain(columns.iter().map(|column| column.cells[at].as_str())),
        );
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

/// Cells with samples that do not count or were disturbed.
fn remarks(labels: &Labels, cells: &[&CellSummary]) -> String {
    let mut text = String::new();
    for cell in cells {
        let name = labels.name(cell);
        let parts = [
            (cell.failed, "failed"),
            (cell.skipped, "skipped"),
            (cell.noisy, "noisy, and counted"),
        ];
        let said: Vec<_> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        if !said.is_empty() {
            let reason = cell
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| format!(": {reason}"));
            text.push_str(&format!("  {name}: {}{reason}\n", said.join(", ")));
        }
    }
    text
}

/// What the A/A pairs say.
pub(crate) fn controls(summary: &Summary) -> String {
    let Some(floor) = summary.noise_floor else {
        return "no A/A pair was measured: this run cannot say which differences are noise\n"
            .to_owned();
    };
    let pairs = summary.controls.len();
    let apart = summary
        .controls
        .iter()
        .filter(|control| control.apart)
        .count();
    let drift = if apart > 0 {
        format!(
            "; in {apart} of them even the intervals are apart: the machine drifted, trust no \
                small difference"
        )
    } else {
        String::new()
    };
    format!(
        "A/A control: {pairs} {} measured twice under two names; medians differ by up to {}, and \
            no smaller difference is called one{drift}\n",
        if pairs == 1 { "cell" } else { "cells" },
        percent(floor)
    )
}

/// One line for each cell and phase, and one for each cell's total: nanoseconds, RFC 4180.
pub fn csv(summary: &Summary) -> String {
    let mut keys: Vec<_> = summary
        .cells
        .iter()
        .flat_map(|cell| cell.cell.params.keys())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut text = String::from("system,workload,scenario");
    keys.iter()
        .for_each(|key| text.push_str(&format!(",{key}")));
    text.push_str(",phase,n,failed,skipped,noisy,median_ns,low_ns,high_ns,share\r\n");
    for cell in &summary.cells {
        let mut line = |phase: &str, time: Option<&Estimate>, share: Option<f64>| {
            let Estimate { value, interval, n } = time.copied().unwrap_or(Estimate {
                value: f64::NAN,
                interval: None,
                n: 0,
            });
            let mut fields = vec![
                quoted(&cell.cell.system),
                quoted(&cell.cell.workload),
                cell.cell.scenario.name().to_owned(),
            ];
            fields.extend(keys.iter().map(|key| {
                cell.cell
                    .params
                    .get(*key)
                    .map_or_else(String::new, |value| quoted(value))
            }));
            fields.extend([phase.to_owned(), n.to_string()]);
            fields.extend([cell.failed, cell.skipped, cell.noisy].map(|count| count.to_string()));
            fields.push(if n > 0 {
                format!("{value}")
            } else {
                String::new()
            });
            fields.push(interval.map_or_else(String::new, |(low, _)| low.to_string()));
            fields.push(interval.map_or_else(String::new, |(_, high)| high.to_string()));
            fields.push(share.map_or_else(String::new, |share| format!("{share:.6}")));
            text.push_str(&(fields.join(",") + "\r\n"));
        };
        line("total", cell.total.as_ref(), None);
        cell.phases
            .iter()
            .for_each(|phase| line(phase.name.name(), Some(&phase.time), phase.share));
    }
    text
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
