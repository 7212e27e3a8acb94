//! Latency at parts of the capacity.

use findings::questions::load_curve::{LoadAt, LoadCurve, LoadCurves};
use findings::units::Unit;
use findings::{CellFacts, Findings, Measure, Names};
use results::names::FileName;

use super::cells_of;
use super::format::{median, names, pair, span, systems};
use super::starts::{left_out, meaning, quoted};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, draw_curves};

/// A section for each workload.
pub(super) fn render(findings: &Findings) -> Vec<Section> {
    let all = findings.load_curves.iter();
    all.map(|it| section(findings, it)).collect()
}

/// Every cell of the curves.
fn all_cells<'a>(findings: &'a Findings, of: &LoadCurves) -> Vec<&'a CellFacts> {
    let points = of.curves.iter().flat_map(|curve| &curve.points);
    let ids: Vec<_> = points.map(|point| point.cell.clone()).collect();
    cells_of(findings, &ids)
}

fn section(findings: &Findings, of: &LoadCurves) -> Section {
    let workload = &of.workload;
    let cells = all_cells(findings, of);
    let names = names(&cells);
    let figures = quoted(findings, &of.representatives, &names, Measure::P50Ns);
    let title = match figures {
        Some(figures) => format!(
            "{workload} below its capacity: the median request takes, from when it was due, {figures}"
        ),
        None => format!("{workload} below its capacity"),
    };
    let mut section = Section::new(&format!("{workload}-paced"), title);
    section.question = "Requests";
    section.workload = Some(workload.to_string());
    section.systems = systems(&cells);
    section.text(format!(
        "`paced`: {}. Latency counts from when a request was due, so that a stall of the system is \
            in every request that had to wait for it. Each system has its own capacity, which is \
            found once a run in a closed loop over as many connections: at the same part of it, a \
            faster system answers more requests. {}",
        meaning(results::Scenario::Paced),
        left_out(&names)
    ));
    of.bounds_words()
        .into_iter()
        .for_each(|it| section.text(it));
    section
        .blocks
        .push(Block::Figure(figure(findings, of, &cells)));
    section
}

fn figure(findings: &Findings, of: &LoadCurves, cells: &[&CellFacts]) -> Figure {
    let title = format!("{}: how does latency grow with the load?", of.workload);
    let names = Names::new(of.curves.iter().map(|it| &it.cell));
    let curves = of.curves.iter().map(|it| curve(findings, it, &names));
    let curves: Vec<_> = curves.collect();
    Figure {
        id: FileName::of(&format!("{}-paced", of.workload)),
        title: title.clone(),
        caption: "Of each process the median latency of its requests, then the median over \
            processes with its 95 % interval, over the part of the capacity at which requests \
            arrive. At 0: one request at a time, each after the answer to the one before."
            .to_owned(),
        picture: draw_curves(
            &curves,
            &Plane {
                x: ("part of the capacity", Unit::Share),
                y: ("median latency", Unit::Nanoseconds),
                log_x: false,
                log_y: true,
            },
        ),
        table: table(findings, &title, of, &names),
        workload: Some(of.workload.to_string()),
        systems: systems(cells),
    }
}

fn curve(findings: &Findings, of: &LoadCurve, names: &Names) -> Curve {
    let point = |load: LoadAt<'_>| {
        let cell = findings.facts.cell(load.cell)?;
        let ends = cell.interval(Measure::P50Ns).map(pair);
        Some((load.part, cell.median(Measure::P50Ns)?, ends))
    };
    Curve {
        label: names.name(&of.cell),
        system: of.cell.system.to_string(),
        points: of.loads().filter_map(point).collect(),
        is_reference: false,
    }
}

fn table(findings: &Findings, title: &str, of: &LoadCurves, names: &Names) -> Table {
    let columns = [
        "system",
        ">of its capacity",
        ">n",
        ">requests/s",
        ">p50 (95 %)",
        ">p90 (95 %)",
        ">p99 (95 %)",
        ">generator late",
        ">generator",
    ];
    let mut table = Table::new(title, &columns);
    for curve in &of.curves {
        for load in curve.loads() {
            let Some(cell) = findings.facts.cell(load.cell) else {
                continue;
            };
            let fields = [
                format!("[{}](#{})", names.name(&curve.cell), cell.id),
                load.label(),
                cell.counted(),
                median(cell, Measure::PerSecond),
                format!("{}{}", load.sign, with_interval(cell, Measure::P50Ns)),
                with_interval(cell, Measure::P90Ns),
                with_interval(cell, Measure::P99Ns),
                median(cell, Measure::GeneratorLateNs),
                median(cell, Measure::GeneratorShare),
            ];
            table.row_about(&of.workload, &[cell.system()], fields);
        }
    }
    table
}

/// The median over processes of their quantiles, with its interval.
fn with_interval(cell: &CellFacts, measure: Measure) -> String {
    let ends = cell.interval(measure);
    let ends = ends.map_or_else(String::new, |it| format!(" ({})", span(it, measure.unit())));
    format!("{}{ends}", median(cell, measure))
}
