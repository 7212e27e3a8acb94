//! Curves over a number: instances, requests, rules.

use findings::units::Unit;
use plotters::series::LineSeries;
use systems::Look;

use super::axis::{Axis, Scale};
use super::backend::steps;
use super::chart::{CurveChart, FOOT, Sides, draw_curve_frame};
use super::element::{Interval, Lie, Mark};
use super::paint::Role;
use super::picture::{Drawn, Picture};
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
    /// Whether it is an ideal or a fit, and not what was measured: it is thin and has no markers.
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

/// References are drawn up to so many times the largest value that was measured.
const ROOM_FOR_REFERENCES: f64 = 1.35;

/// The height of a picture of curves, without its legend.
pub(crate) const HEIGHT: f64 = 8.0 + 310.0 + FOOT;

const SIDES: Sides = Sides {
    left: 86.0,
    right: 24.0,
};

/// Draws curves.
pub fn draw_curves(series: &[Curve], plane: &Plane<'_>) -> Picture {
    let entries: Vec<_> = looks(series)
        .into_iter()
        .filter(|(curve, _)| !curve.is_reference)
        .map(|(curve, look)| (curve.label.clone(), look))
        .collect();
    let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let summary = format!("{} over {}: {}", plane.y.0, plane.x.0, names.join(", "));
    let height = HEIGHT + legend::height_of_series(&entries);
    let (x_scale, y_scale) = scales(series, plane);
    Picture::draw(height, summary, |area| {
        let (above, below) = area.split_vertically(steps(HEIGHT));
        let x = Axis::lying(x_scale, plane.x.1, plane.x.0, SIDES.frame_width());
        let y = Axis::upright(y_scale, plane.y.1, plane.y.0);
        let mut chart = draw_curve_frame(&above, x, y, SIDES)?;
        for (curve, look) in looks(series) {
            if curve.is_reference {
                let line = below_top(&curve.points, y_scale.max());
                let style = Role::Dotted.in_colour(look.colour);
                chart.draw_series(LineSeries::new(line, style))?;
            } else {
                draw_curve(&mut chart, curve, look, plane)?;
            }
        }
        legend::draw_series(&below, &entries)
    })
}

/// Each curve with its look: what was measured has looks that differ from each other.
fn looks(series: &[Curve]) -> Vec<(&Curve, Look)> {
    let measured = series.iter().filter(|curve| !curve.is_reference);
    let mut next = palette::distinct(measured.map(|curve| curve.system.as_str())).into_iter();
    let look = |curve: &Curve| {
        let look = if curve.is_reference {
            None
        } else {
            next.next()
        };
        look.unwrap_or_else(|| palette::system(&curve.system))
    };
    let looks: Vec<_> = series.iter().map(look).collect();
    series.iter().zip(looks).collect()
}

fn scales(series: &[Curve], plane: &Plane<'_>) -> (Scale, Scale) {
    let scale = |log: bool, values: Vec<f64>| {
        if log {
            Scale::log(values.into_iter())
        } else {
            Scale::from_zero(values.into_iter())
        }
    };
    let points = |is_reference: bool| {
        series
            .iter()
            .filter(move |curve| curve.is_reference == is_reference)
            .flat_map(|curve| &curve.points)
    };
    let xs = series.iter().flat_map(|curve| &curve.points);
    let xs = xs.map(|(x, ..)| *x).collect();
    let tops = points(false).flat_map(|(_, y, interval)| {
        let high = interval.map_or(*y, |(_, high)| high);
        [*y, high]
    });
    let mut tops: Vec<f64> = tops.collect();
    // References may leave the picture at its top, or what was measured would lie flat at its foot.
    let most = tops.iter().copied().fold(0.0, f64::max) * ROOM_FOR_REFERENCES;
    tops.extend(points(true).map(|(_, y, _)| y.min(most)));
    (scale(plane.log_x, xs), scale(plane.log_y, tops))
}

fn draw_curve(chart: &mut CurveChart, curve: &Curve, look: Look, plane: &Plane<'_>) -> Drawn {
    let line = curve.points.iter().map(|(x, y, _)| (*x, *y));
    chart.draw_series(LineSeries::new(line, legend::line_of(look)))?;
    chart.draw_series(curve.points.iter().filter_map(|(x, _, interval)| {
        let (low, high) = (*interval)?;
        Some(Interval::new([(*x, low), (*x, high)], Lie::Upright))
    }))?;
    chart.draw_series(curve.points.iter().map(|(x, y, _)| {
        let value = plane.y.1.shown(*y);
        let title = format!("{}: {value} at {}", curve.label, plane.x.1.shown(*x));
        Mark::new((*x, *y), look).titled(title)
    }))?;
    Ok(())
}

/// The part of a line up to where it first rises above `top`.
fn below_top(points: &[CurvePoint], top: f64) -> Vec<(f64, f64)> {
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
        assert_eq!(
            below_top(&line, 30.0),
            [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)]
        );
        assert_eq!(below_top(&line, 100.0).len(), 4);
        assert!(below_top(&line, 5.0).is_empty());
    }
}
