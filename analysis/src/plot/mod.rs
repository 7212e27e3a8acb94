//! Pictures: plotters lays out and draws charts, into SVG that is our own.
//!
//! plotters' own SVG has its colours in every element, so that a dark page cannot change them, no
//! titles for those who listen or point, and nothing that a style sheet could get hold of. So it
//! draws through a backend of ours: styles are names of classes carried as colours (`paint`),
//! shapes can have titles (`element`), numbers along axes have the units that people read (`axis`),
//! and the one list of colours in [`palette`] serves pages, files, PNG and PDF alike.

mod axis;
mod backend;
mod bars;
mod chart;
mod curves;
mod dots;
mod drawing;
mod ecdf;
mod element;
mod legend;
mod overview;
mod paint;
pub mod palette;
mod pdf;
mod picture;
mod png;
mod stack;

pub use bars::{Bar, draw_bars};
pub use curves::{Curve, CurvePoint, Plane, draw_curves};
pub use dots::{Dot, DotRow, draw_dots};
pub use drawing::{DrawError, Drawing};
pub use ecdf::{Steps, draw_ecdf};
pub use overview::draw_overview;
pub use picture::Picture;
pub use stack::{Segment, Stack, draw_stacks};
