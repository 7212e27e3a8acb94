//! Pictures, written as SVG by hand.
//!
//! Not with a library of plots: what those write has its colours in every element, so that a dark
//! page cannot change them, no titles for those who listen, and nothing that a style sheet could
//! get hold of. Here every shape has a class, and the one list of colours in [`palette`] serves
//! pages, files and PNG alike.

mod axis;
mod bars;
mod canvas;
mod curves;
mod dots;
mod ecdf;
mod legend;
pub mod palette;
mod png;
mod stack;

pub use axis::Scale;
pub use bars::{Bar, bars};
pub use canvas::Picture;
pub use curves::{Curve, CurvePoint, Plane, curves};
pub use dots::{Dot, DotRow, dots};
pub use ecdf::{Steps, ecdf};
pub use findings::units::Unit;
pub use palette::Marker;
pub use png::{PngError, png};
pub use stack::{Segment, Stack, stacks};
