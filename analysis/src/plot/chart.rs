//! What all charts have in common: the frame with its axes, rows with labels, and a legend below.

use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{EmptyElement, Text};
use plotters::style::text_anchor::HPos;

use super::axis::{Axis, Rows};
use super::backend::{Svg, steps};
use super::paint::{Paint, Role};
use super::picture::{Area, Drawn, WIDTH, text_width};

/// Room below a frame for the numbers along its axis, and the axis's title.
pub(crate) const FOOT: f64 = 36.0;

/// Room above a frame.
const HEAD: f64 = 6.0;

/// A chart of rows.
pub(crate) type RowChart = ChartContext<'static, Svg, Cartesian2d<Axis, Rows>>;

/// A chart of curves.
pub(crate) type CurveChart = ChartContext<'static, Svg, Cartesian2d<Axis, Axis>>;

/// What a chart needs around its frame, to the left and to the right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides {
    pub(crate) left: f64,
    pub(crate) right: f64,
}

impl Sides {
    /// How wide the frame is in a picture.
    pub(crate) fn frame_width(self) -> f64 {
        WIDTH - self.left - self.right
    }
}

/// How high a chart of rows is, without a legend.
pub(crate) fn height_of_rows(rows: usize, row_height: f64) -> f64 {
    HEAD + rows as f64 * row_height + FOOT
}

/// Draws the axis of a chart of rows.
pub(crate) fn draw_row_frame(
    area: &Area,
    axis: Axis,
    rows: usize,
    sides: Sides,
) -> Result<RowChart, super::picture::Failed> {
    let title = axis.title.clone();
    let mut chart = ChartBuilder::on(area)
        .margin_top(steps(HEAD))
        .margin_left(steps(sides.left))
        .margin_right(steps(sides.right))
        .x_label_area_size(steps(FOOT))
        .build_cartesian_2d(axis, Rows(rows))?;
    let numbers = Paint::from(Role::Muted).text(11.0, HPos::Center);
    chart
        .configure_mesh()
        .bold_line_style(Role::Grid)
        .axis_style(Role::Axis)
        .label_style(numbers)
        .set_tick_mark_size(LabelAreaPosition::Bottom, steps(3.0))
        .x_desc(title)
        .draw()?;
    Ok(chart)
}

/// Draws the axes of a chart of curves.
pub(crate) fn draw_curve_frame(
    area: &Area,
    x: Axis,
    y: Axis,
    sides: Sides,
) -> Result<CurveChart, super::picture::Failed> {
    // The title of the upright axis is not right at the picture's edge.
    const EDGE: f64 = 6.0;
    let (x_title, y_title) = (x.title.clone(), y.title.clone());
    let mut chart = ChartBuilder::on(area)
        .margin_top(steps(HEAD + 2.0))
        .margin_left(steps(EDGE))
        .margin_right(steps(sides.right))
        .x_label_area_size(steps(FOOT))
        .y_label_area_size(steps(sides.left - EDGE))
        .build_cartesian_2d(x, y)?;
    let numbers = Paint::from(Role::Muted).text(11.0, HPos::Center);
    chart
        .configure_mesh()
        .bold_line_style(Role::Grid)
        .axis_style(Role::Axis)
        .label_style(numbers)
        .set_tick_mark_size(LabelAreaPosition::Bottom, steps(3.0))
        .set_tick_mark_size(LabelAreaPosition::Left, steps(3.0))
        .x_desc(x_title)
        .y_desc(y_title)
        .draw()?;
    Ok(chart)
}

/// Writes the labels of rows before them, so far from the frame.
pub(crate) fn draw_labels<'a>(
    chart: &mut RowChart,
    labels: impl Iterator<Item = &'a str>,
    distance: f64,
    room: f64,
) -> Drawn {
    let from = chart.plotting_area().get_x_range().start;
    let label = |(index, label): (usize, &str)| {
        let (text, size) = fitting(label, room);
        let style = Paint::from(Role::Ink).text(size, HPos::Right);
        EmptyElement::at((from, index as f64 + 0.5)) + Text::new(text, (steps(-distance), 0), style)
    };
    chart.draw_series(labels.enumerate().map(label))?;
    Ok(())
}

/// A text that must fit into `room`: smaller if need be, and cut off at last.
fn fitting(text: &str, room: f64) -> (String, f64) {
    if text_width(text, 12.0) <= room {
        return (text.to_owned(), 12.0);
    }
    if text_width(text, 11.0) <= room {
        return (text.to_owned(), 11.0);
    }
    let mut shown = text.to_owned();
    while !shown.is_empty() && text_width(&shown, 11.0) + 9.0 > room {
        shown.pop();
    }
    (format!("{}…", shown.trim_end()), 11.0)
}
