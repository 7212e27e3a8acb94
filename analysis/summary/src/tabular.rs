//! Rows of text, parted by commas: RFC 4180.

use std::collections::BTreeSet;

use findings::statistics::Interval;
use findings::{CellFacts, Findings, Measure};
use results::Param;

/// A header and rows as CSV. The only place that writes any.
pub fn csv<H, R, F>(header: H, rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    H: IntoIterator<Item: AsRef<[u8]>>,
    R: IntoIterator<Item = F>,
    F: AsRef<[u8]>,
{
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(header).and_then(|()| {
        let mut rows = rows.into_iter();
        rows.try_for_each(|row| writer.write_record(row))
    });
    written.expect("rows are as long as their header, and a vector takes all bytes");
    let bytes = writer.into_inner();
    bytes.unwrap_or_else(|_| unreachable!("a vector takes all bytes"))
}

/// One row for each cell's total and each of its phases, in nanoseconds.
pub fn cells_csv(findings: &Findings) -> Vec<u8> {
    let cells = &findings.facts.cells;
    let keys: BTreeSet<&Param> = cells.iter().flat_map(|it| it.cell.params.keys()).collect();
    let tail = [
        "phase",
        "n",
        "failed",
        "skipped",
        "given_up",
        "fails_often",
        "noisy",
        "median_ns",
        "low_ns",
        "high_ns",
        "share",
    ];
    let header = ["system", "workload", "scenario"]
        .into_iter()
        .chain(keys.iter().map(|key| key.name()))
        .chain(tail);
    csv(header, cells.iter().flat_map(|cell| rows(cell, &keys)))
}

fn rows(cell: &CellFacts, keys: &BTreeSet<&Param>) -> Vec<Vec<String>> {
    let row = |name: &str,
               n: usize,
               median: Option<f64>,
               interval: Option<Interval>,
               part: Option<f64>| {
        let head = [
            cell.cell.system.as_str(),
            &cell.cell.workload,
            cell.cell.scenario.name(),
        ];
        let params = keys.iter().map(|key| cell.cell.params.get(*key));
        let counts = [
            n,
            cell.failed.len(),
            cell.skipped.len(),
            cell.gave_up.len(),
            usize::from(cell.fails_often()),
            cell.noisy.len(),
        ];
        let number = |value: Option<f64>| value.map_or_else(String::new, |it| it.to_string());
        let tail = [
            number(median),
            number(interval.map(|it| it.low)),
            number(interval.map(|it| it.high)),
            part.map_or_else(String::new, |it| format!("{it:.6}")),
        ];
        head.into_iter()
            .map(str::to_owned)
            .chain(params.map(|it| it.unwrap_or_default().to_owned()))
            .chain([name.to_owned()])
            .chain(counts.map(|count| count.to_string()))
            .chain(tail)
            .collect::<Vec<String>>()
    };
    let total = cell.median(Measure::TotalNs);
    let n = cell.values(Measure::TotalNs).len();
    let first = row("total", n, total, cell.interval(Measure::TotalNs), None);
    let phases = cell.phases.iter().map(|phase| {
        let counted = total.filter(|_| phase.name.counts());
        let share = counted.map(|total| phase.median_ns / total);
        let median = Some(phase.median_ns);
        row(phase.name.name(), phase.n, median, phase.interval_ns, share)
    });
    std::iter::once(first).chain(phases).collect()
}
