//! From samples to findings: pure functions, each question answered once.
//!
//! Starts no process, opens no socket and reads no clock: the same samples give the same findings.
//! Each module depends on those before it only:
//!
//! | module | holds |
//! |---|---|
//! | [`units`] | numbers as people read them |
//! | [`look`] | how phases are shown |
//! | [`statistics`] | from numbers to numbers |
//! | [`input`] | a run read line by line, grouped by cell, with everything that is wrong with it named |
//! | [`cells`] | what was measured of each cell, and what each is called |
//! | [`comparison`] | every comparison: its design, estimate, interval, verdict and words |
//! | [`facts`] | a run's cells with what more than one question is made of |
//! | [`questions`] | one module a question; none knows another |
//! | [`Findings`] | all answers, as one value |
//! | [`between_runs`] | whether a build is slower than another: runs against runs |
//! | [`planning`] | how many samples a finding takes, from a pilot run |

pub mod between_runs;
pub mod cells;
pub mod comparison;
pub mod facts;
mod findings;
pub mod input;
pub mod look;
pub mod planning;
pub mod questions;
pub mod statistics;
pub mod units;

pub use cells::{CellFacts, Measure, Names, RequestFacts};
pub use facts::Facts;
pub use findings::{Findings, Options};
pub use statistics::Estimate;
