//! From samples to findings.
//!
//! Starts no process, opens no socket and reads no clock: the same samples give the same findings.

pub mod input;
pub mod look;
pub mod median;
pub mod statistics;
pub mod units;

pub use median::{Estimate, median};
