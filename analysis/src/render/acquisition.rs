//! What it costs to acquire code.

use findings::questions::acquisition::Acquisition;
use findings::units::{nanoseconds, percent};
use findings::{Findings, Measure};
use results::Phase;

use super::format::{interval, linked, median, names};
use crate::document::{Section, Table};

/// The section, where some system compiles in some of its starts.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let first = findings.acquisition.first()?;
    let title = format!(
        "Code acquisition: {} of a {} start of {} with {} is compilation",
        percent(first.share),
        first.scenario.name(),
        first.workload,
        first.system
    );
    let mut section = Section::new("acquisition", title);
    section.question = "Starts";
    section.text(
        "A start that compiles its code, and the same start with code from a cache, from a \
            precompiled file, or interpreted, of systems that were taken apart. The share is the \
            median of the acquisition phase over the median of the total.",
    );
    section.list(
        findings
            .acquisition
            .iter()
            .map(|it| sentence(findings, it))
            .collect(),
    );
    section.table(table(findings));
    Some(section)
}

/// How code is acquired, in words.
const fn mode(phase: Phase) -> &'static str {
    match phase {
        Phase::CacheHit => "a cache hit",
        Phase::Validate => "the interpreter",
        Phase::Deserialize => "precompiled code in memory",
        _ => "a mapped precompiled file",
    }
}

fn sentence(findings: &Findings, of: &Acquisition) -> String {
    let total = findings
        .facts
        .cell(&of.compiled)
        .and_then(|cell| cell.median(Measure::TotalNs))
        .unwrap_or(f64::NAN);
    let mut text = format!(
        "**{}, {}, {}:** {} of a compiled start ({}) is compilation",
        of.workload,
        of.scenario.name(),
        of.system,
        percent(of.share),
        nanoseconds(total)
    );
    let members = of.family.iter().flat_map(|family| &family.members);
    for (member, phase) in members.zip(&of.others) {
        text.push_str(&format!("; {}: {}", mode(*phase), member.clause()));
    }
    text + "."
}

fn table(findings: &Findings) -> Table {
    let columns = [
        "start",
        "workload",
        "scenario",
        ">median",
        ">95 % interval",
        ">of the compiled start (95 %)",
        "verdict",
    ];
    let mut table = Table::new("Starts against those that compile", &columns);
    for of in &findings.acquisition {
        for member in of.family.iter().flat_map(|family| &family.members) {
            let Some(cell) = findings.facts.cell(&member.candidate) else {
                continue;
            };
            let fields = [
                linked(&names(&[cell]), cell),
                of.workload.to_string(),
                of.scenario.name().to_owned(),
                median(cell, Measure::TotalNs),
                interval(cell, Measure::TotalNs),
                member.ratio_text(),
                member.label(),
            ];
            table.row_about(&of.workload, &[cell.system()], fields);
        }
    }
    table
}
