//! A container peeled: the same program in each layer, and in each the work of the one inside it.

use findings::comparison::Comparison;
use findings::questions::container_layers::{ContainerLayers, Layer};
use findings::units::{Unit, percent};
use findings::{CellFacts, Findings, Measure};
use results::names::FileName;

use super::format::{NOTHING, interval, median, or_dash, pair, systems};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Bar, draw_bars};

/// The section, if there is anything to peel.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.container_layers;
    if all.is_empty() {
        return None;
    }
    // The first that is a difference, not the largest: the largest of several is too large.
    let mut claims = all.iter().filter_map(|layers| {
        let whole = layers.whole().filter(|whole| whole.is_difference())?;
        Some((layers, layers.layers.last()?, whole.ratio?))
    });
    let title = match claims.next() {
        Some((layers, last, ratio)) => format!(
            "A container, peeled: {} takes {} {} ({}, {})",
            last.name,
            ratio.ratio_text(),
            layers.innermost(),
            layers.workload,
            layers.scenario.name()
        ),
        None => "A container, peeled: what does each layer add?".to_owned(),
    };
    let mut section = Section::new("layers", title);
    section.question = "Containers";
    section.text(
        "The same program in the same container, in each layer of what starts it: the engine's own \
            configuration is the one that every layer is given. What a layer adds is the \
            shift between its starts and those of the layer inside it, with its 95 % interval, and \
            the verdict whether the two can be told apart.",
    );
    for layers in all {
        section.blocks.push(Block::Figure(figure(findings, layers)));
    }
    Some(section)
}

/// A layer, or what stands in the place of one, as it is shown.
struct Row<'a> {
    layer: &'a Layer,
    cell: &'a CellFacts,
    /// What it does, as a step.
    step: String,
    /// It against the layer inside it.
    added: Option<&'a Comparison>,
    /// What it adds, in nanoseconds: the innermost all that it takes.
    adds_ns: Option<f64>,
}

/// All of them from the inside, each followed by what stands in its place.
fn rows<'a>(findings: &'a Findings, of: &'a ContainerLayers) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let row = |layer: &'a Layer, step: String, added: Option<&'a Comparison>, adds_ns| {
        let cell = findings.facts.cell(&layer.cell)?;
        Some(Row {
            layer,
            cell,
            step,
            added,
            adds_ns,
        })
    };
    for (at, layer) in of.layers.iter().enumerate() {
        rows.extend(row(
            layer,
            layer.step.to_owned(),
            of.added(at),
            of.adds_ns(at),
        ));
        let instead = of.instead.iter();
        let instead = instead.filter(|it| it.of.as_ref() == Some(&layer.cell));
        rows.extend(instead.filter_map(|it| {
            let step = format!("{}, in its place", layer.step);
            row(&it.layer, step, it.added(of), it.adds_ns(of))
        }));
    }
    let of_none = of.instead.iter().filter(|it| it.of.is_none());
    rows.extend(of_none.filter_map(|it| {
        row(
            &it.layer,
            it.layer.step.to_owned(),
            it.added(of),
            it.adds_ns(of),
        )
    }));
    rows
}

fn figure(findings: &Findings, of: &ContainerLayers) -> Figure {
    let (workload, scenario) = (&of.workload, of.scenario.name());
    let rows = rows(findings, of);
    let shift = |row: &Row<'_>| row.added.and_then(|it| it.shift);
    let bar = |row: &Row<'_>| Bar {
        label: row.layer.name.clone(),
        system: row.cell.cell.system.to_string(),
        group: "",
        value: row.layer.total_ns,
        is_lower_bound: false,
        interval: row.cell.interval(Measure::TotalNs).map(pair),
        mark: shift(row).map_or_else(String::new, |it| it.difference_text(Unit::Nanoseconds)),
    };
    let title = format!("{workload}, {scenario}: what does each layer of a container add?");
    let columns = [
        "layer",
        "step",
        ">median",
        ">95 % interval",
        ">adds",
        ">95 % interval",
        ">of the whole",
        ">of the one inside (95 %)",
        "verdict",
        "what it does",
    ];
    let mut table = Table::new(title.clone(), &columns);
    let whole = of.layers.last().map_or(f64::NAN, |layer| layer.total_ns);
    for row in &rows {
        let shift = shift(row);
        let share = row.adds_ns.map(|ns| ns / whole);
        let fields = [
            format!("[{}](#{})", row.layer.name, row.layer.cell),
            row.step.clone(),
            median(row.cell, Measure::TotalNs),
            interval(row.cell, Measure::TotalNs),
            or_dash(shift.map(|it| it.difference_text(Unit::Nanoseconds))),
            or_dash(shift.map(|it| it.difference_interval_text(Unit::Nanoseconds))),
            or_dash(share.filter(|it| it.is_finite()).map(percent)),
            or_dash(row.added.map(Comparison::ratio_text)),
            row.added
                .map_or_else(|| NOTHING.to_owned(), Comparison::label),
            row.layer.work.to_owned(),
        ];
        table.row_about(workload, &[row.cell.system()], fields);
    }
    let all: Vec<&CellFacts> = rows.iter().map(|row| row.cell).collect();
    let behind = if of.instead.is_empty() {
        "behind each, what it adds to the one above"
    } else {
        "behind each, what it adds to the layer inside it: that of what stands in the place of another \
            is the same as that one's"
    };
    Figure {
        id: FileName::of(&format!("{workload}-{scenario}-layers")),
        title,
        caption: format!(
            "Medians of whole starts with their 95 % intervals; {behind} ({}).",
            of.family.method()
        ),
        picture: draw_bars(
            &rows.iter().map(bar).collect::<Vec<_>>(),
            Unit::Nanoseconds,
            "launch to first answer, median",
        ),
        table,
        workload: Some(workload.to_string()),
        systems: systems(&all),
    }
}
