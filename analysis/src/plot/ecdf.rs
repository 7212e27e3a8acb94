//! Whole distributions: which share of the values is at most so large.

use findings::units::Unit;
use plotters::series::LineSeries;
use systems::Look;

use super::axis::{Axis, Scale};
use super::backend::steps;
use super::chart::{CurveChart, FOOT, Sides, draw_curve_frame};
use super::element::Mark;
use super::picture::{Drawn, Picture};
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

const HEIGHT: f64 = 8.0 + 290.0 + FOOT;

const SIDES: Sides = Sides {
    left: 62.0,
    right: 24.0,
};

/// Draws distributions upon one logarithmic axis.
pub fn draw_ecdf(series: &[Steps], unit: Unit, what: &str) -> Picture {
    let ends = series.iter().flat_map(|steps| {
        let ends = [steps.counted.first(), steps.counted.last()];
        ends.into_iter().flatten().map(|(value, _)| *value)
    });
    let x_scale = Scale::log(ends.collect::<Vec<_>>().into_iter());
    let y_scale = Scale::Linear { min: 0.0, max: 1.0 };
    let looks = palette::distinct(series.iter().map(|steps| steps.system.as_str()));
    let labels = series.iter().map(|steps| steps.label.clone());
    let entries: Vec<_> = labels.zip(looks).collect();
    let names: Vec<_> = series.iter().map(|steps| steps.label.as_str()).collect();
    let summary = format!("Cumulative distributions of {}", names.join(", "));
    let height = HEIGHT + legend::height_of_series(&entries);
    Picture::draw(height, summary, |area| {
        let (above, below) = area.split_vertically(steps(HEIGHT));
        let x = Axis::lying(x_scale, unit, what, SIDES.frame_width());
        let y = Axis::upright(y_scale, Unit::Share, "values at most so large");
        let mut chart = draw_curve_frame(&above, x, y, SIDES)?;
        for (index, (steps, (_, look))) in series.iter().zip(&entries).enumerate() {
            let marked_at = (index as f64 + 0.5) / series.len() as f64;
            draw_steps(&mut chart, steps, *look, marked_at)?;
        }
        legend::draw_series(&below, &entries)
    })
}

/// Draws a distribution. Each one's marker stands at another height, so that none hides another's.
fn draw_steps(chart: &mut CurveChart, steps: &Steps, look: Look, marked_at: f64) -> Drawn {
    let corners = corners(&steps.counted);
    let marked = corners
        .iter()
        .skip(1)
        .step_by(2)
        .find(|(_, share)| *share >= marked_at)
        .copied();
    chart.draw_series(LineSeries::new(corners, legend::line_of(look)))?;
    let mark = |at| Mark::new(at, look).titled(steps.label.clone());
    chart.draw_series(marked.map(mark))?;
    Ok(())
}

/// The corners of the steps: of each its foot and its top.
fn corners(counted: &[(f64, u64)]) -> Vec<(f64, f64)> {
    let total: u64 = counted.iter().map(|(_, count)| count).sum();
    let (mut seen, mut drawn, mut corners) = (0, None, Vec::new());
    for (value, count) in counted {
        seen += count;
        let share = seen as f64 / total.max(1) as f64;
        // Steps that are too small to see are joined into the next one.
        let is_small = drawn.is_some_and(|drawn| share - drawn < 1.0 / STEPS as f64);
        if is_small && seen < total {
            continue;
        }
        corners.extend([(*value, drawn.unwrap_or(0.0)), (*value, share)]);
        drawn = Some(share);
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_at_nothing_and_end_at_all() {
        let corners = corners(&[(1.0, 1), (2.0, 3)]);
        assert_eq!(corners, [(1.0, 0.0), (1.0, 0.25), (2.0, 0.25), (2.0, 1.0)]);
    }
}
