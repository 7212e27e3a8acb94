//! Where plotters draws: SVG with classes instead of colours, titles for those who listen or point,
//! and texts that a browser or the PNG's typeface sets.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle, FontTransform,
};

use super::paint::Paint;
use super::picture::{escape, text_width};

/// Backends count in whole steps, and a picture's unit is ten of them: a coordinate is never seen
/// to be off.
const STEPS: f64 = 10.0;

/// A part of a bar is at least so wide, in steps: less is not seen.
const LEAST_WIDTH: i32 = 4;

/// Where the baseline of a text is below its top, its middle and its bottom, in parts of its size.
const BASELINES: [f64; 3] = [0.76, 0.36, -0.24];

/// What writing returns: nothing goes wrong in memory.
pub(crate) type Written = Result<(), DrawingErrorKind<Infallible>>;

/// A length of a picture in steps.
#[expect(
    clippy::cast_possible_truncation,
    reason = "pictures are some thousand steps wide and high"
)]
pub(crate) fn steps(length: f64) -> i32 {
    (length * STEPS).round() as i32
}

/// An SVG being written.
pub(crate) struct Svg {
    body: Rc<RefCell<String>>,
    size: (u32, u32),
    title: Option<String>,
}

impl Svg {
    /// One of this width and height.
    pub(crate) fn new(body: Rc<RefCell<String>>, (width, height): (f64, f64)) -> Self {
        Self {
            body,
            size: (steps(width).unsigned_abs(), steps(height).unsigned_abs()),
            title: None,
        }
    }

    /// Gives the next shape a title: shown where it is pointed at, and read aloud.
    pub(crate) fn set_title(&mut self, title: &str) {
        self.title = (!title.is_empty()).then(|| title.to_owned());
    }

    /// Writes a shape: its element with attributes, in a style.
    fn shape(&mut self, element: &str, attributes: &str, style: &impl BackendStyle) {
        let color = style.color();
        let title = self.title.take();
        let Some(class) = class(color) else {
            return;
        };
        let end = title.map_or_else(
            || "/>\n".to_owned(),
            |title| format!("><title>{}</title></{element}>\n", escape(&title)),
        );
        self.body
            .borrow_mut()
            .push_str(&format!("<{element} class=\"{class}\" {attributes}{end}"));
    }
}

/// The classes of a colour; none of what is transparent.
fn class(color: BackendColor) -> Option<String> {
    (color.alpha > 0.0).then(|| {
        let paint = Paint::from_rgb(color.rgb);
        paint
            .expect("every style in these pictures is made of a paint")
            .class()
    })
}

/// A coordinate as short as it can be written.
fn short(step: i32) -> String {
    let value = f64::from(step) / STEPS;
    format!("{value}")
}

impl DrawingBackend for Svg {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Written {
        Ok(())
    }

    fn present(&mut self) -> Written {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Written {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Written {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        _fill: bool,
    ) -> Written {
        let width = (right - left).max(LEAST_WIDTH);
        let attributes = format!(
            "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            short(left),
            short(top),
            short(width),
            short((bottom - top).max(0))
        );
        self.shape("rect", &attributes, style);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Written {
        let points: Vec<_> = path
            .into_iter()
            .map(|(x, y)| format!("{} {}", short(x), short(y)))
            .collect();
        if points.is_empty() {
            return Ok(());
        }
        let attributes = format!("fill=\"none\" d=\"M{}\"", points.join("L"));
        self.shape("path", &attributes, style);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Written {
        let radius = f64::from(radius) / STEPS;
        let attributes = format!("cx=\"{}\" cy=\"{}\" r=\"{radius}\"", short(x), short(y));
        self.shape("circle", &attributes, style);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Written {
        let corners: Vec<_> = corners
            .into_iter()
            .map(|(x, y)| format!("{},{}", short(x), short(y)))
            .collect();
        self.shape(
            "polygon",
            &format!("points=\"{}\"", corners.join(" ")),
            style,
        );
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &T,
        (x, y): BackendCoord,
    ) -> Written {
        let (Some(class), false) = (class(style.color()), text.is_empty()) else {
            return Ok(());
        };
        let size = style.size();
        let below = match style.anchor().v_pos {
            VPos::Top => BASELINES[0],
            VPos::Center => BASELINES[1],
            VPos::Bottom => BASELINES[2],
        };
        let below = steps(size * below);
        let place = match style.transform() {
            FontTransform::Rotate270 => format!(
                "transform=\"translate({} {}) rotate(-90)\"",
                short(x + below),
                short(y)
            ),
            _ => format!("x=\"{}\" y=\"{}\"", short(x), short(y + below)),
        };
        // Two sizes of text are enough for a picture.
        let size = if size > 11.0 { "t" } else { "n" };
        let bold = match style.style() {
            FontStyle::Bold => " b",
            _ => "",
        };
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " m",
            HPos::Right => " e",
        };
        self.body.borrow_mut().push_str(&format!(
            "<text class=\"{class} {size}{bold}{anchor}\" {place}>{}</text>\n",
            escape(text)
        ));
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size();
        Ok((
            steps(text_width(text, size)).unsigned_abs(),
            steps(size).unsigned_abs(),
        ))
    }
}
