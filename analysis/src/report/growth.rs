//! What grows with the number of instances: throughput and how efficiently, memory and what one
//! more costs.

use std::collections::BTreeMap;

use results::Cell;
use serde::Serialize;

use super::analysis::Analysis;
use super::facts::{CellFacts, Measure};
use super::naming::{Names, is_headline, is_twin, param, without};
use super::words::{interval, median, shown, span};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, CurvePoint, Plane, Unit, curves};
use findings::statistics::{Fit, Interval, linear_fit, ratio_of_means};
use findings::units::{bytes, percent, three_digits};

/// The parameter that counts instances.
const INSTANCES: &str = "instances";

/// Cells that differ in the number of instances only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// What they have in common.
    pub cell: Cell,
    /// Each number of instances.
    pub steps: Vec<Step>,
    /// Of density: memory over instances. Its slope is what one more costs.
    pub memory: Option<Fit>,
    /// Which memory.
    pub memory_measure: Option<Measure>,
}

/// One number of instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// How many.
    pub instances: u64,
    /// The cell's id.
    pub cell: String,
    /// How many times the requests per second of the fewest instances, means.
    pub speedup: Option<f64>,
    /// The speed-up as a part of what so many instances could be expected to give.
    pub efficiency: Option<f64>,
    /// Its interval.
    pub efficiency_interval: Option<Interval>,
}

fn instances(cell: &CellFacts) -> Option<u64> {
    param(&cell.cell, INSTANCES)?
        .parse()
        .ok()
        .filter(|n| *n > 0)
}

/// All groups of a scenario.
pub(crate) fn numbers(cells: &[CellFacts], scenario: &str) -> Vec<Growth> {
    let mut groups: BTreeMap<Cell, Vec<(u64, &CellFacts)>> = BTreeMap::new();
    let of_scenario = |cell: &&CellFacts| {
        cell.cell.scenario.name() == scenario && !is_twin(&cell.cell) && is_headline(&cell.cell)
    };
    for cell in cells
        .iter()
        .filter(of_scenario)
        .filter(|cell| !cell.orders.is_empty())
    {
        if let Some(n) = instances(cell) {
            // More connections for more instances is the same load for each.
            groups
                .entry(without(&cell.cell, &[INSTANCES, "connections"]))
                .or_default()
                .push((n, cell));
        }
    }
    let growth = |(cell, mut members): (Cell, Vec<(u64, &CellFacts)>)| {
        members.sort_by_key(|(n, cell)| (*n, cell.id.clone()));
        let memory_measure = [Measure::PssBytes, Measure::PrivateBytes]
            .into_iter()
            .find(|m| members.iter().all(|(_, c)| !c.values(*m).is_empty()));
        let points = memory_measure.map(|measure| {
            let of = |(n, cell): &(u64, &CellFacts)| {
                cell.values(measure)
                    .iter()
                    .map(|value| (*n as f64, *value))
                    .collect::<Vec<_>>()
            };
            members.iter().flat_map(of).collect::<Vec<_>>()
        });
        let memory = points.and_then(|points| linear_fit(&points).ok());
        Growth {
            cell,
            steps: steps(&members),
            memory,
            memory_measure,
        }
    };
    groups.into_iter().map(growth).collect()
}

fn steps(members: &[(u64, &CellFacts)]) -> Vec<Step> {
    let step = |(n, cell): &(u64, &CellFacts)| {
        let (least, first) = members[0];
        let ratio = ratio_of_means(
            cell.values(Measure::PerSecond),
            first.values(Measure::PerSecond),
        )
        .ok();
        let efficiency = ratio.map(|ratio| ratio.scaled(least as f64 / *n as f64));
        Step {
            instances: *n,
            cell: cell.id.clone(),
            speedup: ratio.map(|ratio| ratio.estimate),
            efficiency: efficiency.map(|ratio| ratio.estimate),
            // Against itself it is 1 by definition, and not by measurement.
            efficiency_interval: efficiency
                .and_then(|ratio| ratio.interval)
                .filter(|_| *n > least),
        }
    };
    members.iter().map(step).collect()
}

/// The sections on scaling and on density, as far as the run has them.
pub(crate) fn tell(analysis: &Analysis) -> Vec<Section> {
    [scaling(analysis), density(analysis)]
        .into_iter()
        .flatten()
        .collect()
}

fn workloads(growths: &[Growth]) -> Vec<&str> {
    let mut names: Vec<_> = growths
        .iter()
        .map(|growth| growth.cell.workload.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A curve of a measure over the number of instances.
fn curve(analysis: &Analysis, growth: &Growth, names: &Names, measure: Measure) -> Curve {
    let point = |step: &Step| {
        let cell = analysis.cell(&step.cell)?;
        Some((
            step.instances as f64,
            cell.median(measure)?,
            cell.interval(measure),
        ))
    };
    let points = growth.steps.iter().filter_map(point).collect();
    Curve {
        label: names.name(&growth.cell),
        system: growth.cell.system.to_string(),
        points,
        is_reference: false,
    }
}

fn line(growth: &Growth, value: impl Fn(f64) -> f64) -> Curve {
    let points = growth
        .steps
        .iter()
        .map(|step| (step.instances as f64, value(step.instances as f64), None))
        .collect();
    Curve {
        label: String::new(),
        system: growth.cell.system.to_string(),
        points,
        is_reference: true,
    }
}

fn scaling(analysis: &Analysis) -> Option<Section> {
    let growths = &analysis.scaling;
    let several = growths.iter().filter(|growth| growth.steps.len() > 1);
    let best = several.filter_map(|growth| Some((growth, growth.steps.last()?.efficiency?)));
    let (best, efficiency) = best.max_by(|one, two| one.1.total_cmp(&two.1))?;
    let most = best.steps.last().map_or(0, |step| step.instances);
    let mut section = Section::new(
        "scaling",
        format!(
            "Scaling: {} keeps {} of its efficiency at {most} instances",
            best.cell.system,
            percent(efficiency)
        ),
    );
    section.text(
        "Several instances at once, all under load. Efficiency is the throughput of N instances \
            over N times that of the fewest measured. Where there are more instances than cores, \
            less than 100 % is what one must expect.",
    );
    for workload in workloads(growths) {
        let some: Vec<_> = growths
            .iter()
            .filter(|growth| growth.cell.workload == workload)
            .collect();
        let names = Names::of(some.iter().map(|growth| &growth.cell));
        let mut series: Vec<_> = some
            .iter()
            .map(|growth| curve(analysis, growth, &names, Measure::PerSecond))
            .collect();
        let ideal = |growth: &&&Growth| {
            let first = growth.steps.first()?;
            let one =
                analysis.cell(&first.cell)?.median(Measure::PerSecond)? / first.instances as f64;
            Some(line(growth, |n| one * n))
        };
        series.extend(some.iter().filter_map(|growth| ideal(&growth)));
        let title = format!("{workload}: how does throughput grow with instances?");
        let plane = Plane {
            x: ("instances", Unit::Count),
            y: ("right answers per second", Unit::PerSecond),
            log_x: false,
            log_y: false,
        };
        section.blocks.push(Block::Figure(Figure {
            id: format!("{workload}-scaling"),
            title: title.clone(),
            caption: "Medians with 95 % intervals; the dotted lines are what each system would \
                reach if every instance did as the first."
                .to_owned(),
            picture: curves(&series, &plane),
            table: scaling_table(analysis, &title, &some, &names),
            workload: None,
            systems: Vec::new(),
        }));
        section
            .blocks
            .push(Block::Figure(efficiency_figure(workload, &some, &names)));
    }
    Some(section)
}

/// Efficiency over instances, with the line that says that nothing is lost.
fn efficiency_figure(workload: &str, growths: &[&Growth], names: &Names) -> Figure {
    let title = format!("{workload}: how much of its efficiency does each system keep?");
    let mut table = Table::new(
        title.clone(),
        &["system", ">instances", ">efficiency", ">95 % interval"],
    )
    .folded();
    let mut series = Vec::new();
    for growth in growths {
        let mut points: Vec<CurvePoint> = Vec::new();
        for step in &growth.steps {
            let Some(efficiency) = step.efficiency else {
                continue;
            };
            let ends = step
                .efficiency_interval
                .map(|ends| (ends.low.max(0.0), ends.high));
            points.push((step.instances as f64, efficiency, ends));
            let told = ends.map_or_else(|| "–".to_owned(), |ends| span(ends, Unit::Share));
            table.row([
                names.name(&growth.cell),
                step.instances.to_string(),
                percent(efficiency),
                told,
            ]);
        }
        series.push(Curve {
            label: names.name(&growth.cell),
            system: growth.cell.system.to_string(),
            points,
            is_reference: false,
        });
    }
    let most = growths
        .iter()
        .filter_map(|growth| growth.steps.last())
        .map(|step| step.instances)
        .max()
        .unwrap_or(1);
    series.push(Curve {
        label: "nothing lost".to_owned(),
        system: "native".into(),
        points: vec![(0.0, 1.0, None), (most as f64, 1.0, None)],
        is_reference: true,
    });
    let plane = Plane {
        x: ("instances", Unit::Count),
        y: ("efficiency", Unit::Share),
        log_x: false,
        log_y: false,
    };
    Figure {
        id: format!("{workload}-efficiency"),
        title,
        caption: "Throughput of N instances over N times that of the fewest, from means, with \
            Fieller's 95 % intervals. The dotted line is what no system loses anything at."
            .to_owned(),
        picture: curves(&series, &plane),
        table,
        workload: None,
        systems: Vec::new(),
    }
}

fn scaling_table(analysis: &Analysis, title: &str, growths: &[&Growth], names: &Names) -> Table {
    let columns = [
        "system",
        ">instances",
        ">requests/s",
        ">95 % interval",
        ">speed-up",
        ">efficiency",
        ">95 % interval",
        ">all ready after",
        ">PSS",
        "more than cores",
    ];
    let mut table = Table::new(title, &columns);
    for growth in growths {
        for step in &growth.steps {
            let Some(cell) = analysis.cell(&step.cell) else {
                continue;
            };
            let ends = step
                .efficiency_interval
                .map(|ends| span((ends.low, ends.high), Unit::Share));
            table.row([
                format!("[{}](#{})", names.name(&growth.cell), cell.id),
                step.instances.to_string(),
                median(cell, Measure::PerSecond),
                interval(cell, Measure::PerSecond),
                shown(step.speedup, Unit::Times),
                step.efficiency.map_or_else(|| "–".to_owned(), percent),
                ends.unwrap_or_else(|| "–".to_owned()),
                median(cell, Measure::ReadyNs),
                median(cell, Measure::PssBytes),
                if cell.oversubscribed { "yes" } else { "no" }.to_owned(),
            ]);
        }
    }
    table
}

fn density(analysis: &Analysis) -> Option<Section> {
    let growths = &analysis.density;
    growths.iter().find(|growth| growth.memory.is_some())?;
    // Only a slope that is surely above zero is a cost.
    let sure = |growth: &Growth| {
        let fit = growth.memory.as_ref()?;
        fit.slope_interval
            .filter(|ends| ends.low > 0.0)
            .map(|_| fit.slope)
    };
    let costs = growths
        .iter()
        .filter_map(|growth| Some((growth, sure(growth)?)));
    let title = match costs.min_by(|one, two| one.1.total_cmp(&two.1)) {
        Some((least, cost)) => {
            let name = Names::of(growths.iter().map(|growth| &growth.cell)).name(&least.cell);
            format!(
                "Density: one more instance of {} costs {} with {name}",
                least.cell.workload,
                bytes(cost)
            )
        }
        None => "Density: what one more instance costs cannot be told from noise".to_owned(),
    };
    let mut section = Section::new("density", title);
    section.text(
        "Many instances at once, idle. What one more costs is the slope of memory over their \
            number; what the first one's surroundings cost is where the line begins.",
    );
    for workload in workloads(growths) {
        let some: Vec<_> = growths
            .iter()
            .filter(|growth| growth.cell.workload == workload && growth.memory.is_some())
            .collect();
        let names = Names::of(some.iter().map(|growth| &growth.cell));
        let mut series = Vec::new();
        for growth in &some {
            let (Some(measure), Some(fit)) = (growth.memory_measure, &growth.memory) else {
                continue;
            };
            series.push(curve(analysis, growth, &names, measure));
            series.push(line(growth, |n| (fit.intercept + fit.slope * n).max(0.0)));
        }
        if series.is_empty() {
            continue;
        }
        let title = format!("{workload}: how does memory grow with instances?");
        let plane = Plane {
            x: ("instances", Unit::Count),
            y: ("memory of all instances", Unit::Bytes),
            log_x: false,
            log_y: false,
        };
        section.blocks.push(Block::Figure(Figure {
            id: format!("{workload}-density"),
            title: title.clone(),
            caption: "Medians with 95 % intervals; the dotted lines are fits by least squares \
                through all samples. The proportional set size counts what instances share once, \
                private memory not at all."
                .to_owned(),
            picture: curves(&series, &plane),
            table: density_table(analysis, &title, &some, &names),
            workload: None,
            systems: Vec::new(),
        }));
        section.table(density_steps(analysis, &some, &names));
    }
    Some(section)
}

fn density_table(analysis: &Analysis, title: &str, growths: &[&Growth], names: &Names) -> Table {
    let columns = [
        "system",
        "memory",
        ">one more costs",
        ">95 % interval",
        ">the first's surroundings",
        ">R²",
        ">robust slope",
        ">most instances",
        ">all started after",
    ];
    let mut table = Table::new(title, &columns);
    for growth in growths {
        let Some(fit) = &growth.memory else { continue };
        let last = growth.steps.last();
        let cell = last.and_then(|step| analysis.cell(&step.cell));
        table.row([
            names.name(&growth.cell),
            format!("`{}`", growth.memory_measure.map_or("", Measure::name)),
            bytes(fit.slope),
            fit.slope_interval.map_or_else(
                || "–".to_owned(),
                |ends| span((ends.low, ends.high), Unit::Bytes),
            ),
            bytes(fit.intercept),
            fit.r_squared.map_or_else(|| "–".to_owned(), three_digits),
            format!(
                "{}{}",
                bytes(fit.robust.slope),
                if fit.is_robust() == Some(false) {
                    ": a few points bend the fit"
                } else {
                    ""
                }
            ),
            last.map_or_else(String::new, |step| step.instances.to_string()),
            cell.map_or_else(|| "–".to_owned(), |cell| median(cell, Measure::TotalNs)),
        ]);
    }
    table
}

fn density_steps(analysis: &Analysis, growths: &[&Growth], names: &Names) -> Table {
    let columns = [
        "system",
        ">instances",
        ">private",
        ">PSS",
        ">all started after",
        ">the last started in",
        ">requests/s",
    ];
    let mut table = Table::new("Each number of instances", &columns).folded();
    for growth in growths {
        for step in &growth.steps {
            let Some(cell) = analysis.cell(&step.cell) else {
                continue;
            };
            let measures = [
                Measure::PrivateBytes,
                Measure::PssBytes,
                Measure::TotalNs,
                Measure::StartLastNs,
                Measure::PerSecond,
            ];
            let head = [
                format!("[{}](#{})", names.name(&growth.cell), cell.id),
                step.instances.to_string(),
            ];
            table.row(
                head.into_iter()
                    .chain(measures.map(|measure| median(cell, measure))),
            );
        }
    }
    table
}
