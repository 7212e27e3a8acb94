//! Whole distributions: which share of the values is at most so large.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, Picture, WIDTH};
use super::palette::Look;
use super::{legend, palette};

/// A distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// What it is of.
    pub label: String,
    /// The system whose look it has.
    pub system: String,
    /// Values in ascending order, each with how often it occurs.
    pub counted: Vec<(f64, u64)>,
}

/// As many steps of a distribution are drawn; more cannot be seen.
const STEPS: usize = 260;

/// Draws distributions upon one logarithmic axis.
pub fn ecdf(series: &[Steps], unit: Unit, what: &str) -> Picture {
    let mut canvas = Canvas::default();
    let ends = series.iter().flat_map(|steps| {
        [steps.counted.first(), steps.counted.last()]
            .into_iter()
            .flatten()
            .map(|(value, _)| *value)
    });
    let scale = Scale::log(ends.collect::<Vec<_>>().into_iter());
    let frame = [62.0, 8.0, WIDTH - 62.0 - 24.0, 290.0];
    scale.draw_x(&mut canvas, frame, unit, what);
    Scale::Linear { max: 1.0 }.draw_y(&mut canvas, frame, Unit::Share, "values at most so large");
    let looks = palette::distinct(series.iter().map(|steps| steps.system.as_str()));
    for (index, steps) in series.iter().enumerate() {
        draw(
            &mut canvas,
            steps,
            looks[index],
            scale,
            frame,
            (index as f64 + 0.5) / series.len() as f64,
        );
    }
    let foot = frame[1] + frame[3] + 56.0;
    let entries: Vec<_> = series
        .iter()
        .zip(looks)
        .map(|(steps, look)| (steps.label.clone(), look))
        .collect();
    let used = legend::of_series(&mut canvas, &entries, 12.0, foot);
    let names: Vec<_> = series.iter().map(|steps| steps.label.as_str()).collect();
    canvas.done(
        foot + used,
        format!("Cumulative distributions of {}", names.join(", ")),
    )
}

fn draw(
    canvas: &mut Canvas,
    steps: &Steps,
    look: Look,
    scale: Scale,
    frame: [f64; 4],
    marked: f64,
) {
    let [left, top, width, height] = frame;
    let total: u64 = steps.counted.iter().map(|(_, count)| count).sum();
    let (mut seen, mut points, mut drawn) = (0, Vec::new(), -1.0);
    let mut mark = None;
    let mut y = top + height;
    for (value, count) in &steps.counted {
        seen += count;
        let share = seen as f64 / total.max(1) as f64;
        let x = left + scale.place(*value) * width;
        // Steps that are too small to see are joined into the next one.
        if share - drawn < 1.0 / STEPS as f64 && seen < total {
            continue;
        }
        points.push((x, y));
        y = top + (1.0 - share) * height;
        points.push((x, y));
        drawn = share;
        // Each distribution's marker stands at another height, so that none hides another's.
        if mark.is_none() && share >= marked {
            mark = Some((x, y));
        }
    }
    let dash = if look.hollow { " dash" } else { "" };
    canvas.path(&format!("k-{} line{dash}", look.colour), &points);
    if let Some((x, y)) = mark {
        canvas.marker(look, x, y, &steps.label);
    }
}
