//! Numbers and names as reports write them.

use findings::statistics::Interval;
use findings::units::{Unit, grouped};
use findings::{CellFacts, Measure, Names};

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "–";

/// A text, or a dash.
pub(crate) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| NOTHING.to_owned())
}

/// A value, or a dash.
pub(crate) fn value(value: Option<f64>, unit: Unit) -> String {
    or_dash(value.map(|value| unit.shown(value)))
}

/// The median of a measure, or a dash.
pub(crate) fn median(cell: &CellFacts, measure: Measure) -> String {
    or_dash(cell.median_text(measure))
}

/// The 95 % interval of the median of a measure, or how many samples there are for it.
pub(crate) fn interval(cell: &CellFacts, measure: Measure) -> String {
    match (cell.interval(measure), cell.values(measure).len()) {
        (Some(ends), _) => span(ends, measure.unit()),
        (None, 0) => NOTHING.to_owned(),
        (None, n) => format!("n = {n}: none"),
    }
}

/// Both ends, or a dash.
pub(crate) fn ends(interval: Option<Interval>, unit: Unit) -> String {
    or_dash(interval.map(|interval| span(interval, unit)))
}

/// Both ends, with one unit if they have the same.
pub(crate) fn span(interval: Interval, unit: Unit) -> String {
    let (low, high) = (unit.shown(interval.low), unit.shown(interval.high));
    match (low.rsplit_once(' '), high.rsplit_once(' ')) {
        (Some((number, one)), Some((_, two))) if one == two => format!("{number}–{high}"),
        _ => match low.strip_suffix('×') {
            Some(number) => format!("{number}–{high}"),
            None => format!("{low}–{high}"),
        },
    }
}

/// Ends of an interval as pictures take them.
pub(crate) fn pair(interval: Interval) -> (f64, f64) {
    (interval.low, interval.high)
}

/// The cell's name, as a link to its numbers.
pub(crate) fn linked(names: &Names, cell: &CellFacts) -> String {
    format!("[{}](#{})", names.name(&cell.cell), cell.id)
}

/// Names for cells of one table.
pub(crate) fn names<'a>(cells: impl IntoIterator<Item = &'a &'a CellFacts>) -> Names {
    Names::new(cells.into_iter().map(|cell| &cell.cell))
}

/// `1 sample`, `2 samples`.
pub(crate) fn count(n: u64, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(n as f64))
}

/// Names one after the other: `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// The systems of cells, each once, under their first names.
pub(crate) fn systems<'a>(cells: impl IntoIterator<Item = &'a &'a CellFacts>) -> Vec<String> {
    let mut systems: Vec<String> = cells
        .into_iter()
        .map(|cell| cell.system().to_owned())
        .collect();
    systems.sort_unstable();
    systems.dedup();
    systems
}
