//! From a run to its report: numbers first, as one value that can be derived again; then sections
//! that tell them.

mod analysis;
mod answer;
mod cells;
mod clocks;
mod contrasts;
mod facts;
mod growth;
mod layers;
mod load;
mod naming;
mod objective;
mod pairs;
mod pays;
mod ranking;
mod starts;
mod variations;
mod words;

pub(crate) use analysis::compared_by;
pub use analysis::{Analysis, Options};
pub use contrasts::{Family, Member, PolicyFacts};
pub use facts::{CellFacts, Measure, Measured, PhaseFacts, Pooled};
pub use objective::{Clause, ObjectiveError, parse as parse_objective};

use crate::document::{Block, Document, Section};
use findings::input::Run;

/// The whole report.
pub fn document(run: &Run, analysis: &Analysis) -> Document {
    let mut sections = vec![answer::tell(run, analysis)];
    sections.extend(starts::tell(analysis));
    sections.extend(pairs::tell(run, analysis));
    sections.extend(layers::tell(analysis));
    sections.extend(load::tell(run, analysis));
    sections.extend(growth::tell(analysis));
    sections.extend(variations::tell(analysis));
    sections.extend(pays::tell(analysis));
    sections.extend(objective::tell(analysis));
    sections.extend(ranking::tell(analysis));
    sections.extend(clocks::tell(analysis));
    sections.push(cells::tell(analysis));
    found_elsewhere(&mut sections);
    let workloads = analysis.workloads().len();
    let made = run.manifest.as_ref().map_or_else(String::new, |manifest| {
        format!(", measured {}", manifest.created_at)
    });
    Document {
        title: format!("Where does a cold start go? Run {}", run.name),
        subtitle: format!(
            "{} in {} of {}{made}. Every number leads to its cell and its samples; every picture \
                has its numbers below it.",
            words::count(run.samples, "sample"),
            words::count(analysis.cells.len() as u64, "cell"),
            words::count(workloads as u64, "workload"),
        ),
        sections,
    }
}

/// The headings that are findings, in the opening too.
fn found_elsewhere(sections: &mut [Section]) {
    const FINDINGS: [&str; 11] = [
        "layers",
        "scaling",
        "density",
        "firewall",
        "path",
        "state",
        "page-cache",
        "without",
        "pays",
        "ranking",
        "clocks",
    ];
    let findings = sections
        .iter()
        .filter(|section| FINDINGS.contains(&section.id.as_str()));
    let findings: Vec<_> = findings
        .map(|section| format!("[{}](#{}).", section.title, section.id))
        .collect();
    let list = sections.first_mut().and_then(|answer| {
        answer.blocks.iter_mut().find_map(|block| match block {
            Block::List(items) => Some(items),
            _ => None,
        })
    });
    if let Some(list) = list {
        list.extend(findings);
        if list.is_empty() {
            list.push("Nothing could be measured.".to_owned());
        }
    }
}
