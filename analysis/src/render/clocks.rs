//! Why published numbers disagree: the same run, with the clock started and stopped elsewhere.

use findings::questions::clocks::{CONTAINER, ClockBoundaries};
use findings::units::{Unit, three_digits};
use findings::{Findings, Names};
use results::Param;

use super::format::{ends, pair};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Dot, DotRow, draw_dots};

/// The section, if there is a container and something else.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.clocks;
    if all.is_empty() {
        return None;
    }
    let widest = all.iter().filter_map(|it| it.widest.as_ref());
    let widest = widest.max_by(|one, two| (one.2 / one.1).total_cmp(&(two.2 / two.1)));
    let title = match widest {
        Some((system, quick, slow)) if *quick < 1.0 && *slow > 1.0 => format!(
            "Why published numbers disagree: by one clock {system} takes 1/{} of a container's \
                time, by another {} times it",
            three_digits(1.0 / quick),
            three_digits(*slow)
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
        let dot = Dot {
            label: ratio.system.clone(),
            system: ratio.system.clone(),
            ratio: ratio.ratio.estimate,
            interval: ratio.ratio.interval.map(pair),
        };
        let label = ratio.clock.replace('`', "");
        match rows.last_mut() {
            Some(row) if row.label == label => row.dots.push(dot),
            _ => rows.push(DotRow {
                label,
                dots: vec![dot],
            }),
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
                "[{}](#{}) {}",
                Unit::Nanoseconds.shown(ratio.container_ns),
                ratio.container,
                network.unwrap_or_default()
            ),
            Unit::Times.shown(ratio.ratio.estimate),
            ends(ratio.ratio.interval, Unit::Times),
        ];
        table.row_about(workload, &[&ratio.system], fields);
    }
    Figure {
        id: format!("{workload}-clocks"),
        title,
        caption: format!(
            "The dashed line is the container (`{CONTAINER}`, its quickest network): left of it \
                takes less time, right of it more. Of each system the cell that is quickest by \
                that clock. Ratios are Hodges–Lehmann's, within blocks where both were measured \
                in the same, with 95 % intervals; below a few samples there are none."
        ),
        picture: draw_dots(&rows, "times the container's time"),
        table,
        workload: Some(workload.to_string()),
        systems,
    }
}
