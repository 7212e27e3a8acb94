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
    /// The heading that it stands under, beside those with others; empty for none.
    pub group: &'static str,
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

/// A line of the picture.
enum Line<'a> {
    /// The name of the bars below it.
    Heading(&'static str),
    Bar(&'a Bar),
}

impl<'a> Line<'a> {
    /// Bars in their order, each run of one group under its name, where there are several groups.
    fn of(bars: &'a [Bar]) -> Vec<Self> {
        let mut lines = Vec::new();
        let groups = bars.chunk_by(|one, next| one.group == next.group);
        let has_headings = groups.clone().count() > 1;
        for group in groups {
            let heading = group.first().map(|bar| bar.group);
            let heading = heading.filter(|it| has_headings && !it.is_empty());
            lines.extend(heading.map(Self::Heading));
            lines.extend(group.iter().map(Self::Bar));
        }
        lines
    }

    fn label(&self) -> &str {
        match self {
            Self::Heading(_) => "",
            Self::Bar(bar) => &bar.label,
        }
    }
}

/// Draws bars one below the other, by groups. `what` is what the axis counts.
pub fn draw_bars(rows: &[Bar], unit: Unit, what: &str) -> Picture {
    let lines = Line::of(rows);
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
    Picture::draw(height_of_rows(lines.len(), ROW), summary, |area| {
        let axis = Axis::lying(scale, unit, what, sides.frame_width());
        let mut chart = draw_row_frame(area, axis, lines.len(), sides)?;
        draw_labels(&mut chart, lines.iter().map(Line::label), 22.0, room + 6.0)?;
        draw_headings(&mut chart, &lines)?;
        draw_rows(&mut chart, &lines, unit)
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

/// Writes the names of groups before the frame, lower in their lines: nearer to their bars.
fn draw_headings(chart: &mut RowChart, lines: &[Line<'_>]) -> Drawn {
    let headings = lines.iter().enumerate().filter_map(|(index, line)| {
        let Line::Heading(name) = line else {
            return None;
        };
        let style = Paint::from(Role::Muted).text(11.0, HPos::Right);
        let place = EmptyElement::at((0.0, index as f64 + 0.7));
        Some(place + Text::new((*name).to_owned(), (steps(-22.0), 0), style))
    });
    chart.draw_series(headings)?;
    Ok(())
}

fn draw_rows(chart: &mut RowChart, lines: &[Line<'_>], unit: Unit) -> Drawn {
    let middle = |index: usize| index as f64 + 0.5;
    let rows: Vec<(usize, &Bar)> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| match line {
            Line::Heading(_) => None,
            Line::Bar(bar) => Some((index, *bar)),
        })
        .collect();
    chart.draw_series(rows.iter().map(|&(index, row)| {
        let look = palette::system(&row.system);
        EmptyElement::at((0.0, middle(index))) + Mark::new((steps(-11.0), 0), look)
    }))?;
    chart.draw_series(rows.iter().map(|&(index, row)| {
        let colour = palette::system(&row.system).colour;
        let corners = [
            (0.0, middle(index) - HALF),
            (row.value, middle(index) + HALF),
        ];
        let title = format!("{}: {}", row.label, value_of(row, unit));
        TitledRectangle::new(corners, Role::Bar.in_colour(colour), title)
    }))?;
    chart.draw_series(rows.iter().filter_map(|&(index, row)| {
        let (low, high) = row.interval?;
        let ends = [(low, middle(index)), (high, middle(index))];
        Some(Interval::new(ends, Lie::OnBar))
    }))?;
    chart.draw_series(rows.iter().map(|&(index, row)| {
        let style = Paint::from(Role::Ink).text(11.0, HPos::Left);
        EmptyElement::at((end_of(row), middle(index)))
            + Text::new(value_of(row, unit), (steps(7.0), 0), style)
    }))?;
    Ok(())
}
