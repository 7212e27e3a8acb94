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
mod label;
mod outside;
mod paired;
mod path;
pub mod plot;
pub mod publish;
pub mod report;
mod scaling;
mod state;
mod summary;
mod table;
mod waterfall;

pub use cold_start::cold_start;
pub use compare::{EnginePair, embedded_vs_cli};
pub use density::{DensityCurve, DensityPoint, density_curves};
pub use finding::finding;
pub use findings::{Estimate, input, median, statistics};
pub use firewall::firewall;
pub use outside::suite_report;
pub use path::path;
pub use scaling::{ScalingCurve, ScalingPoint, scaling_curves};
pub use summary::{
    CellSummary, Control, LoadSummary, PartSummary, PhaseSummary, Quantile, Summary,
};
pub use table::{csv, tables};
pub use waterfall::waterfall;

/// What people, or programs, are shown of a run. `tables` makes what people are shown of a summary,
/// and of the samples that it is of, at a width, with or without colours.
pub fn rendered(
    samples: &[results::Sample],
    format: campaign::run::Format,
    (width, colour): (usize, bool),
    tables: impl FnOnce(&Summary, &[results::Sample], usize, bool) -> String,
) -> String {
    use campaign::run::Format;
    let summary = Summary::of(samples);
    match format {
        Format::Table => tables(&summary, samples, width, colour),
        Format::Json => {
            let text = serde_json::to_string_pretty(&summary);
            text.expect("a summary is plain data: it always serialises") + "\n"
        }
        Format::Csv => csv(&summary),
    }
}

/// Everything that a person at a terminal of `width` columns is shown of a run.
pub fn report(summary: &Summary, width: usize, colour: bool) -> String {
    [
        tables(summary, width),
        waterfall(summary, width, colour),
        finding(summary),
    ]
    .join("\n")
}
