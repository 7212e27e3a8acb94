//! Values as bars from zero, with their intervals and what was made of them.

use findings::units::Unit;
use plotters::element::{EmptyElement, Text};
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Scale};
use super::backend::steps;
use super::chart::{RowChart, Sides, draw_labels, draw_row_frame, height_of_rows};
use super::element::{Interval, Lie, Mark, TitledRectangle};
use super::paint::{Paint, Role};
use super::palette;
use super::picture::{Drawn, Picture, label_room, text_width};

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// The system whose look it has.
    pub system: String,
    /// How long it is.
    pub value: f64,
    /// Whether it is at least so long, and perhaps longer.
    pub is_lower_bound: bool,
    /// The interval of the value.
    pub interval: Option<(f64, f64)>,
    /// A mark beside the value: the verdict of a comparison.
    pub mark: String,
}

const ROW: f64 = 25.0;

/// Half of a bar's height, in rows.
const HALF: f64 = 0.3;

/// Draws bars one below the other. `what` is what the axis counts.
pub fn draw_bars(rows: &[Bar], unit: Unit, what: &str) -> Picture {
    let room = label_room(rows.iter().map(|row| row.label.as_str()), 380.0);
    let note = rows
        .iter()
        .map(|row| text_width(&value_of(row, unit), 11.0))
        .fold(40.0, f64::max);
    let sides = Sides {
        left: room + 32.0,
        right: note + 14.0,
    };
    let scale = Scale::from_zero(rows.iter().map(end_of));
    let values = rows
        .iter()
        .map(|row| format!("{}: {}", row.label, value_of(row, unit)));
    let summary = format!("Bars. {}", values.collect::<Vec<_>>().join("; "));
    Picture::draw(height_of_rows(rows.len(), ROW), summary, |area| {
        let axis = Axis::lying(scale, unit, what, sides.frame_width());
        let mut chart = draw_row_frame(area, axis, rows.len(), sides)?;
        draw_labels(
            &mut chart,
            rows.iter().map(|row| row.label.as_str()),
            22.0,
            room + 6.0,
        )?;
        draw_rows(&mut chart, rows, unit)
    })
}

fn value_of(row: &Bar, unit: Unit) -> String {
    let at_least = if row.is_lower_bound { "≥ " } else { "" };
    let value = format!("{at_least}{}", unit.shown(row.value));
    if row.mark.is_empty() {
        value
    } else {
        format!("{value} {}", row.mark)
    }
}

/// Where a bar and its interval end.
fn end_of(row: &Bar) -> f64 {
    row.interval
        .map_or(row.value, |(_, high)| high.max(row.value))
}

fn draw_rows(chart: &mut RowChart, rows: &[Bar], unit: Unit) -> Drawn {
    let middle = |index: usize| index as f64 + 0.5;
    chart.draw_series(rows.iter().enumerate().map(|(index, row)| {
        let look = palette::system(&row.system);
        EmptyElement::at((0.0, middle(index))) + Mark::new((steps(-11.0), 0), look)
    }))?;
    chart.draw_series(rows.iter().enumerate().map(|(index, row)| {
        let colour = palette::system(&row.system).colour;
        let corners = [
            (0.0, middle(index) - HALF),
            (row.value, middle(index) + HALF),
        ];
        let title = format!("{}: {}", row.label, value_of(row, unit));
        TitledRectangle::new(corners, Role::Bar.in_colour(colour), title)
    }))?;
    chart.draw_series(rows.iter().enumerate().filter_map(|(index, row)| {
        let (low, high) = row.interval?;
        let ends = [(low, middle(index)), (high, middle(index))];
        Some(Interval::new(ends, Lie::OnBar))
    }))?;
    chart.draw_series(rows.iter().enumerate().map(|(index, row)| {
        let style = Paint::from(Role::Ink).text(11.0, HPos::Left);
        EmptyElement::at((end_of(row), middle(index)))
            + Text::new(value_of(row, unit), (steps(7.0), 0), style)
    }))?;
    Ok(())
}
