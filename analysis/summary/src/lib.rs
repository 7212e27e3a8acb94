//! Findings as text for a terminal, and as JSON and CSV: what the programs that measure print at the
//! end of a run. Every number is the one that the report has.

mod closing;
mod duel;
mod engine_pairs;
mod factors;
mod instances;
mod layers;
mod levers;
mod load_curve;
mod phases;
mod sentences;
mod starts;
mod table;
mod tabular;
mod virtual_machines;
mod waterfall;

use campaign::run::Format;
use findings::input::Run;
use findings::{Findings, Options};
use results::Sample;
use results::manifest::Manifest;

pub use tabular::{cells_csv, csv};

/// What a person wants to see of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Starts phase by phase: `host phases`.
    Phases,
    /// Systems side by side, from outside: `external suite` and its likes.
    Suite,
    /// An engine embedded beside its own command line.
    EnginePairs,
    /// Every system's start on one axis, and containers in their layers.
    ColdStart,
    /// One build beside another: `external duel`.
    Duel,
}

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether phases have colours.
    pub colour: bool,
}

/// What was found in samples that were just measured.
pub fn findings(manifest: &Manifest, samples: &[Sample]) -> Findings {
    let run = Run::from_samples(Some(manifest.clone()), samples);
    Findings::from_run(&run, Options::default())
}

/// A run in a format. `view` and `style` are those of text.
pub fn format(findings: &Findings, format: Format, view: View, style: Style) -> String {
    match format {
        Format::Table => render(findings, view, style),
        Format::Json => String::from_utf8_lossy(&findings.to_json()).into_owned(),
        Format::Csv => String::from_utf8_lossy(&cells_csv(findings)).into_owned(),
    }
}

/// A run as text.
pub fn render(findings: &Findings, view: View, style: Style) -> String {
    let text = match view {
        // A hundred starts of one guest: what they are for fits on a page, and a report has them all.
        View::Phases if !findings.levers.is_empty() => [
            levers::render(findings),
            sentences::controls(findings),
            sentences::sessions(findings),
        ]
        .concat(),
        View::Phases => [
            phases::render(findings, style.width),
            waterfall::render(findings, style),
            sentences::acquisition(findings) + &sentences::sessions(findings),
        ]
        .join("\n"),
        View::Suite => [
            starts::render(findings),
            virtual_machines::render(findings),
            load_curve::render(findings),
            instances::scaling(findings),
            instances::density(findings),
            factors::render(findings),
            starts::parts(findings),
            sentences::not_counted(findings),
            sentences::sessions(findings),
            waterfall::render(findings, style),
            sentences::observer(findings),
            sentences::harness(findings),
            sentences::biases(findings),
            sentences::controls(findings),
        ]
        .concat(),
        View::EnginePairs => [
            engine_pairs::render(findings, style),
            sentences::biases(findings),
            sentences::controls(findings),
        ]
        .concat(),
        View::Duel => [
            duel::render(findings),
            sentences::not_counted(findings),
            sentences::controls(findings),
        ]
        .concat(),
        View::ColdStart => [
            layers::render(findings, style),
            virtual_machines::render(findings),
            factors::render(findings),
            waterfall::legend(findings, style),
            sentences::biases(findings),
            sentences::controls(findings),
        ]
        .concat(),
    };
    let closing = match view {
        View::Suite | View::ColdStart => closing::render(findings),
        View::Phases | View::EnginePairs | View::Duel => String::new(),
    };
    text + &sentences::blocks(findings) + &closing
}
