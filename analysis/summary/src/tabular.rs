//! Rows of text, parted by commas: RFC 4180.

use std::borrow::Cow;
use std::collections::BTreeSet;

use findings::statistics::Interval;
use findings::{CellFacts, Findings, Measure};
use results::Param;

/// A header and rows as CSV. The only place that writes any.
pub fn csv<H, R, F>(header: H, rows: impl IntoIterator<Item = R>) -> Vec<u8>
where
    H: IntoIterator<Item: AsRef<str>>,
    R: IntoIterator<Item = F>,
    F: AsRef<str>,
{
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header: Vec<_> = header.into_iter().collect();
    let header = header.iter().map(|name| inert(name.as_ref()).into_owned());
    let written = writer.write_record(header).and_then(|()| {
        let mut rows = rows.into_iter();
        rows.try_for_each(|row| {
            let fields = row.into_iter().map(|it| inert(it.as_ref()).into_owned());
            writer.write_record(fields.collect::<Vec<_>>())
        })
    });
    written.expect("rows are as long as their header, and a vector takes all bytes");
    let bytes = writer.into_inner();
    bytes.unwrap_or_else(|_| unreachable!("a vector takes all bytes"))
}

/// A field that no spreadsheet takes for a formula: with an apostrophe before what begins one. Numbers
/// stay numbers.
fn inert(field: &str) -> Cow<'_, str> {
    const BEGIN_FORMULAS: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    // Some leave blanks out before they look.
    let begins = field.trim_start_matches(' ').starts_with(BEGIN_FORMULAS);
    if begins && field.parse::<f64>().is_err() {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
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
        let counted = total.filter(|total| *total > 0.0 && phase.name.counts());
        let share = counted.map(|total| phase.median_ns / total);
        let median = Some(phase.median_ns);
        row(phase.name.name(), phase.n, median, phase.interval_ns, share)
    });
    std::iter::once(first).chain(phases).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula_and_numbers_stay_numbers() {
        let bad = [
            "=HYPERLINK(\"http://example.org\")",
            "+1+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            " =1",
            "\u{ff1d}1",
        ];
        for field in bad {
            assert_eq!(inert(field), format!("'{field}"));
        }
        for field in ["-3", "-1.5e-7", "+4", "a=b", "", "native", "'"] {
            assert_eq!(inert(field), field);
        }
        let text = String::from_utf8(csv(["=a"], [["-1"], ["=2"]])).unwrap();
        assert_eq!(text, "'=a\n-1\n'=2\n");
    }
}
