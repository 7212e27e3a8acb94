//! Values as bars from zero, with their intervals and what was made of them.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, Picture, WIDTH, text_width};
use super::palette::{self, Look};

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// The system whose look it has.
    pub system: String,
    /// How long it is.
    pub value: f64,
    /// The interval of the value.
    pub interval: Option<(f64, f64)>,
    /// A mark beside the value: what a comparison said.
    pub mark: String,
}

const ROW: f64 = 25.0;

/// Draws bars one below the other. `what` is what the axis counts.
pub fn bars(rows: &[Bar], unit: Unit, what: &str) -> Picture {
    let mut canvas = Canvas::default();
    let left = rows
        .iter()
        .map(|row| text_width(&row.label, 12.0))
        .fold(60.0, f64::max)
        .min(380.0)
        + 32.0;
    let note = rows
        .iter()
        .map(|row| text_width(&told(row, unit), 11.0))
        .fold(40.0, f64::max)
        + 14.0;
    let reach = rows
        .iter()
        .flat_map(|row| [row.value, row.interval.map_or(row.value, |(_, high)| high)]);
    let scale = Scale::from_zero(reach);
    let frame = [left, 6.0, WIDTH - left - note, rows.len() as f64 * ROW];
    scale.draw_x(&mut canvas, frame, unit, what);
    for (index, row) in rows.iter().enumerate() {
        draw(
            &mut canvas,
            row,
            scale,
            frame,
            frame[1] + index as f64 * ROW,
            unit,
        );
    }
    let values = rows
        .iter()
        .map(|row| format!("{}: {}", row.label, told(row, unit)));
    canvas.done(
        frame[1] + frame[3] + 42.0,
        format!("Bars. {}", values.collect::<Vec<_>>().join("; ")),
    )
}

fn told(row: &Bar, unit: Unit) -> String {
    let value = unit.shown(row.value);
    if row.mark.is_empty() {
        value
    } else {
        format!("{value} {}", row.mark)
    }
}

fn draw(
    canvas: &mut Canvas,
    row: &Bar,
    scale: Scale,
    [left, _, width, _]: [f64; 4],
    y: f64,
    unit: Unit,
) {
    let look: Look = palette::system(&row.system);
    let at = |value: f64| left + scale.place(value) * width;
    let middle = y + ROW / 2.0;
    canvas.marker(look, left - 11.0, middle, "");
    canvas.label(left - 22.0, middle + 4.0, &row.label, left - 26.0);
    let tip = format!("{}: {}", row.label, told(row, unit));
    let class = format!("f-{} faint outline", look.colour);
    canvas.rect(
        &class,
        [left, y + 5.0, at(row.value) - left, ROW - 10.0],
        &tip,
    );
    let mut end = at(row.value);
    if let Some((low, high)) = row.interval {
        let (low, high) = (at(low), at(high));
        // Paper below ink: seen on a bar of any colour.
        canvas.line("halo", [low, middle, high, middle]);
        canvas.line("halo", [low, middle - 5.0, low, middle + 5.0]);
        canvas.line("halo", [high, middle - 5.0, high, middle + 5.0]);
        canvas.line("whisker", [low, middle, high, middle]);
        canvas.line("whisker", [low, middle - 4.0, low, middle + 4.0]);
        canvas.line("whisker", [high, middle - 4.0, high, middle + 4.0]);
        end = end.max(high);
    }
    canvas.text("ink n", end + 7.0, middle + 4.0, &told(row, unit));
}
