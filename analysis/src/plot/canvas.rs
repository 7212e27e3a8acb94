//! The paper that pictures are drawn on.

use super::palette::{self, Look, Marker};

/// How wide every picture is. Pages scale it down to what they have, and let it be moved sideways
/// on a phone.
pub(crate) const WIDTH: f64 = 820.0;

/// What a letter of the labels is wide on average, in parts of its size: that of the typeface in
/// the PNG files, which is wider than those of browsers.
const LETTER: f64 = 0.61;

/// Room for the title in a file of its own.
const TITLE: f64 = 34.0;

/// A finished picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    height: f64,
    body: String,
    summary: String,
}

/// A picture being drawn.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

/// As short as a coordinate can be written without being seen to be off.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    if text == "-0" { "0".to_owned() } else { text }
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// About how wide a text of this size is.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * LETTER
}

impl Canvas {
    pub(crate) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], tip: &str) {
        let [x, y, width, height] = [x, y, width.max(0.0), height].map(short);
        let tip = if tip.is_empty() {
            String::new()
        } else {
            format!("<title>{}</title>", escaped(tip))
        };
        self.body.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
                height=\"{height}\">{tip}</rect>\n"
        ));
    }

    pub(crate) fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(short);
        self.body.push_str(&format!(
            "<path class=\"{class}\" d=\"M{x1} {y1}L{x2} {y2}\"/>\n"
        ));
    }

    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let Some((first, rest)) = points.split_first() else {
            return;
        };
        let mut d = format!("M{} {}", short(first.0), short(first.1));
        rest.iter()
            .for_each(|(x, y)| d.push_str(&format!("L{} {}", short(*x), short(*y))));
        self.body.push_str(&format!(
            "<path class=\"{class}\" fill=\"none\" d=\"{d}\"/>\n"
        ));
    }

    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let [x, y] = [x, y].map(short);
        self.body.push_str(&format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>\n",
            escaped(text)
        ));
    }

    /// A text that ends at `x` and must fit into `room`: smaller if need be, and cut off at last.
    pub(crate) fn label(&mut self, x: f64, y: f64, text: &str, room: f64) {
        let class = if text_width(text, 12.0) <= room {
            "ink t e"
        } else {
            "ink n e"
        };
        if text_width(text, 11.0) <= room {
            return self.text(class, x, y, text);
        }
        let mut shown: String = text.chars().collect();
        while !shown.is_empty() && text_width(&shown, 11.0) + 9.0 > room {
            shown.pop();
        }
        self.text(class, x, y, &format!("{}…", shown.trim_end()));
    }

    /// A text that is read from below, along the vertical axis.
    pub(crate) fn upright(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let [x, y] = [x, y].map(short);
        self.body.push_str(&format!(
            "<text class=\"{class}\" transform=\"translate({x} {y}) rotate(-90)\">{}</text>\n",
            escaped(text)
        ));
    }

    pub(crate) fn marker(&mut self, look: Look, x: f64, y: f64, tip: &str) {
        let r = 4.5;
        let polygon = |points: &[(f64, f64)]| {
            points
                .iter()
                .map(|(dx, dy)| format!("{},{}", short(x + dx * r), short(y + dy * r)))
                .collect::<Vec<_>>()
        };
        let fill = if look.hollow {
            "hollow".to_owned()
        } else {
            format!("f-{}", look.colour)
        };
        let class = format!("{fill} k-{}", look.colour);
        let tip = if tip.is_empty() {
            String::new()
        } else {
            format!("<title>{}</title>", escaped(tip))
        };
        let shape = match look.marker {
            Marker::Circle => {
                format!(
                    "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{r}\"",
                    short(x),
                    short(y)
                )
            }
            Marker::Square => format!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"8\" height=\"8\"",
                short(x - 4.0),
                short(y - 4.0)
            ),
            other => {
                let points: &[(f64, f64)] = match other {
                    Marker::Up => &[(0.0, -1.1), (1.1, 0.9), (-1.1, 0.9)],
                    Marker::Down => &[(0.0, 1.1), (1.1, -0.9), (-1.1, -0.9)],
                    Marker::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
                    Marker::Plus => &PLUS,
                    _ => &CROSS,
                };
                format!(
                    "<polygon class=\"{class}\" points=\"{}\"",
                    polygon(points).join(" ")
                )
            }
        };
        self.body.push_str(&format!(
            "{shape} stroke-width=\"1.5\">{tip}{}\n",
            closing(&shape)
        ));
    }

    pub(crate) fn done(self, height: f64, summary: impl Into<String>) -> Picture {
        Picture {
            height,
            body: self.body,
            summary: summary.into(),
        }
    }
}

const PLUS: [(f64, f64); 12] = [
    (-0.35, -1.1),
    (0.35, -1.1),
    (0.35, -0.35),
    (1.1, -0.35),
    (1.1, 0.35),
    (0.35, 0.35),
    (0.35, 1.1),
    (-0.35, 1.1),
    (-0.35, 0.35),
    (-1.1, 0.35),
    (-1.1, -0.35),
    (-0.35, -0.35),
];

const CROSS: [(f64, f64); 12] = [
    (-0.53, -1.03),
    (0.0, -0.5),
    (0.53, -1.03),
    (1.03, -0.53),
    (0.5, 0.0),
    (1.03, 0.53),
    (0.53, 1.03),
    (0.0, 0.5),
    (-0.53, 1.03),
    (-1.03, 0.53),
    (-0.5, 0.0),
    (-1.03, -0.53),
];

fn closing(shape: &str) -> &'static str {
    match shape.as_bytes().get(1) {
        Some(b'c') => "</circle>",
        Some(b'r') => "</rect>",
        _ => "</polygon>",
    }
}

impl Picture {
    /// Within a page, which brings the style. `name` is what is read aloud first.
    pub fn inline(&self, id: &str, name: &str) -> String {
        format!(
            "<svg class=\"plot\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" viewBox=\"0 0 {} \
                {}\">\n\
             <title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n{}</svg>",
            short(WIDTH),
            short(self.height),
            escaped(name),
            escaped(&self.summary),
            self.body
        )
    }

    /// A file of its own, with the title in it.
    pub fn standalone(&self, title: &str) -> String {
        let height = self.height + TITLE;
        let shown = if text_width(title, 15.0) > WIDTH - 20.0 {
            13.0
        } else {
            15.0
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" \
                height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"'DejaVu Sans', \
                Verdana, sans-serif\">\n<title>{title}</title>\n<desc>{}</desc>\n<style>{}</style>\n\
             <rect class=\"paper\" x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\"/>\n\
             <text class=\"ink b\" x=\"10\" y=\"22\" style=\"font-size:{}px\">{title}</text>\n\
             <g transform=\"translate(0 {})\">\n{}</g>\n</svg>\n",
            escaped(&self.summary),
            palette::style(false),
            short(shown),
            short(TITLE),
            self.body,
            width = short(WIDTH),
            height = short(height),
            title = escaped(title),
        )
    }
}
