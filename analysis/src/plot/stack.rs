//! Starts as bars of phases, all on one axis from zero.

use findings::look;
use findings::units::Unit;
use plotters::element::{EmptyElement, PathElement, Text};
use plotters::style::text_anchor::HPos;
use results::Phase;

use super::axis::{Axis, Scale};
use super::backend::steps;
use super::chart::{RowChart, Sides, draw_labels, draw_row_frame, height_of_rows};
use super::element::TitledRectangle;
use super::legend;
use super::paint::{Paint, Role};
use super::picture::{Drawn, Picture, label_room};

/// A part of a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Which phase.
    pub phase: Phase,
    /// How long.
    pub ns: f64,
}

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// What it is of.
    pub label: String,
    /// Its parts, from left to right.
    pub segments: Vec<Segment>,
    /// A value of its own, shown by a line across the bar: the total of starts without an observer.
    pub total_ns: Option<f64>,
}

impl Stack {
    /// The sum of the parts.
    pub(crate) fn sum(&self) -> f64 {
        self.segments.iter().map(|segment| segment.ns).sum()
    }

    /// The value that stands beside the bar.
    pub(crate) fn value(&self) -> f64 {
        self.total_ns.unwrap_or_else(|| self.sum())
    }

    /// Where the bar and the line across it end.
    pub(crate) fn end(&self) -> f64 {
        self.sum().max(self.total_ns.unwrap_or(0.0))
    }

    /// The parts, each with where it begins and ends.
    fn placed(&self) -> impl Iterator<Item = (Segment, f64, f64)> {
        self.segments.iter().scan(0.0, |end, segment| {
            let begin = *end;
            *end += segment.ns;
            Some((*segment, begin, *end))
        })
    }
}

pub(crate) const ROW: f64 = 26.0;

/// Half of a bar's height, in rows.
const HALF: f64 = 0.37;

/// A part of this width has an edge: of a narrower one the edge would be all there is.
const EDGED_FROM: f64 = 2.0;

/// A part of this width has room for its letter.
const LETTER_FROM: f64 = 11.0;

/// Room to the right of the frame for values.
pub(crate) const VALUES: f64 = 84.0;

/// Draws bars one below the other.
pub fn draw_stacks(rows: &[Stack]) -> Picture {
    let room = label_room(rows.iter().map(|row| row.label.as_str()), 380.0);
    let sides = Sides {
        left: room + 14.0,
        right: VALUES,
    };
    let scale = Scale::from_zero(rows.iter().map(Stack::end));
    let phases = phases_of(rows);
    let frame = height_of_rows(rows.len(), ROW);
    let height = frame + legend::height_of_phases(&phases);
    Picture::draw(height, summary("", rows), |area| {
        let (above, below) = area.split_vertically(steps(frame));
        let what = "time since the launch";
        let axis = Axis::lying(scale, Unit::Nanoseconds, what, sides.frame_width());
        let mut chart = draw_row_frame(&above, axis, rows.len(), sides)?;
        draw_labels(
            &mut chart,
            rows.iter().map(|row| row.label.as_str()),
            8.0,
            room + 2.0,
        )?;
        draw_part(&mut chart, rows, scale, sides.frame_width())?;
        legend::draw_phases(&below, &phases)
    })
}

/// The text of a picture of stacks: each bar's value and its longest phase.
pub(crate) fn summary(axis: &str, rows: &[Stack]) -> String {
    let bars = rows.iter().map(|row| {
        let longest = row
            .segments
            .iter()
            .max_by(|one, two| one.ns.total_cmp(&two.ns));
        let longest = longest.map_or_else(String::new, |segment| {
            let time = Unit::Nanoseconds.shown(segment.ns);
            format!(", most of it {} {time}", segment.phase)
        });
        let value = Unit::Nanoseconds.shown(row.value());
        format!("{}: {value}{longest}", row.label)
    });
    let bars = bars.collect::<Vec<_>>().join("; ");
    format!("Phases of starts, stacked{axis}. {bars}")
}

/// The phases that occur, in the order in which they come.
pub(crate) fn phases_of(rows: &[Stack]) -> Vec<Phase> {
    let occurs = |phase: &Phase| {
        rows.iter()
            .any(|row| row.segments.iter().any(|segment| segment.phase == *phase))
    };
    Phase::ALL.into_iter().filter(occurs).collect()
}

/// A part of a bar that lies within the axis of a chart.
struct Piece {
    row: usize,
    segment: Segment,
    from: f64,
    to: f64,
    /// In units of the picture.
    width: f64,
}

/// Draws what of the bars lies within an axis, which is `width` wide.
pub(crate) fn draw_part(chart: &mut RowChart, rows: &[Stack], scale: Scale, width: f64) -> Drawn {
    let pieces = pieces(rows, scale, width);
    chart.draw_series(pieces.iter().map(|piece| {
        let middle = piece.row as f64 + 0.5;
        let role = if piece.width > EDGED_FROM {
            Role::EdgedPart
        } else {
            Role::Part
        };
        let paint = role.in_colour(look::phase(piece.segment.phase).colour);
        let corners = [(piece.from, middle - HALF), (piece.to, middle + HALF)];
        let Segment { phase, ns } = piece.segment;
        let time = Unit::Nanoseconds.shown(ns);
        let title = format!("{}: {phase} {time}", rows[piece.row].label);
        TitledRectangle::new(corners, paint, title)
    }))?;
    let lettered = pieces.iter().filter(|piece| piece.width > LETTER_FROM);
    chart.draw_series(lettered.map(|piece| {
        let look = look::phase(piece.segment.phase);
        let middle = (f64::midpoint(piece.from, piece.to), piece.row as f64 + 0.5);
        let style = Role::Letter.in_colour(look.colour).bold(11.0);
        Text::new(look.letter.to_string(), middle, style)
    }))?;
    draw_ends(chart, rows, scale)
}

fn pieces(rows: &[Stack], scale: Scale, width: f64) -> Vec<Piece> {
    let within = |(row, stack): (usize, &Stack)| {
        let piece = |(segment, begin, end): (Segment, f64, f64)| {
            let (from, to) = (begin.max(scale.min()), end.min(scale.max()));
            // What begins where this axis ends belongs to the next one.
            (to >= from && begin < scale.max()).then(|| Piece {
                row,
                segment,
                from,
                to,
                width: (scale.place(to) - scale.place(from)) * width,
            })
        };
        stack
            .placed()
            .filter(|(_, _, end)| *end > scale.min() || scale.min() == 0.0)
            .filter_map(piece)
            .collect::<Vec<_>>()
    };
    rows.iter().enumerate().flat_map(within).collect()
}

/// Draws the totals, and the values beside the bars, as far as they lie within an axis.
fn draw_ends(chart: &mut RowChart, rows: &[Stack], scale: Scale) -> Drawn {
    let within = |value: f64| value <= scale.max() && (value > scale.min() || scale.min() == 0.0);
    let rows = || rows.iter().enumerate();
    chart.draw_series(rows().filter_map(|(index, row)| {
        let total = row.total_ns.filter(|total| within(*total))?;
        let at = |y: f64| (total, index as f64 + y);
        Some(PathElement::new(vec![at(0.04), at(0.93)], Role::Total))
    }))?;
    let ending = rows().filter(|(_, row)| within(row.end()));
    chart.draw_series(ending.map(|(index, row)| {
        let style = Paint::from(Role::Ink).text(11.0, HPos::Left);
        let value = Unit::Nanoseconds.shown(row.value());
        EmptyElement::at((row.end(), index as f64 + 0.5)) + Text::new(value, (steps(6.0), 0), style)
    }))?;
    Ok(())
}
