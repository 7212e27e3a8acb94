//! The statistics against reference values, on simulated data, and on input that is no data.

mod bounds;
mod calibration;
mod carry_over;
mod decisions;
mod dips;
mod intervals;
mod known;
mod properties;
mod scipy;
mod simulate;
mod steadiness;
