//! Findings as a document: one module a question, which formats and computes nothing.

mod acquisition;
mod break_even;
mod cells;
mod clocks;
mod container_layers;
mod density;
mod duel;
mod engine_pairs;
mod factors;
pub(crate) mod format;
mod kinds_of_cold;
mod levers;
mod lifecycles;
mod limits;
mod load_curve;
mod objectives;
mod opening;
mod pool_slots;
mod ranking;
mod requests;
mod scaling;
mod starts;
mod virtual_machines;

use std::collections::BTreeMap;

use findings::{CellFacts, Findings};
use systems::{Description, Family, in_families};

use crate::document::{Document, Section, literal};

/// The whole report.
pub fn document(findings: &Findings) -> Document {
    let sections: Vec<Section> = duel::render(findings)
        .into_iter()
        .chain(kinds_of_cold::render(findings))
        .chain(starts::render(findings))
        .chain(virtual_machines::render(findings))
        .chain(acquisition::render(findings))
        .chain(pool_slots::render(findings))
        .chain(levers::render(findings))
        .chain(engine_pairs::render(findings))
        .chain(container_layers::render(findings))
        .chain(requests::render(findings))
        .chain(load_curve::render(findings))
        .chain(lifecycles::render(findings))
        .chain(scaling::render(findings))
        .chain(density::render(findings))
        .chain(factors::render(findings))
        .chain(break_even::render(findings))
        .chain(objectives::render(findings))
        .chain(ranking::render(findings))
        .chain(clocks::render(findings))
        .chain([cells::render(findings)])
        .collect();
    let opening = opening::render(findings, &sections);
    let facts = &findings.facts;
    let created = facts
        .manifest
        .as_ref()
        .map_or_else(String::new, |manifest| {
            format!(", measured {}", literal(&manifest.created_at))
        });
    Document {
        title: format!("Where does a cold start go? Run {}", facts.run),
        subtitle: format!(
            "{} in {} of {}{created}. Every number leads to its cell and its samples; every \
                picture has its numbers below it.",
            format::count(facts.samples, "sample"),
            format::count(facts.cells.len() as u64, "cell"),
            format::count(facts.workloads().len() as u64, "workload"),
        ),
        sections: std::iter::once(opening).chain(sections).collect(),
        labels: own(findings, |described| described.label),
        families: own(findings, |described| described.family),
    }
}

/// Something of the systems that a person described, as a run's manifest has it.
fn own<T>(findings: &Findings, of: impl Fn(Description) -> T) -> BTreeMap<String, T> {
    let systems = findings.facts.manifest.iter().flat_map(|it| &it.systems);
    let described = systems.filter(|system| system.description.is_some());
    let described = described.map(|system| {
        let described = findings.facts.describe(&system.name.as_str().into());
        (described.name.original_name().to_owned(), of(described))
    });
    described.collect()
}

/// The family of a cell's system, by this program or by the run's manifest.
fn family_of(findings: &Findings, cell: &CellFacts) -> Family {
    findings.facts.describe(&cell.cell.system).family
}

/// The cells with these ids by the families of their systems, and within one in their order.
fn cells_by_family<'a>(findings: &'a Findings, ids: &[String]) -> Vec<&'a CellFacts> {
    let families = in_families(cells_of(findings, ids), |cell| family_of(findings, cell));
    families.into_iter().flat_map(|(_, cells)| cells).collect()
}

/// The cells with these ids, in their order.
fn cells_of<'a>(findings: &'a Findings, ids: &[String]) -> Vec<&'a CellFacts> {
    let cell = |id: &String| findings.facts.cell(id);
    ids.iter().filter_map(cell).collect()
}
