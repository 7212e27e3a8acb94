//! What the shapes of a picture stand for, below it.

use findings::look::phase as look_of;
use plotters::element::{EmptyElement, PathElement, Rectangle, Text};
use plotters::style::text_anchor::HPos;
use results::Phase;
use systems::Look;

use super::backend::steps;
use super::element::Mark;
use super::paint::{Paint, Role};
use super::picture::{Area, Drawn, WIDTH, text_width};

/// From the left edge of the picture.
const LEFT: f64 = 12.0;

const LINE: f64 = 19.0;

/// From its top to the middle of its first line.
const FIRST: f64 = 16.0;

/// Where each entry stands, from left to right in as many lines as are needed; and how high all of
/// them are.
fn lay_out<'a>(names: impl Iterator<Item = &'a str>) -> (Vec<(f64, f64)>, f64) {
    let (mut x, mut y) = (LEFT, FIRST);
    let mut places = Vec::new();
    for name in names {
        let width = 40.0 + text_width(name, 11.0);
        if x > LEFT && x + width > WIDTH - 8.0 {
            x = LEFT;
            y += LINE;
        }
        places.push((x, y));
        x += width;
    }
    let height = if places.is_empty() { 0.0 } else { y + LINE };
    (places, height)
}

fn names_of_phases(phases: &[Phase]) -> impl Iterator<Item = &'static str> {
    phases.iter().map(|phase| phase.name())
}

/// How high the legend of these series is.
pub(crate) fn height_of_series(series: &[(String, Look)]) -> f64 {
    lay_out(series.iter().map(|(name, _)| name.as_str())).1
}

/// How high the legend of these phases is.
pub(crate) fn height_of_phases(phases: &[Phase]) -> f64 {
    lay_out(names_of_phases(phases)).1
}

/// Draws lines with markers.
pub(crate) fn draw_series(area: &Area, series: &[(String, Look)]) -> Drawn {
    let (places, _) = lay_out(series.iter().map(|(name, _)| name.as_str()));
    for ((name, look), (x, y)) in series.iter().zip(places) {
        let line = vec![(0, 0), (steps(22.0), 0)];
        let text = Paint::from(Role::Ink).text(11.0, HPos::Left);
        let entry = EmptyElement::at((steps(x), steps(y)))
            + PathElement::new(line, line_of(*look))
            + Mark::new((steps(11.0), 0), *look)
            + Text::new(name.clone(), (steps(28.0), 0), text);
        area.draw(&entry)?;
    }
    Ok(())
}

/// Draws phases with their letters.
pub(crate) fn draw_phases(area: &Area, phases: &[Phase]) -> Drawn {
    let (places, _) = lay_out(names_of_phases(phases));
    for (phase, (x, y)) in phases.iter().zip(places) {
        let look = look_of(*phase);
        let half = steps(8.0);
        let letter = Role::Letter.in_colour(look.colour).bold(11.0);
        let text = Paint::from(Role::Ink).text(11.0, HPos::Left);
        let entry = EmptyElement::at((steps(x), steps(y)))
            + Rectangle::new(
                [(0, -half), (2 * half, half)],
                Role::Part.in_colour(look.colour),
            )
            + Text::new(look.letter.to_string(), (half, 0), letter)
            + Text::new(phase.name(), (steps(21.0), 0), text);
        area.draw(&entry)?;
    }
    Ok(())
}

/// How the curve of a system is drawn.
pub(crate) fn line_of(look: Look) -> Paint {
    let role = if look.hollow {
        Role::Dashed
    } else {
        Role::Line
    };
    role.in_colour(look.colour)
}
