//! Numbers and names as the report tells them.

use super::facts::{CellFacts, Measure};
use super::naming::Names;
use crate::plot::Unit;

/// The median of a measure, or a dash.
pub(crate) fn median(cell: &CellFacts, measure: Measure) -> String {
    shown(cell.median(measure), measure.unit())
}

/// A value, or a dash.
pub(crate) fn shown(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "–".to_owned(), |value| unit.shown(value))
}

/// The 95 % interval of the median of a measure, or how many samples there are for it.
pub(crate) fn interval(cell: &CellFacts, measure: Measure) -> String {
    match (cell.interval(measure), cell.values(measure).len()) {
        (Some(ends), _) => span(ends, measure.unit()),
        (None, 0) => "–".to_owned(),
        (None, n) => format!("n = {n}: none"),
    }
}

/// Both ends, with one unit if they have the same.
pub(crate) fn span((low, high): (f64, f64), unit: Unit) -> String {
    let (low, high) = (unit.shown(low), unit.shown(high));
    match (low.rsplit_once(' '), high.rsplit_once(' ')) {
        (Some((number, one)), Some((_, two))) if one == two => format!("{number}–{high}"),
        _ => match low.strip_suffix('×') {
            Some(number) => format!("{number}–{high}"),
            None => format!("{low}–{high}"),
        },
    }
}

/// The cell's name, as a link to its numbers.
pub(crate) fn linked(names: &Names, cell: &CellFacts) -> String {
    format!("[{}](#{})", names.name(&cell.cell), cell.id)
}

/// `1 sample`, `2 samples`.
pub(crate) fn count(n: u64, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", crate::plot::grouped(n as f64))
}

/// Names one after the other: `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// Cells ordered by the median of a measure, least first; those without it last.
pub(crate) fn by(cells: &mut [&CellFacts], measure: Measure) {
    let key = |cell: &CellFacts| cell.median(measure).unwrap_or(f64::INFINITY);
    cells.sort_by(|one, two| {
        key(one)
            .total_cmp(&key(two))
            .then_with(|| one.cell.cmp(&two.cell))
    });
}
