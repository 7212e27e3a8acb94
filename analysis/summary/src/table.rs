//! Tables and numbers of a terminal.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use findings::statistics::Interval;
use findings::units::Unit;
use findings::{CellFacts, Measure};

/// One line, below the heading. Between rows of two lines each there would be half as many lines
/// again.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "–";

/// Rows below a heading, numbers to the right.
pub(crate) fn ruled<S: AsRef<str>>(
    head: &[S],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.iter().map(AsRef::as_ref));
    rows.into_iter().for_each(|row| _ = table.add_row(row));
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

/// A table with a title; nothing if there are no rows.
pub(crate) fn titled(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!("{title}\n{}\n\n", ruled(head, rows))
}

/// A value, or a dash.
pub(crate) fn value(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| unit.shown(value))
}

/// The median of a measure, or a dash.
pub(crate) fn median(cell: &CellFacts, measure: Measure) -> String {
    cell.median_text(measure)
        .unwrap_or_else(|| NOTHING.to_owned())
}

/// The interval of the median of a measure.
pub(crate) fn interval(cell: &CellFacts, measure: Measure) -> String {
    match (cell.interval(measure), cell.values(measure).is_empty()) {
        (Some(interval), _) => ends(interval, measure.unit()),
        (None, false) => "n < 6".to_owned(),
        (None, true) => String::new(),
    }
}

/// Both ends, and the unit once where it is the same.
pub(crate) fn ends(interval: Interval, unit: Unit) -> String {
    let (low, high) = (unit.shown(interval.low), unit.shown(interval.high));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, one)), Some((_, two))) if one == two => {
            format!("[{low}, {}]", high.trim_end_matches(one).trim())
        }
        _ => format!("[{low}, {high}]"),
    }
}
