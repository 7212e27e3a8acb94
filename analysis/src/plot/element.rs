//! What plotters does not have: shapes with a title, intervals with paper below them, and markers.

use plotters::element::{Drawable, PointCollection, Rectangle};
use plotters::style::ShapeStyle;
use plotters_backend::{BackendCoord, DrawingBackend};
use systems::{Look, Marker};

use super::backend::{Svg, Written, steps};
use super::paint::{Paint, Role};

/// A rectangle with a title.
pub(crate) struct TitledRectangle<C> {
    rectangle: Rectangle<C>,
    title: String,
}

impl<C> TitledRectangle<C> {
    /// Between two corners.
    pub(crate) fn new(corners: [C; 2], paint: Paint, title: String) -> Self {
        Self {
            rectangle: Rectangle::new(corners, paint),
            title,
        }
    }
}

impl<'a, C> PointCollection<'a, C> for &'a TitledRectangle<C> {
    type Point = &'a C;
    type IntoIter = &'a [C];

    fn point_iter(self) -> &'a [C] {
        self.rectangle.point_iter()
    }
}

impl<C> Drawable<Svg> for TitledRectangle<C> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        points: I,
        backend: &mut Svg,
        size: (u32, u32),
    ) -> Written {
        backend.set_title(&self.title);
        self.rectangle.draw(points, backend, size)
    }
}

/// Which way an interval lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// From left to right, without ends.
    Bare,
    /// From left to right, on a bar: with ends, and with paper below.
    OnBar,
    /// From below to above, with ends.
    Upright,
}

/// An interval of a value.
pub(crate) struct Interval<C> {
    ends: [C; 2],
    lie: Lie,
}

impl<C> Interval<C> {
    /// From the first to the second.
    pub(crate) fn new(ends: [C; 2], lie: Lie) -> Self {
        Self { ends, lie }
    }
}

impl<'a, C> PointCollection<'a, C> for &'a Interval<C> {
    type Point = &'a C;
    type IntoIter = &'a [C];

    fn point_iter(self) -> &'a [C] {
        &self.ends
    }
}

impl<C> Drawable<Svg> for Interval<C> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        mut points: I,
        backend: &mut Svg,
        _size: (u32, u32),
    ) -> Written {
        let (Some(low), Some(high)) = (points.next(), points.next()) else {
            return Ok(());
        };
        let mut stroke = |role: Role, cap: f64| {
            let style = ShapeStyle::from(role);
            backend.draw_line(low, high, &style)?;
            let cap = steps(cap);
            let (dx, dy) = match self.lie {
                Lie::Bare => return Ok(()),
                Lie::OnBar => (0, cap),
                Lie::Upright => (cap, 0),
            };
            for (x, y) in [low, high] {
                backend.draw_line((x - dx, y - dy), (x + dx, y + dy), &style)?;
            }
            Ok(())
        };
        match self.lie {
            Lie::OnBar => {
                stroke(Role::Halo, 5.0)?;
                stroke(Role::Whisker, 4.0)
            }
            Lie::Bare | Lie::Upright => stroke(Role::Whisker, 3.0),
        }
    }
}

/// The marker of a system at a value.
pub(crate) struct Mark<C> {
    at: C,
    look: Look,
    title: String,
}

impl<C> Mark<C> {
    /// The marker of `look` at a place.
    pub(crate) fn new(at: C, look: Look) -> Self {
        let title = String::new();
        Self { at, look, title }
    }

    /// The same with a title.
    #[must_use]
    pub(crate) fn titled(self, title: String) -> Self {
        Self { title, ..self }
    }
}

impl<'a, C> PointCollection<'a, C> for &'a Mark<C> {
    type Point = &'a C;
    type IntoIter = std::iter::Once<&'a C>;

    fn point_iter(self) -> Self::IntoIter {
        std::iter::once(&self.at)
    }
}

/// Half of a marker's width.
const RADIUS: f64 = 4.5;

impl<C> Drawable<Svg> for Mark<C> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        mut points: I,
        backend: &mut Svg,
        _size: (u32, u32),
    ) -> Written {
        let Some((x, y)) = points.next() else {
            return Ok(());
        };
        backend.set_title(&self.title);
        let role = if self.look.hollow {
            Role::HollowMarker
        } else {
            Role::Marker
        };
        let style = ShapeStyle::from(role.in_colour(self.look.colour));
        let corners: &[(f64, f64)] = match self.look.marker {
            Marker::Circle => {
                return backend.draw_circle((x, y), steps(RADIUS).unsigned_abs(), &style, true);
            }
            Marker::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Marker::Up => &[(0.0, -1.1), (1.1, 0.9), (-1.1, 0.9)],
            Marker::Down => &[(0.0, 1.1), (1.1, -0.9), (-1.1, -0.9)],
            Marker::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
            Marker::Plus => &PLUS,
            Marker::Cross => &CROSS,
        };
        let corner = |(dx, dy): &(f64, f64)| (x + steps(dx * RADIUS), y + steps(dy * RADIUS));
        backend.fill_polygon(corners.iter().map(corner), &style)
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
