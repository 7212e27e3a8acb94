//! Ratios as points on a logarithmic axis, with a line where both are the same.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, Picture, WIDTH, text_width};
use super::{legend, palette};

/// A point.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// What it is of.
    pub label: String,
    /// The system whose look it has.
    pub system: String,
    /// The ratio.
    pub ratio: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
}

/// Points of one question.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRow {
    /// The question.
    pub label: String,
    /// The answers.
    pub dots: Vec<Dot>,
}

/// Draws questions one below the other. `what` is what the axis counts.
pub fn dots(rows: &[DotRow], what: &str) -> Picture {
    let mut canvas = Canvas::default();
    let mut looks: Vec<(String, palette::Look)> = Vec::new();
    for dot in rows.iter().flat_map(|row| &row.dots) {
        if !looks.iter().any(|(name, _)| *name == dot.label) {
            looks.push((dot.label.clone(), palette::system(&dot.system)));
        }
    }
    let row_height = 16.0 + looks.len().max(1) as f64 * 11.0;
    let left = rows
        .iter()
        .map(|row| text_width(&row.label, 12.0))
        .fold(60.0, f64::max)
        .min(360.0)
        + 16.0;
    let frame = [
        left,
        6.0,
        WIDTH - left - 30.0,
        rows.len() as f64 * row_height,
    ];
    let values = rows.iter().flat_map(|row| &row.dots).flat_map(|dot| {
        let (low, high) = dot.interval.unwrap_or((dot.ratio, dot.ratio));
        [dot.ratio, low, high, 1.0]
    });
    let values: Vec<_> = values.collect();
    let scale = Scale::log(values.into_iter());
    scale.draw_x(&mut canvas, frame, Unit::Times, what);
    let one = left + scale.place(1.0) * frame[2];
    canvas.line("whisker dash", [one, frame[1], one, frame[1] + frame[3]]);
    for (index, row) in rows.iter().enumerate() {
        let y = frame[1] + index as f64 * row_height;
        if index > 0 {
            canvas.line("grid", [8.0, y, WIDTH - 30.0, y]);
        }
        canvas.label(
            left - 10.0,
            y + row_height / 2.0 + 4.0,
            &row.label,
            left - 14.0,
        );
        for dot in &row.dots {
            let place = looks
                .iter()
                .position(|(name, _)| *name == dot.label)
                .unwrap_or(0);
            let y = y + 13.0 + place as f64 * 11.0;
            let at = |ratio: f64| left + scale.place(ratio) * frame[2];
            if let Some((low, high)) = dot.interval {
                canvas.line("whisker", [at(low), y, at(high), y]);
            }
            let tip = format!("{}: {}", dot.label, Unit::Times.shown(dot.ratio));
            canvas.marker(looks[place].1, at(dot.ratio), y, &tip);
        }
    }
    let foot = frame[1] + frame[3] + 56.0;
    let used = legend::of_series(&mut canvas, &looks, 12.0, foot);
    let told = rows.iter().flat_map(|row| {
        row.dots.iter().map(move |dot| {
            format!(
                "{}, {}: {}",
                row.label,
                dot.label,
                Unit::Times.shown(dot.ratio)
            )
        })
    });
    canvas.done(
        foot + used,
        format!("Ratios. {}", told.collect::<Vec<_>>().join("; ")),
    )
}
