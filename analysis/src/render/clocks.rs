//! Why published numbers disagree: the same run, with the clock started and stopped elsewhere.

use findings::questions::clocks::{ClockBoundaries, ClockRatio};
use findings::units::Unit;
use findings::{CellFacts, Findings, Names};
use results::Param;
use results::names::FileName;

use super::format::{ends, pair};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Dot, DotRow, draw_dots};

/// The section, if there is a container and something else.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.clocks;
    if all.is_empty() {
        return None;
    }
    let apart = all.iter().find_map(|it| it.apart.as_ref());
    let title = match apart {
        Some(apart) if apart.disagree() => format!(
            "Why published numbers disagree: of {}'s time a start takes {} with {}, and a request \
                under load {}",
            apart.container,
            apart.start.ratio_text(),
            apart.system,
            apart.request.ratio_text(),
        ),
        _ => "Why published numbers disagree: where does the clock start?".to_owned(),
    };
    let mut section = Section::new("clocks", title);
    section.question = "Clock boundaries";
    section.text(
        "\"Eight times faster than containers\" and \"slower than native containers\" can both be \
            true of one machine on one day. Below is this run only; what moves is where the clock \
            starts and where it stops, and whether code was compiled before.",
    );
    for clocks in all {
        section.blocks.push(Block::Figure(figure(findings, clocks)));
    }
    Some(section)
}

/// The system that stands for containers in a row.
fn container<'a>(findings: &'a Findings, of: &ClockRatio) -> &'a str {
    let cell = findings.facts.cell(&of.container);
    cell.map_or("", CellFacts::system)
}

fn figure(findings: &Findings, clocks: &ClockBoundaries) -> Figure {
    let workload = &clocks.workload;
    let title = format!("{workload}: how many times a container's time, by which clock?");
    let columns = [
        "clock",
        "system",
        ">its median",
        ">container's median",
        ">of the container's",
        ">95 % interval",
    ];
    let mut table = Table::new(title.clone(), &columns);
    let mut rows: Vec<DotRow> = Vec::new();
    let mut systems: Vec<String> = Vec::new();
    for ratio in &clocks.ratios {
        if let Some(effect) = ratio.ratio {
            let dot = Dot {
                label: ratio.system.clone(),
                system: ratio.system.clone(),
                ratio: effect.estimate,
                interval: effect.interval.map(pair),
            };
            let label = ratio.clock.replace('`', "");
            match rows.last_mut() {
                Some(row) if row.label == label => row.dots.push(dot),
                _ => rows.push(DotRow {
                    label,
                    dots: vec![dot],
                }),
            }
        }
        if !systems.contains(&ratio.system) {
            systems.push(ratio.system.clone());
        }
        let cell = |id: &str| findings.facts.cell(id).map(|it| &it.cell);
        let name = cell(&ratio.cell).map(|cell| Names::new([cell]).name(cell));
        let network = cell(&ratio.container).and_then(|it| it.params.get(Param::Network));
        let fields = [
            ratio.clock.to_owned(),
            format!("[{}](#{})", name.unwrap_or_default(), ratio.cell),
            Unit::Nanoseconds.shown(ratio.median_ns),
            format!(
                "[{}](#{}) {} {}",
                Unit::Nanoseconds.shown(ratio.container_ns),
                ratio.container,
                container(findings, ratio),
                network.unwrap_or_default()
            ),
            ratio.ratio_text(),
            ratio.ratio.map_or_else(
                || "both are faster than the load generator".to_owned(),
                |effect| ends(effect.interval, Unit::Times),
            ),
        ];
        table.row_about(workload, &[&ratio.system], fields);
    }
    let first = clocks.ratios.first();
    let container = first.map_or("", |ratio| container(findings, ratio));
    Figure {
        id: FileName::of(&format!("{workload}-clocks")),
        title,
        caption: format!(
            "The dashed line is the container (`{container}`): left of it takes less time, right \
                of it more. Of each system the cell that stands for it, named beforehand. Ratios \
                are Hodges–Lehmann's, within blocks where both were measured in the same, with \
                95 % intervals, of starts wider by what either may have been seen late; below a \
                few samples there are none. \"≤\" and \"≥\": the load generator was at its limit \
                with one of the two, which could have done more."
        ),
        picture: draw_dots(&rows, "times the container's time"),
        table,
        workload: Some(workload.to_string()),
        systems,
    }
}
