//! Every start in phases in one picture, from one millisecond to some seconds.
//!
//! Bars of phases are lengths, and a logarithmic axis has none: the same phase would be long at the
//! beginning of a start and short at its end. So the axis stays linear and is broken where starts
//! differ too much: up to three parts beside each other, each with a scale of its own, a gap
//! between them, and numbers with their units. A long start goes through the first part at the
//! scale of the short ones, so that what they have in common is seen in both.

use findings::units::Unit;
use plotters::element::{EmptyElement, PathElement, Text};
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Scale, with_unit};
use super::backend::steps;
use super::chart::{RowChart, Sides, draw_labels, draw_row_frame, height_of_rows};
use super::legend;
use super::paint::{Paint, Role};
use super::picture::{Area, Drawn, Picture, WIDTH, label_room};
use super::stack::{ROW, Stack, VALUES, draw_part, draw_stacks, phases_of, summary};

/// Between two parts of the axis.
const GAP: f64 = 16.0;

/// The note that the axis is broken stands in the place of an axis's title, so far above the foot.
const NOTE: f64 = 5.0;

/// A break of the axis must make bars longer by at least this factor, as a geometric mean.
const WORTH: f64 = 1.5;

/// Each part of the axis is at least so many times as long as the one before it.
const COARSER: f64 = 4.0;

/// Draws bars one below the other, on an axis that is broken where they differ too much.
pub fn draw_overview(rows: &[Stack]) -> Picture {
    let ends: Vec<f64> = rows
        .iter()
        .map(Stack::end)
        .filter(|end| *end > 0.0)
        .collect();
    let breaks = breaks(&ends);
    if breaks.is_empty() {
        return draw_stacks(rows);
    }
    let longest = Scale::from_zero(ends.iter().copied()).max();
    let mut parts = Vec::new();
    let mut from = 0.0;
    for to in breaks.iter().copied().chain([longest]) {
        parts.push(Scale::Linear { min: from, max: to });
        from = to;
    }
    let phases = phases_of(rows);
    let frame = height_of_rows(rows.len(), ROW);
    let height = frame + legend::height_of_phases(&phases);
    let places: Vec<_> = breaks
        .iter()
        .map(|at| with_unit(Unit::Nanoseconds, *at))
        .collect();
    let places = places.join(" and at ");
    let summary = summary(&format!(", on an axis that is broken at {places}"), rows);
    Picture::draw(height, summary, |area| {
        let (above, below) = area.split_vertically(steps(frame));
        draw_parts(&above, rows, &parts)?;
        let style = Paint::from(Role::Muted).text(11.0, HPos::Center);
        let text = format!(
            "time since the launch; the axis is broken, and its scale changes, at {places}"
        );
        let place = (steps(WIDTH / 2.0), steps(frame - NOTE));
        above.draw(&Text::new(text, place, style))?;
        legend::draw_phases(&below, &phases)
    })
}

/// Draws the parts of the axis beside each other, with what lies within each.
fn draw_parts(area: &Area, rows: &[Stack], parts: &[Scale]) -> Drawn {
    let room = label_room(rows.iter().map(|row| row.label.as_str()), 300.0);
    let left = room + 14.0;
    let gaps = (parts.len() - 1) as f64 * GAP;
    let width = (WIDTH - left - VALUES - gaps) / parts.len() as f64;
    for (index, scale) in parts.iter().enumerate() {
        let from = left + index as f64 * (width + GAP);
        let sides = Sides {
            left: from,
            right: WIDTH - from - width,
        };
        let axis = Axis::part(*scale, Unit::Nanoseconds, width);
        let mut chart = draw_row_frame(area, axis, rows.len(), sides)?;
        if index == 0 {
            draw_labels(
                &mut chart,
                rows.iter().map(|row| row.label.as_str()),
                8.0,
                room + 2.0,
            )?;
        } else {
            draw_break(&mut chart, *scale, rows)?;
        }
        draw_part(&mut chart, rows, *scale, width)?;
    }
    Ok(())
}

/// Two strokes across the axis before a part, and a line in the gap for each bar that goes on.
fn draw_break(chart: &mut RowChart, scale: Scale, rows: &[Stack]) -> Drawn {
    let foot = (scale.min(), rows.len() as f64);
    for middle in [-0.65, -0.35] {
        let stroke = [(middle - 0.12, 5.0), (middle + 0.12, -5.0)];
        let stroke = stroke.map(|(x, y)| (steps(x * GAP), steps(y)));
        let element = EmptyElement::at(foot) + PathElement::new(stroke.to_vec(), Role::Axis);
        chart.draw_series([element])?;
    }
    let going_on = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.sum() > scale.min());
    chart.draw_series(going_on.map(|(index, _)| {
        let line = vec![(steps(2.0 - GAP), 0), (steps(-2.0), 0)];
        EmptyElement::at((scale.min(), index as f64 + 0.5))
            + PathElement::new(line, Role::Dotted.in_colour("grey"))
    }))?;
    Ok(())
}

/// Where to break the axis for bars that end there: at round values, at most two, chosen so that
/// the bars are as long as can be, each against the part of the axis that it ends in.
fn breaks(ends: &[f64]) -> Vec<f64> {
    let most = ends.iter().copied().fold(0.0, f64::max);
    let least = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let round: Vec<f64> = round_values(least, most);
    // How short bars are, as a mean of logarithms; each further part must be worth its room.
    let cost = |breaks: &[f64]| {
        let parts = (breaks.len() + 1) as f64;
        let each = |end: &f64| {
            let above = breaks.iter().copied().filter(|at| at >= end);
            let to = above.fold(most, f64::min);
            let below = breaks.iter().copied().filter(|at| *at < to);
            let from = below.fold(0.0, f64::max);
            (parts * (to - from) / end).ln()
        };
        let mean = ends.iter().map(each).sum::<f64>() / ends.len().max(1) as f64;
        mean + breaks.len() as f64 * WORTH.ln()
    };
    let singles = round.iter().map(|at| vec![*at]);
    let pairs = round.iter().enumerate().flat_map(|(index, one)| {
        let further = round[index + 1..].iter();
        further.map(|two| vec![*one, *two])
    });
    let candidates = singles
        .chain(pairs)
        .filter(|breaks| is_coarser(breaks, most));
    candidates.fold(Vec::new(), |best, breaks| {
        if cost(&breaks) < cost(&best) {
            breaks
        } else {
            best
        }
    })
}

/// Whether each part of a broken axis is much longer than the one before it: then each is a look
/// from further away. A part that enlarged the ends of long bars would make them seem to differ
/// much.
fn is_coarser(breaks: &[f64], most: f64) -> bool {
    let ends = breaks.iter().copied().chain([most]);
    let lengths = ends.scan(0.0, |from, to| {
        let length = to - *from;
        *from = to;
        Some(length)
    });
    let lengths: Vec<f64> = lengths.collect();
    lengths.windows(2).all(|pair| pair[1] >= COARSER * pair[0])
}

/// The values of 1, 2 or 5 times a power of ten between two values.
fn round_values(least: f64, most: f64) -> Vec<f64> {
    if !(least > 0.0 && most > least) {
        return Vec::new();
    }
    let end = most.log10().ceil();
    std::iter::successors(Some(least.log10().floor()), |power| Some(power + 1.0))
        .take_while(|power| *power <= end)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powf(power)))
        .filter(|value| *value > least && *value < most)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_is_broken_where_starts_differ_much_and_only_there() {
        assert_eq!(breaks(&[]), [0.0; 0]);
        assert_eq!(breaks(&[3e6, 5e6, 9e6]), [0.0; 0]);
        assert_eq!(breaks(&[2e6, 3e6, 4e6, 900e6]), [5e6]);
        let ends = [1e6, 1.2e6, 1.5e6, 30e6, 35e6, 40e6, 1900e6, 2000e6];
        assert_eq!(breaks(&ends), [2e6, 50e6]);
    }

    #[test]
    fn no_part_of_a_broken_axis_enlarges_the_ends_of_long_bars() {
        let ends = [2.2e6, 3.9e6, 14e6, 209e6];
        assert!(
            breaks(&ends).iter().all(|at| *at <= 20e6),
            "{:?}",
            breaks(&ends)
        );
    }
}
