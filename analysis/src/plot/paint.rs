//! What shapes and texts look like: names of classes, carried through plotters as colours.
//!
//! A colour of plotters is three numbers, and a picture that is light or dark as the page around it
//! cannot have such. So each [`Paint`] is written into a colour, and the backend reads it back and
//! writes its class.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::palette;

/// The role of a shape or a text in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A line from a number along an axis.
    Grid,
    /// An axis.
    Axis,
    /// Text that is read first.
    Ink,
    /// Text beside that.
    Muted,
    /// An interval, or a value of its own across a bar.
    Whisker,
    /// The same, heavier.
    Total,
    /// The line where two values are the same.
    Same,
    /// Paper below an interval, so that it is seen on a bar of any colour.
    Halo,
    /// A bar.
    Bar,
    /// A part of a bar.
    Part,
    /// A part of a bar with an edge that keeps it apart from its neighbours.
    EdgedPart,
    /// A letter on a part of a bar.
    Letter,
    /// A curve.
    Line,
    /// The curve of a system whose marker is hollow.
    Dashed,
    /// A curve that was not measured.
    Dotted,
    /// A marker.
    Marker,
    /// A marker that is only an outline.
    HollowMarker,
}

const ROLES: [Role; 17] = [
    Role::Grid,
    Role::Axis,
    Role::Ink,
    Role::Muted,
    Role::Whisker,
    Role::Total,
    Role::Same,
    Role::Halo,
    Role::Bar,
    Role::Part,
    Role::EdgedPart,
    Role::Letter,
    Role::Line,
    Role::Dashed,
    Role::Dotted,
    Role::Marker,
    Role::HollowMarker,
];

/// A role in a colour of the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    role: Role,
    colour: &'static str,
}

impl Role {
    /// In a colour of the palette, by its name.
    pub(crate) fn in_colour(self, colour: &'static str) -> Paint {
        Paint { role: self, colour }
    }
}

impl Paint {
    /// The classes of this paint.
    pub(crate) fn class(self) -> String {
        let colour = self.colour;
        match self.role {
            Role::Grid => "grid".to_owned(),
            Role::Axis => "axis".to_owned(),
            Role::Ink => "ink".to_owned(),
            Role::Muted => "muted".to_owned(),
            Role::Whisker => "whisker".to_owned(),
            Role::Total => "whisker line".to_owned(),
            Role::Same => "whisker dash".to_owned(),
            Role::Halo => "halo".to_owned(),
            Role::Bar => format!("f-{colour} faint outline"),
            Role::Part => format!("f-{colour}"),
            Role::EdgedPart => format!("f-{colour} edge"),
            Role::Letter => format!("i-{colour}"),
            Role::Line => format!("k-{colour} line"),
            Role::Dashed => format!("k-{colour} line dash"),
            Role::Dotted => format!("k-{colour} dot"),
            Role::Marker => format!("f-{colour} k-{colour} mark"),
            Role::HollowMarker => format!("hollow k-{colour} mark"),
        }
    }

    /// What [`colour`](Self::colour) was made of.
    pub(crate) fn from_rgb((role, colour, _): (u8, u8, u8)) -> Option<Self> {
        Some(Self {
            role: *ROLES.get(usize::from(role))?,
            colour: palette::name(colour)?,
        })
    }

    /// This paint as plotters carries it.
    fn colour(self) -> RGBColor {
        let role = ROLES.iter().position(|role| *role == self.role);
        let role = role.and_then(|role| u8::try_from(role).ok());
        let role = role.expect("every role is in the list, and there are fewer than 256");
        RGBColor(role, palette::number(self.colour), 0)
    }

    /// A text in this paint, whose left end or middle or right end is at its place.
    pub(crate) fn text(self, size: f64, anchor: HPos) -> TextStyle<'static> {
        self.styled(size, anchor, FontStyle::Normal)
    }

    /// A bold text around its place.
    pub(crate) fn bold(self, size: f64) -> TextStyle<'static> {
        self.styled(size, HPos::Center, FontStyle::Bold)
    }

    fn styled(self, size: f64, anchor: HPos, weight: FontStyle) -> TextStyle<'static> {
        TextStyle {
            font: FontDesc::new(FontFamily::SansSerif, size, weight),
            color: self.colour().to_backend_color(),
            pos: Pos::new(anchor, VPos::Center),
        }
    }
}

impl From<Role> for Paint {
    fn from(role: Role) -> Self {
        role.in_colour(palette::NONE)
    }
}

impl From<Role> for ShapeStyle {
    fn from(role: Role) -> Self {
        Paint::from(role).into()
    }
}

impl From<Paint> for ShapeStyle {
    fn from(paint: Paint) -> Self {
        paint.colour().filled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paint_comes_back_from_its_colour() {
        for role in ROLES {
            for colour in ["native", "p-blue", palette::NONE] {
                let paint = role.in_colour(colour);
                let RGBColor(r, g, b) = paint.colour();
                assert_eq!(Paint::from_rgb((r, g, b)), Some(paint));
            }
        }
        assert_eq!(Paint::from_rgb((255, 0, 0)), None);
    }
}
