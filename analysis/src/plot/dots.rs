//! Ratios as points on a logarithmic axis, with a line where both are the same.

use findings::units::Unit;
use plotters::element::{EmptyElement, PathElement};
use systems::Look;

use super::axis::{Axis, Scale};
use super::backend::steps;
use super::chart::{RowChart, Sides, draw_labels, draw_row_frame, height_of_rows};
use super::element::{Interval, Lie, Mark};
use super::paint::Role;
use super::picture::{Drawn, Picture, label_room};
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

/// Between two answers to one question.
const LINE: f64 = 11.0;

/// Above the first answer, and below the last one.
const MARGIN: f64 = 13.0;

/// Draws questions one below the other. `what` is what the axis counts.
pub fn draw_dots(rows: &[DotRow], what: &str) -> Picture {
    let looks = looks(rows);
    let row_height = 2.0 * MARGIN + LINE * looks.len().saturating_sub(1) as f64;
    let room = label_room(rows.iter().map(|row| row.label.as_str()), 360.0);
    let sides = Sides {
        left: room + 16.0,
        right: 30.0,
    };
    let values = rows.iter().flat_map(|row| &row.dots).flat_map(|dot| {
        let (low, high) = dot.interval.unwrap_or((dot.ratio, dot.ratio));
        [dot.ratio, low, high, 1.0]
    });
    let scale = Scale::log(values.collect::<Vec<_>>().into_iter());
    let frame = height_of_rows(rows.len(), row_height);
    let height = frame + legend::height_of_series(&looks);
    Picture::draw(height, summary(rows), |area| {
        let (above, below) = area.split_vertically(steps(frame));
        let axis = Axis::lying(scale, Unit::Times, what, sides.frame_width());
        let mut chart = draw_row_frame(&above, axis, rows.len(), sides)?;
        draw_labels(
            &mut chart,
            rows.iter().map(|row| row.label.as_str()),
            10.0,
            room + 2.0,
        )?;
        draw_rules(&mut chart, scale, sides, rows.len())?;
        draw_rows(&mut chart, rows, &looks, row_height)?;
        legend::draw_series(&below, &looks)
    })
}

/// What is answered, each with its look.
fn looks(rows: &[DotRow]) -> Vec<(String, Look)> {
    let mut looks: Vec<(String, Look)> = Vec::new();
    for dot in rows.iter().flat_map(|row| &row.dots) {
        if !looks.iter().any(|(name, _)| *name == dot.label) {
            looks.push((dot.label.clone(), palette::system(&dot.system)));
        }
    }
    looks
}

fn summary(rows: &[DotRow]) -> String {
    let dots = rows
        .iter()
        .flat_map(|row| row.dots.iter().map(move |dot| (row, dot)));
    let ratios = dots.map(|(row, dot)| {
        let ratio = Unit::Times.shown(dot.ratio);
        format!("{}, {}: {ratio}", row.label, dot.label)
    });
    format!("Ratios. {}", ratios.collect::<Vec<_>>().join("; "))
}

/// Draws the line where both are the same, and one between questions.
fn draw_rules(chart: &mut RowChart, scale: Scale, sides: Sides, rows: usize) -> Drawn {
    // Labels are of their rows too.
    const EDGE: f64 = 8.0;
    let same = vec![(1.0, 0.0), (1.0, rows as f64)];
    chart.draw_series([PathElement::new(same, Role::Same)])?;
    let ends = [EDGE - sides.left, sides.frame_width()].map(|x| (steps(x), 0));
    let rules = (1..rows).map(|row| {
        EmptyElement::at((scale.min(), row as f64)) + PathElement::new(ends.to_vec(), Role::Grid)
    });
    chart.draw_series(rules)?;
    Ok(())
}

fn draw_rows(
    chart: &mut RowChart,
    rows: &[DotRow],
    looks: &[(String, Look)],
    row_height: f64,
) -> Drawn {
    for (index, row) in rows.iter().enumerate() {
        for dot in &row.dots {
            let place = looks.iter().position(|(name, _)| *name == dot.label);
            let place = place.unwrap_or(0);
            let y = index as f64 + (MARGIN + place as f64 * LINE) / row_height;
            let ends = dot.interval.map(|(low, high)| [(low, y), (high, y)]);
            chart.draw_series(ends.map(|ends| Interval::new(ends, Lie::Bare)))?;
            let title = format!("{}: {}", dot.label, Unit::Times.shown(dot.ratio));
            let mark = Mark::new((dot.ratio, y), looks[place].1).titled(title);
            chart.draw_series([mark])?;
        }
    }
    Ok(())
}
