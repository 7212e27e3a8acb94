//! Curves over a number: instances, requests, rules.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, Picture, WIDTH};
use super::palette::Look;
use super::{legend, palette};

/// A point of a curve: x, y and the interval of y.
pub type CurvePoint = (f64, f64, Option<(f64, f64)>);

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it is of.
    pub label: String,
    /// The system whose look it has.
    pub system: String,
    /// Its points from left to right, with the interval of each.
    pub points: Vec<CurvePoint>,
    /// Whether it is what is wished for, or was fitted, and not what was measured: it is thin and
    /// has no markers.
    pub is_reference: bool,
}

/// The plane that curves are drawn upon.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane<'a> {
    /// What the horizontal axis counts.
    pub x: (&'a str, Unit),
    /// What the vertical axis counts.
    pub y: (&'a str, Unit),
    /// Whether the horizontal axis is logarithmic.
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
}

/// Lines that were not measured are drawn up to so many times the largest value that was.
const ROOM_FOR_WISHES: f64 = 1.35;

/// Draws curves.
pub fn curves(series: &[Curve], plane: &Plane<'_>) -> Picture {
    let mut canvas = Canvas::default();
    let points: Vec<_> = series
        .iter()
        .flat_map(|curve| curve.points.iter().copied())
        .collect();
    let scale = |log: bool, values: Vec<f64>| {
        if log {
            Scale::log(values.into_iter())
        } else {
            Scale::from_zero(values.into_iter())
        }
    };
    let x_scale = scale(plane.log_x, points.iter().map(|(x, ..)| *x).collect());
    let measured: Vec<_> = series
        .iter()
        .filter(|curve| !curve.is_reference)
        .flat_map(|curve| &curve.points)
        .collect();
    let tops = measured
        .iter()
        .flat_map(|(_, y, interval)| [*y, interval.map_or(*y, |(_, high)| high)]);
    let mut tops: Vec<f64> = tops.collect();
    // What is wished for may leave the picture at its top, or what was measured would lie flat at
    // its foot.
    let most = tops.iter().copied().fold(0.0, f64::max);
    let wished = series
        .iter()
        .filter(|curve| curve.is_reference)
        .flat_map(|curve| &curve.points)
        .map(|(_, y, _)| *y);
    tops.extend(wished.map(|y| y.min(most * ROOM_FOR_WISHES)));
    let y_scale = scale(plane.log_y, tops);
    let frame = [86.0, 8.0, WIDTH - 86.0 - 24.0, 310.0];
    x_scale.draw_x(&mut canvas, frame, plane.x.1, plane.x.0);
    y_scale.draw_y(&mut canvas, frame, plane.y.1, plane.y.0);
    let looks = palette::distinct(
        series
            .iter()
            .filter(|curve| !curve.is_reference)
            .map(|curve| curve.system.as_str()),
    );
    let mut next = looks.into_iter();
    let mut entries: Vec<(String, Look)> = Vec::new();
    for curve in series {
        let look = if curve.is_reference {
            None
        } else {
            next.next()
        };
        let look = look.unwrap_or_else(|| palette::system(&curve.system));
        draw(&mut canvas, curve, look, plane, (x_scale, y_scale), frame);
        if !curve.is_reference {
            entries.push((curve.label.clone(), look));
        }
    }
    let foot = frame[1] + frame[3] + 56.0;
    let used = legend::of_series(&mut canvas, &entries, 12.0, foot);
    let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
    canvas.done(
        foot + used,
        format!("{} over {}: {}", plane.y.0, plane.x.0, names.join(", ")),
    )
}

fn draw(
    canvas: &mut Canvas,
    curve: &Curve,
    look: Look,
    plane: &Plane<'_>,
    (x_scale, y_scale): (Scale, Scale),
    [left, top, width, height]: [f64; 4],
) {
    let at = |x: f64, y: f64| {
        (
            left + x_scale.place(x) * width,
            top + (1.0 - y_scale.place(y)) * height,
        )
    };
    if curve.is_reference {
        let line: Vec<_> = below(&curve.points, y_scale.max())
            .into_iter()
            .map(|(x, y)| at(x, y))
            .collect();
        canvas.path(&format!("k-{} dot", look.colour), &line);
        return;
    }
    let line: Vec<_> = curve.points.iter().map(|(x, y, _)| at(*x, *y)).collect();
    let dash = if look.hollow { " dash" } else { "" };
    canvas.path(&format!("k-{} line{dash}", look.colour), &line);
    for (x, y, interval) in &curve.points {
        if let Some((low, high)) = interval {
            let ((x, low), (_, high)) = (at(*x, *low), at(*x, *high));
            canvas.line("whisker", [x, low, x, high]);
            canvas.line("whisker", [x - 3.0, low, x + 3.0, low]);
            canvas.line("whisker", [x - 3.0, high, x + 3.0, high]);
        }
        let tip = format!(
            "{}: {} at {}",
            curve.label,
            plane.y.1.shown(*y),
            plane.x.1.shown(*x)
        );
        let (x, y) = at(*x, *y);
        canvas.marker(look, x, y, &tip);
    }
}

/// The part of a line up to where it first rises above `top`.
fn below(points: &[CurvePoint], top: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for &(x, y, _) in points {
        if y <= top {
            kept.push((x, y));
            continue;
        }
        if let Some(&(from_x, from_y)) = kept.last() {
            kept.push((from_x + (x - from_x) * (top - from_y) / (y - from_y), top));
        }
        break;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_it_leaves_the_picture() {
        let line = [
            (1.0, 10.0, None),
            (2.0, 20.0, None),
            (4.0, 40.0, None),
            (8.0, 80.0, None),
        ];
        assert_eq!(below(&line, 30.0), [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)]);
        assert_eq!(below(&line, 100.0).len(), 4);
        assert!(below(&line, 5.0).is_empty());
    }
}
