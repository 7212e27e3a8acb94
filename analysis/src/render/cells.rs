//! Every cell with all of its numbers, and the places of its samples: where each figure of the
//! report leads back to.

use findings::cells::Measured;
use findings::statistics::Warning;
use findings::units::percent;
use findings::{CellFacts, Findings, Measure};
use results::names::FileName;

use super::format::{ends, span, value};
use crate::document::{Block, Row, Section, Table};

/// The section.
pub(super) fn render(findings: &Findings) -> Section {
    let mut section = Section::new(
        "cells",
        "Every cell, and the samples that its numbers are made of",
    );
    section.question = "Cells";
    section.text(
        "A cell is system × workload × scenario × parameters. Its samples are places in the run's \
            order: the field `order` of lines in `samples.jsonl`. The same numbers, unrounded, \
            are in `summary.json` and `summary.csv`.",
    );
    let mut table = Table::new(
        "Cells and their samples",
        &[
            "cell",
            ">ok",
            ">failed",
            ">skipped",
            ">noisy",
            "orders of samples that count",
        ],
    );
    table.folded = true;
    for cell in &findings.facts.cells {
        let counts = [
            cell.orders.len(),
            cell.failed.len(),
            cell.skipped.len(),
            cell.noisy.len(),
        ];
        let fields = [format!("`{}`", cell.cell)]
            .into_iter()
            .chain(counts.map(|n| n.to_string()))
            .chain([ranges(&cell.orders)]);
        table.rows.push(Row {
            anchor: Some(FileName::of(&cell.id)),
            fields: fields.collect(),
            workload: Some(cell.cell.workload.to_string()),
            systems: vec![cell.cell.system.original_name().to_owned()],
        });
    }
    section.table(table);
    let mut table = Table::new(
        "Every measure of every cell",
        &[
            "cell",
            "measure",
            ">n",
            ">median",
            ">95 % interval",
            ">mean",
            ">95 % t interval",
            ">quartiles",
            ">p90",
            ">p95",
            ">p99",
            ">MAD",
            ">without noisy",
            "warnings",
        ],
    );
    table.folded = true;
    for cell in &findings.facts.cells {
        for (measure, measured) in &cell.measures {
            let fields = measure_row(cell, *measure, measured);
            table.row_about(&cell.cell.workload, &[cell.system()], fields);
        }
    }
    section.table(table);
    section.text(
        "No p90 is stated below 100 samples, no p95 below 200 and no p99 below 1,000: ten values \
            must lie beyond a quantile, or the next run has another one.",
    );
    section.blocks.push(Block::Text(methods()));
    section
}

fn measure_row(cell: &CellFacts, measure: Measure, measured: &Measured) -> Vec<String> {
    let (name, unit) = (measure.name(), measure.unit());
    let all = &measured.all;
    vec![
        format!("[{}](#{})", cell.id, cell.id),
        format!("`{name}`"),
        all.n.to_string(),
        unit.shown(all.median),
        ends(all.median_interval, unit),
        unit.shown(all.mean),
        ends(all.mean_interval, unit),
        span(findings::statistics::Interval::new(all.q1, all.q3), unit),
        value(all.p90, unit),
        value(all.p95, unit),
        value(all.p99, unit),
        unit.shown(all.mad),
        value(measured.median_without_noisy, unit),
        warnings(cell, measured, measure),
    ]
}

/// What is to be known before a measure is trusted.
fn warnings(cell: &CellFacts, measured: &Measured, measure: Measure) -> String {
    let own = measured.all.warnings();
    let bound = cell
        .is_lower_bound(measure)
        .then(|| "lower bound: the load generator was at its limit".to_owned());
    let steadiness = cell.steadiness.filter(|_| measure == Measure::PerSecond);
    let unsteady = steadiness.and_then(|it| it.words());
    let own = own.iter().map(warning);
    own.chain(bound)
        .chain(unsteady.map(|words| format!("not steady: {words}")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// A warning in words.
fn warning(warning: &Warning) -> String {
    match warning {
        Warning::ExtremeOutliers { count } => format!("{count} extreme outliers"),
        Warning::Multimodal { p } => format!("more than one mode (p = {p:.3})"),
        Warning::Drift { change, .. } => format!("drifts by {} over the run", percent(*change)),
    }
}

/// Places in the order, neighbours joined: `0–3, 7`.
fn ranges(orders: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &order in orders {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == order => *last = order,
            _ => ranges.push((order, order)),
        }
    }
    let range = |(first, last): &(u64, u64)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}–{last}")
        }
    };
    // What is in this column of a large run would be megabytes; summary.json has all of it.
    let shown: Vec<_> = ranges.iter().take(60).map(range).collect();
    let rest = ranges.len().saturating_sub(60);
    if rest == 0 {
        shown.join(", ")
    } else {
        format!("{}, and {rest} more: see `summary.json`", shown.join(", "))
    }
}

fn methods() -> String {
    "How the numbers are made: intervals of medians are order statistics and assume no \
        distribution; ratios and differences are Hodges–Lehmann's with their intervals; what was \
        measured in the same blocks is compared within them and tested with Wilcoxon's signed \
        ranks, anything else with Mann–Whitney's U, exactly where samples are small and without \
        ties, and corrected by Holm over each table; requests within a process are summarised by process before anything \
        is compared: a quantile of a cell is the median of its processes' own, where ten requests \
        of each lie beyond it. What lies outside of Tukey's fences is counted and never dropped; drift \
        of a single cell is Mann and Kendall's test, several modes are Hartigan's dip test, both at \
        1 %; what all cells have in common is Friedman's and Page's tests over the blocks of the run, \
        with Doksum's contrasts for its size."
        .to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn neighbours_are_joined() {
        assert_eq!(super::ranges(&[0, 1, 2, 5, 7, 8]), "0–2, 5, 7–8");
    }
}
