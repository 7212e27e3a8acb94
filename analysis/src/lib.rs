//! From samples to findings: intervals, the phase table, the waterfall, one sentence; and the whole
//! report.
//!
//! Starts no process, opens no socket and reads no clock: the same samples give the same bytes.
//!
//! The programs that measure print a summary: [`Summary`], [`tables`], [`waterfall`],
//! [`suite_report`] and their likes. The program `analysis` does the rest, behind the feature
//! `report`:
//!
//! | module | holds |
//! |---|---|
//! | [`statistics`] | from numbers to numbers |
//! | `input` | a run read line by line, grouped by cell, with everything that is wrong with it named |
//! | `report` | all numbers of a run as one value, and the sections that tell them |
//! | `document` | a report before it is a page, a text or a paper; and each of the three |
//! | `plot` | pictures as SVG and PNG, and the one list of colours |
//! | `publish` | the files of a report |
//! | `command` | what the program does, and how it ends |

mod cold_start;
pub mod command;
mod compare;
mod density;
pub mod document;
mod finding;
mod firewall;
pub mod input;
mod label;
mod median;
mod outside;
mod paired;
mod path;
pub mod plot;
pub mod publish;
pub mod report;
mod scaling;
mod state;
pub mod statistics;
mod summary;
mod table;
mod units;
mod waterfall;

pub use cold_start::cold_start;
pub use compare::{EnginePair, embedded_vs_cli};
pub use density::{DensityCurve, DensityPoint, density_curves};
pub use finding::finding;
pub use firewall::firewall;
pub use median::{Estimate, median};
pub use outside::suite_report;
pub use path::path;
pub use scaling::{ScalingCurve, ScalingPoint, scaling_curves};
pub use summary::{
    CellSummary, Control, LoadSummary, PartSummary, PhaseSummary, Quantile, Summary,
};
pub use table::{csv, tables};
pub use waterfall::waterfall;

/// Everything that a person at a terminal of `width` columns is shown of a run.
pub fn report(summary: &Summary, width: usize, colour: bool) -> String {
    [
        tables(summary, width),
        waterfall(summary, width, colour),
        finding(summary),
    ]
    .join("\n")
}
