//! What a request costs, by how many requests an instance handles.

use findings::questions::lifecycles::{Group, Lifecycles};
use findings::{CellFacts, Findings, Measure};
use results::names::FileName;

use super::format::{interval, linked, median, names, systems};
use super::starts::{marks_against, measure_bars, verdict_fields};
use super::{cells_by_family, cells_of};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::draw_bars;

/// The section, where cells say how many requests an instance handles.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.lifecycles;
    let mut section = Section::new("lifecycles", title(all.first()?));
    section.question = "Requests";
    section.text(
        "**Systems are compared within one life cycle.** `per-request`: each request gets an \
            instance of its own and cannot leave anything behind for the next. `reused`: one \
            instance takes all requests, as a native process does. What lies between the two is the \
            price of that isolation, whatever the engine is, and where a system can do both it is \
            read off that system alone. The cost is CPU time of the system for each request, which \
            says the same with a load generator at its limit as with an idle one.",
    );
    for of in all {
        for group in &of.groups {
            section
                .blocks
                .push(Block::Figure(figure(findings, of, group)));
        }
        section.blocks.extend(price(findings, of).map(Block::Table));
    }
    Some(section)
}

/// What the price of an instance for each request is, as far as one comparison says it.
fn title(first: &Lifecycles) -> String {
    let members = first.price.iter().flat_map(|family| &family.members);
    match members.clone().next() {
        Some(member) => format!(
            "Life cycles: CPU time of a request of {} with an instance of its own, against one \
                instance for all: {}",
            first.workload,
            member.clause()
        ),
        None => format!(
            "Life cycles: what a request of {} costs, by how many an instance handles",
            first.workload
        ),
    }
}

fn figure(findings: &Findings, of: &Lifecycles, group: &Group) -> Figure {
    let cells = cells_by_family(findings, &group.cells);
    let names = names(&cells);
    let measure = Measure::RequestCpuNs;
    let (workload, scenario) = (&of.workload, of.scenario.name());
    let title = format!(
        "{workload}, {scenario}, {}: CPU time of a request",
        group.lifecycle
    );
    let family = group.family.as_ref();
    let base = findings.facts.cell(&group.baseline);
    let base = base.map_or_else(String::new, |cell| names.name(&cell.cell));
    Figure {
        id: FileName::of(&format!("{workload}-{scenario}-{}-cpu", group.lifecycle)),
        title: title.clone(),
        caption: format!(
            "Of each process its own figure, then the median over processes with its 95 % interval. \
                {}",
            family.map_or_else(String::new, |family| marks_against(family, &base))
        ),
        picture: draw_bars(
            &measure_bars(findings, &cells, &names, family, measure),
            measure.unit(),
            "CPU time of a request, median",
        ),
        table: table(&title, of, group, &cells),
        workload: Some(workload.to_string()),
        systems: systems(&cells),
    }
}

fn table(title: &str, of: &Lifecycles, group: &Group, cells: &[&CellFacts]) -> Table {
    let names = names(cells);
    let columns = [
        "system",
        ">n",
        ">CPU a request",
        ">95 % interval",
        ">of the first's (95 %)",
        "verdict",
        ">requests/s",
        ">p50",
        ">generator",
        ">PSS",
    ];
    let mut table = Table::new(title, &columns);
    for cell in cells {
        let [ratio, label] = if cell.id == group.baseline {
            ["1×".to_owned(), "the first".to_owned()]
        } else {
            verdict_fields(group.family.as_ref(), cell)
        };
        let fields = [
            linked(&names, cell),
            cell.counted(),
            median(cell, Measure::RequestCpuNs),
            interval(cell, Measure::RequestCpuNs),
            ratio,
            label,
            median(cell, Measure::PerSecond),
            median(cell, Measure::P50Ns),
            median(cell, Measure::GeneratorShare),
            median(cell, Measure::PssBytes),
        ];
        table.row_about(&of.workload, &[cell.system()], fields);
    }
    table
}

/// Each system with itself: an instance for each request against one for all.
fn price(findings: &Findings, of: &Lifecycles) -> Option<Table> {
    let family = of.price.as_ref()?;
    let members = || family.members.iter();
    let ids: Vec<_> = members()
        .flat_map(|it| [it.candidate.clone(), it.baseline.clone()])
        .collect();
    let cells = cells_of(findings, &ids);
    let names = names(&cells);
    let columns = [
        "an instance for each request",
        ">CPU a request",
        "one for all",
        ">CPU a request",
        ">ratio (95 %)",
        "verdict",
    ];
    let title = format!(
        "{}, {}: the price of an instance for each request, of each system by itself",
        of.workload,
        of.scenario.name()
    );
    let mut table = Table::new(title, &columns);
    for member in members() {
        let each = findings.facts.cell(&member.candidate)?;
        let reused = findings.facts.cell(&member.baseline)?;
        let fields = [
            linked(&names, each),
            median(each, Measure::RequestCpuNs),
            linked(&names, reused),
            median(reused, Measure::RequestCpuNs),
            member.ratio_text(),
            member.label(),
        ];
        table.row_about(&of.workload, &[each.system()], fields);
    }
    Some(table)
}
