//! A container peeled: the same program in each layer, and in each the work of the one inside it.

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
            "A container, peeled: {} takes {} the program alone ({}, {})",
            last.name,
            ratio.ratio_text(),
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

fn figure(findings: &Findings, of: &ContainerLayers) -> Figure {
    let (workload, scenario) = (&of.workload, of.scenario.name());
    let cells: Vec<(usize, &Layer, &CellFacts)> = of
        .layers
        .iter()
        .enumerate()
        .filter_map(|(at, layer)| Some((at, layer, findings.facts.cell(&layer.cell)?)))
        .collect();
    let added = |at: usize| of.added(at).and_then(|it| it.shift);
    let bar = |(at, layer, cell): &(usize, &Layer, &CellFacts)| Bar {
        label: layer.name.clone(),
        system: cell.cell.system.to_string(),
        group: "",
        value: layer.total_ns,
        is_lower_bound: false,
        interval: cell.interval(Measure::TotalNs).map(pair),
        mark: added(*at).map_or_else(String::new, |it| it.difference_text(Unit::Nanoseconds)),
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
    for (at, layer, cell) in &cells {
        let verdict = of.added(*at);
        let shift = added(*at);
        let share = shift.map_or(layer.total_ns, |it| it.estimate) / whole;
        let fields = [
            format!("[{}](#{})", layer.name, layer.cell),
            layer.step.to_owned(),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            or_dash(shift.map(|it| it.difference_text(Unit::Nanoseconds))),
            or_dash(shift.map(|it| it.difference_interval_text(Unit::Nanoseconds))),
            or_dash(share.is_finite().then(|| percent(share))),
            or_dash(verdict.map(findings::comparison::Comparison::ratio_text)),
            verdict.map_or_else(
                || NOTHING.to_owned(),
                findings::comparison::Comparison::label,
            ),
            layer.work.to_owned(),
        ];
        table.row_about(workload, &[cell.system()], fields);
    }
    let all: Vec<&CellFacts> = cells.iter().map(|(.., cell)| *cell).collect();
    Figure {
        id: FileName::of(&format!("{workload}-{scenario}-layers")),
        title,
        caption: format!(
            "Medians of whole starts with their 95 % intervals; behind each, what it adds to the \
                one above ({}).",
            of.family.method()
        ),
        picture: draw_bars(
            &cells.iter().map(bar).collect::<Vec<_>>(),
            Unit::Nanoseconds,
            "launch to first answer, median",
        ),
        table,
        workload: Some(workload.to_string()),
        systems: systems(&all),
    }
}
