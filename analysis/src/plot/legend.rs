//! What the shapes of a picture stand for, below it.

use results::Phase;

use super::canvas::{Canvas, WIDTH, text_width};
use super::palette::{self, Look};

/// Lays entries out from left to right and draws each; returns the height that they took.
fn lay_out(names: &[String], x: f64, y: f64, mut draw: impl FnMut(usize, f64, f64)) -> f64 {
    let (mut at, mut line) = (x, y);
    for (index, name) in names.iter().enumerate() {
        let width = 40.0 + text_width(name, 11.0);
        if at > x && at + width > WIDTH - 8.0 {
            at = x;
            line += 19.0;
        }
        draw(index, at, line);
        at += width;
    }
    if names.is_empty() {
        0.0
    } else {
        line - y + 19.0
    }
}

/// Lines with markers.
pub(crate) fn of_series(canvas: &mut Canvas, series: &[(String, Look)], x: f64, y: f64) -> f64 {
    let names: Vec<_> = series.iter().map(|(name, _)| name.clone()).collect();
    lay_out(&names, x, y, |index, x, y| {
        let look = series[index].1;
        let dash = if look.hollow { " dash" } else { "" };
        canvas.line(
            &format!("k-{} line{dash}", look.colour),
            [x, y, x + 22.0, y],
        );
        canvas.marker(look, x + 11.0, y, "");
        canvas.text("ink n", x + 28.0, y + 4.0, &names[index]);
    })
}

/// Phases with their letters.
pub(crate) fn of_phases(canvas: &mut Canvas, phases: &[Phase], x: f64, y: f64) -> f64 {
    let names: Vec<_> = phases.iter().map(|phase| phase.name().to_owned()).collect();
    lay_out(&names, x, y, |index, x, y| {
        let (colour, letter) = palette::phase(phases[index]);
        canvas.rect(&format!("f-{colour}"), [x, y - 8.0, 16.0, 16.0], "");
        canvas.text(
            &format!("i-{colour} n b m"),
            x + 8.0,
            y + 4.0,
            &letter.to_string(),
        );
        canvas.text("ink n", x + 21.0, y + 4.0, &names[index]);
    })
}
