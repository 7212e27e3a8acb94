//! A container peeled: the same program in each layer, and in each the work of the one inside it.

use serde::Serialize;

use super::analysis::Analysis;
use super::contrasts::{self, Family, ratio, word};
use super::facts::{CellFacts, Measure};
use super::naming::param;
use super::starts::STARTS;
use super::words::{interval, median};
use crate::cold_start::LAYERS;
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Bar, Unit, bars};
use findings::statistics::Verdict;
use findings::units::{nanoseconds, percent, three_digits};

/// A layer of a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// The cell's id.
    pub cell: String,
    /// What it is called.
    pub name: String,
    /// What it does.
    pub work: &'static str,
    /// The median of its starts.
    pub total_ns: f64,
    /// By how much that is more than the layer inside it.
    pub added_ns: f64,
}

/// The layers of a workload's containers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peeled {
    /// The workload.
    pub workload: String,
    /// The scenario.
    pub scenario: String,
    /// The layers, from the inside.
    pub layers: Vec<Layer>,
    /// Each layer judged against the one inside it.
    pub family: Family,
}

/// Every container that was measured in at least two layers beside the program alone.
pub(crate) fn numbers(analysis: &Analysis) -> Vec<Peeled> {
    let mut peeled = Vec::new();
    for scenario in STARTS {
        for workload in analysis.workloads() {
            peeled.extend(peel(analysis, workload, scenario));
        }
    }
    peeled
}

fn peel(analysis: &Analysis, workload: &str, scenario: &str) -> Option<Peeled> {
    let shown = analysis.shown(workload, scenario);
    let cell = |system: &str, network: Option<&str>| {
        let fits = |cell: &&&CellFacts| {
            cell.cell.system == system && param(&cell.cell, "network") == network
        };
        shown.iter().find(fits).copied()
    };
    let found: Vec<(&CellFacts, Option<&str>, &'static str, f64)> = LAYERS
        .iter()
        .filter_map(|(system, network, work)| {
            let cell = cell(system, *network)?;
            Some((cell, *network, *work, cell.median(Measure::TotalNs)?))
        })
        .collect();
    let pairs: Vec<_> = found
        .windows(2)
        .map(|pair| (pair[1].0, pair[0].0))
        .collect();
    let floor = analysis.floor(scenario, Measure::TotalNs);
    let family = contrasts::family(
        format!("{workload} {scenario} layers"),
        Measure::TotalNs,
        &pairs,
        floor,
    )?;
    let mut inside = 0.0;
    let layer = |(cell, network, work, total): &(&CellFacts, Option<&str>, &'static str, f64)| {
        let name = network.map_or_else(
            || cell.cell.system.to_string(),
            |network| format!("{} {network}", cell.cell.system),
        );
        let added_ns = total - inside;
        inside = *total;
        Layer {
            cell: cell.id.clone(),
            name,
            work,
            total_ns: *total,
            added_ns,
        }
    };
    let layers = found.iter().map(layer).collect();
    Some(Peeled {
        workload: workload.into(),
        scenario: scenario.to_owned(),
        layers,
        family,
    })
}

/// The section, if there is anything to peel.
pub(crate) fn tell(analysis: &Analysis) -> Option<Section> {
    if analysis.layers.is_empty() {
        return None;
    }
    // Only medians whose intervals have no point in common are set against each other in a heading.
    let interval = |layer: &Layer| cell_of(analysis, layer)?.interval(Measure::TotalNs);
    let mut claim: Option<(&Peeled, &Layer, f64)> = None;
    for peeled in &analysis.layers {
        let (Some(first), Some(last)) = (peeled.layers.first(), peeled.layers.last()) else {
            continue;
        };
        let apart = interval(first)
            .zip(interval(last))
            .is_some_and(|(inner, outer)| inner.1 < outer.0);
        let times = last.total_ns / first.total_ns;
        if apart && claim.is_none_or(|(.., most)| times > most) {
            claim = Some((peeled, last, times));
        }
    }
    let title = match claim {
        Some((peeled, last, times)) => format!(
            "A container, peeled: {} takes {} times the program alone ({}, {})",
            last.name,
            three_digits(times),
            peeled.workload,
            peeled.scenario
        ),
        None => "A container, peeled: what does each layer add?".to_owned(),
    };
    let mut section = Section::new("layers", title);
    section.text(
        "The same static program, alone and in each layer of a container. What a layer adds is a \
            subtraction of medians; the verdict says whether the two layers' starts can be told \
            apart.",
    );
    for peeled in &analysis.layers {
        section.blocks.push(Block::Figure(figure(analysis, peeled)));
    }
    Some(section)
}

fn cell_of<'a>(analysis: &'a Analysis, layer: &Layer) -> Option<&'a CellFacts> {
    analysis.cell(&layer.cell)
}

fn figure(analysis: &Analysis, peeled: &Peeled) -> Figure {
    let Peeled {
        workload,
        scenario,
        layers,
        family,
    } = peeled;
    let title = format!("{workload}, {scenario}: what does each layer of a container add?");
    let cell = |layer: &Layer| cell_of(analysis, layer);
    let bar = |layer: &Layer| {
        let cell = cell(layer)?;
        Some(Bar {
            label: layer.name.clone(),
            system: cell.cell.system.to_string(),
            value: layer.total_ns,
            interval: cell.interval(Measure::TotalNs),
            mark: format!("+{}", nanoseconds(layer.added_ns)),
        })
    };
    let columns = [
        "layer",
        ">median",
        ">95 % interval",
        ">adds",
        ">of the whole",
        ">of the one inside (95 %)",
        "verdict",
        "what it does",
    ];
    let mut table = Table::new(title.clone(), &columns);
    let whole = layers.last().map_or(1.0, |layer| layer.total_ns);
    for layer in layers {
        let Some(cell) = cell(layer) else { continue };
        let said = family.of(&layer.cell).map(|member| &member.decision);
        let uncertain =
            said.is_some_and(|said| !matches!(said.verdict, Verdict::Faster | Verdict::Slower));
        table.row([
            format!("[{}](#{})", layer.name, layer.cell),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            format!(
                "{}{}",
                if uncertain { "about " } else { "" },
                nanoseconds(layer.added_ns)
            ),
            percent(layer.added_ns / whole),
            said.map_or_else(|| "–".to_owned(), ratio),
            said.map_or_else(
                || "–".to_owned(),
                |said| word(&said.verdict, Measure::TotalNs),
            ),
            layer.work.to_owned(),
        ]);
    }
    Figure {
        id: format!("{workload}-{scenario}-layers"),
        title,
        caption: "Medians of whole starts with their 95 % intervals; behind each, what it adds to \
            the one above."
            .to_owned(),
        picture: bars(
            &layers.iter().filter_map(bar).collect::<Vec<_>>(),
            Unit::Nanoseconds,
            "launch to first answer, median",
        ),
        table,
        workload: None,
        systems: Vec::new(),
    }
}
