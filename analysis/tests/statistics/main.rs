//! The statistics against reference values, on simulated data, and on input that is no data.

mod dips;
mod known;
