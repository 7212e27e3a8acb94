//! Starts as bars of phases, all on one axis from zero.

use results::Phase;

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, Picture, WIDTH, text_width};
use super::{legend, palette};

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
    /// A value of its own, shown by a line across the bar: the total of starts that nothing
    /// watched.
    pub total_ns: Option<f64>,
}

const ROW: f64 = 26.0;

/// Draws bars one below the other.
pub fn stacks(rows: &[Stack]) -> Picture {
    let mut canvas = Canvas::default();
    let left = rows
        .iter()
        .map(|row| text_width(&row.label, 12.0))
        .fold(60.0, f64::max)
        .min(380.0)
        + 14.0;
    let sum = |row: &Stack| row.segments.iter().map(|segment| segment.ns).sum::<f64>();
    let scale = Scale::from_zero(
        rows.iter()
            .flat_map(|row| [sum(row), row.total_ns.unwrap_or(0.0)]),
    );
    let frame = [left, 6.0, WIDTH - left - 84.0, rows.len() as f64 * ROW];
    scale.draw_x(
        &mut canvas,
        frame,
        Unit::Nanoseconds,
        "time since the launch",
    );
    for (index, row) in rows.iter().enumerate() {
        let y = frame[1] + index as f64 * ROW;
        canvas.label(left - 8.0, y + 17.0, &row.label, left - 12.0);
        draw(&mut canvas, row, scale, frame, y);
    }
    let occurs = |phase: &Phase| {
        rows.iter()
            .any(|row| row.segments.iter().any(|segment| segment.phase == *phase))
    };
    let phases: Vec<_> = Phase::ALL.into_iter().filter(occurs).collect();
    let foot = frame[1] + frame[3] + 54.0;
    let used = legend::of_phases(&mut canvas, &phases, 12.0, foot);
    let ends = rows
        .iter()
        .map(|row| format!("{}: {}", row.label, Unit::Nanoseconds.shown(sum(row))));
    canvas.done(
        foot + used,
        format!(
            "Phases of starts, stacked. {}",
            ends.collect::<Vec<_>>().join("; ")
        ),
    )
}

fn draw(canvas: &mut Canvas, row: &Stack, scale: Scale, [left, _, width, _]: [f64; 4], y: f64) {
    let (mut begin, mut end) = (0.0, left);
    for segment in &row.segments {
        let (colour, letter) = palette::phase(segment.phase);
        let x = left + scale.place(begin) * width;
        begin += segment.ns;
        end = left + scale.place(begin) * width;
        let tip = format!(
            "{}: {} {}",
            row.label,
            segment.phase,
            Unit::Nanoseconds.shown(segment.ns)
        );
        // The edge keeps neighbours of one lightness apart, and is left out where it would be all
        // there is.
        let edge = if end - x > 2.0 { " edge" } else { "" };
        canvas.rect(
            &format!("f-{colour}{edge}"),
            [x, y + 3.0, (end - x).max(0.4), ROW - 7.0],
            &tip,
        );
        if end - x > 11.0 {
            canvas.text(
                &format!("i-{colour} n b m"),
                f64::midpoint(x, end),
                y + 16.5,
                &letter.to_string(),
            );
        }
    }
    if let Some(total) = row.total_ns {
        let at = left + scale.place(total) * width;
        canvas.line("whisker line", [at, y + 1.0, at, y + ROW - 2.0]);
        end = end.max(at);
    }
    let told = row
        .total_ns
        .unwrap_or_else(|| row.segments.iter().map(|segment| segment.ns).sum());
    canvas.text("ink n", end + 6.0, y + 16.5, &Unit::Nanoseconds.shown(told));
}
