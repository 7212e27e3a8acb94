//! A finished picture, and how one is made.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use results::names::FileName;

use super::backend::Svg;
use super::palette;

/// How wide every picture is. Pages scale it down to what they have, and let it be moved sideways
/// on a phone.
pub(crate) const WIDTH: f64 = 820.0;

/// What a letter of the labels is wide on average, in parts of its size: that of the typeface in
/// the PNG files, which is wider than those of browsers.
const LETTER: f64 = 0.61;

/// Room for the title in a file of its own.
const TITLE: f64 = 34.0;

/// Space that a picture is drawn into, in steps of a backend.
pub(crate) type Area = DrawingArea<Svg, Shift>;

/// What drawing returns.
pub(crate) type Drawn = Result<(), Failed>;

/// Why plotters could not draw: never, since the backend has no errors of its own.
pub(crate) type Failed = DrawingAreaErrorKind<Infallible>;

/// A finished picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    height: f64,
    body: String,
    summary: String,
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// About how wide a text of this size is.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

/// The room that the longest of these labels needs, within limits.
pub(crate) fn label_room<'a>(labels: impl Iterator<Item = &'a str>, most: f64) -> f64 {
    labels
        .map(|label| text_width(label, 12.0))
        .fold(60.0, f64::max)
        .min(most)
}

impl Picture {
    /// Draws a picture of this height. `summary` is its text for people who cannot see it.
    pub(crate) fn draw(height: f64, summary: String, draw: impl FnOnce(&Area) -> Drawn) -> Self {
        let body = Rc::new(RefCell::new(String::new()));
        let area = Svg::new(Rc::clone(&body), (WIDTH, height)).into_drawing_area();
        draw(&area).expect("the backend writes into memory, and nothing else borrows it");
        Self {
            height,
            body: body.take(),
            summary,
        }
    }

    /// Within a page, which brings the style. `name` is what is read aloud first.
    pub fn inline(&self, id: &FileName, name: &str) -> String {
        format!(
            "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 \
                {WIDTH} {}\">\n\
             <title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n{}</svg>",
            self.height,
            escape(name),
            escape(&self.summary),
            self.body
        )
    }

    /// A file of its own, with the title in it.
    pub fn standalone(&self, title: &str) -> String {
        let size = if text_width(title, 15.0) > WIDTH - 20.0 {
            13
        } else {
            15
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{WIDTH}\" \
                height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"'DejaVu Sans', \
                Verdana, sans-serif\">\n<title>{title}</title>\n<desc>{}</desc>\n\
             <style>{}</style>\n\
             <rect class=\"paper\" x=\"0\" y=\"0\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text class=\"ink b\" x=\"10\" y=\"22\" style=\"font-size:{size}px\">{title}</text>\n\
             <g transform=\"translate(0 {TITLE})\">\n{}</g>\n</svg>\n",
            escape(&self.summary),
            palette::style(false),
            self.body,
            height = self.height + TITLE,
            title = escape(title),
        )
    }
}
