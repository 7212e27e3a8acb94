//! Throughput over instances, and how efficiently.

use findings::comparison::Bound;
use findings::questions::scaling::{Scaling, ScalingStep};
use findings::statistics::Interval;
use findings::units::{Unit, percent};
use findings::{CellFacts, Findings, Measure, Names};
use results::names::FileName;

use super::format::{ends, interval, list, median, or_dash, pair, span};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, draw_curves};

/// The section, as far as the run has it.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.scaling;
    let has_several = all.iter().any(|it| it.steps.len() > 1);
    let title = has_several.then(|| title(findings))?;
    let mut section = Section::new("scaling", title);
    section.question = "Many instances";
    section.text(
        "Several instances at once, all under load. Efficiency is the throughput of N instances \
            over N times that of the fewest measured, within blocks. Where there are more \
            instances than cores, less than 100 % is what one must expect.",
    );
    if all.iter().any(Scaling::is_bounded) {
        section.text(
            "≥ is a lower bound and ≤ an upper one: the load generator was at its limit, in this \
                step or in that of the fewest instances. Where it was in both, nothing is known of \
                the efficiency.",
        );
    }
    let mut workloads: Vec<_> = all.iter().map(|it| it.cell.workload.as_str()).collect();
    workloads.sort_unstable();
    workloads.dedup();
    for workload in workloads {
        let some: Vec<_> = all
            .iter()
            .filter(|it| it.cell.workload == *workload)
            .collect();
        let names = Names::new(some.iter().map(|it| &it.cell));
        section
            .blocks
            .push(Block::Figure(throughput(findings, workload, &some, &names)));
        section
            .blocks
            .push(Block::Figure(efficiency_figure(workload, &some, &names)));
        let limit = |it: &&Scaling| format!("{}: {}.", names.name(&it.cell), it.limit);
        section.list(some.iter().map(limit).collect());
    }
    Some(section)
}

/// What is kept at one number of instances, of systems that were named beforehand, and what failed.
fn title(findings: &Findings) -> String {
    let Some(side) = &findings.scaling_side_by_side else {
        return "Scaling: no system did right with several instances".to_owned();
    };
    let kept = side.kept.iter().map(|it| {
        let efficiency = it.efficiency;
        let mark = it.bound.map_or("", Bound::sign);
        let interval = efficiency.interval.map(|it| span(it, Unit::Share));
        let interval = interval.map_or_else(String::new, |it| format!(" ({it})"));
        let share = percent(efficiency.estimate);
        format!("{} {mark}{share}{interval}", it.system)
    });
    let failed = side
        .failed
        .iter()
        .map(|(system, from)| format!("{system} fails at {from}"));
    let failed: Vec<_> = failed.collect();
    let but = if failed.is_empty() { "" } else { "; " };
    format!(
        "Scaling: of their efficiency at {} instances keep {}{but}{}",
        side.instances,
        list(&kept.collect::<Vec<_>>()),
        failed.join("; ")
    )
}

fn systems(of: &[&Scaling]) -> Vec<String> {
    let mut systems: Vec<_> = of.iter().map(|it| it.cell.system.to_string()).collect();
    systems.dedup();
    systems
}

fn steps<'a>(
    findings: &'a Findings,
    of: &'a Scaling,
) -> impl Iterator<Item = (&'a ScalingStep, &'a CellFacts)> {
    let steps = of.steps.iter();
    steps.filter_map(|step| Some((step, findings.facts.cell(&step.cell)?)))
}

/// A curve's name, with a mark if some of its points are bounds.
fn label(of: &Scaling, names: &Names) -> String {
    let mark = if of.is_bounded() { " (≥)" } else { "" };
    format!("{}{mark}", names.name(&of.cell))
}

fn throughput(findings: &Findings, workload: &str, of: &[&Scaling], names: &Names) -> Figure {
    let curve = |it: &&Scaling| Curve {
        label: label(it, names),
        system: it.cell.system.to_string(),
        points: steps(findings, it)
            .filter_map(|(step, cell)| {
                let ends = cell.interval(Measure::PerSecond).map(pair);
                let rate = cell.median(Measure::PerSecond)?;
                Some((step.instances as f64, rate, ends))
            })
            .collect(),
        is_reference: false,
    };
    let ideal = |it: &&Scaling| {
        let (first, cell) = steps(findings, it).next()?;
        if cell.is_generator_limited() {
            // Of a lower bound, N times it is none.
            return None;
        }
        let one = cell.median(Measure::PerSecond)? / first.instances as f64;
        let counts = it.steps.iter().map(|step| step.instances as f64);
        Some(Curve {
            label: String::new(),
            system: it.cell.system.to_string(),
            points: counts.map(|n| (n, one * n, None)).collect(),
            is_reference: true,
        })
    };
    let series: Vec<_> = of
        .iter()
        .map(curve)
        .chain(of.iter().filter_map(ideal))
        .collect();
    let title = format!("{workload}: how does throughput grow with instances?");
    Figure {
        id: FileName::of(&format!("{workload}-scaling")),
        title: title.clone(),
        caption: format!(
            "Medians with 95 % intervals; the dotted lines are what each system would reach if \
                every instance did as the first.{}",
            if of.iter().any(|it| it.is_bounded()) {
                " Where a name has (≥), some of its points are lower bounds: the table says which."
            } else {
                ""
            }
        ),
        picture: draw_curves(
            &series,
            &Plane {
                x: ("instances", Unit::Count),
                y: ("right answers per second", Unit::PerSecond),
                log_x: false,
                log_y: false,
            },
        ),
        table: table(findings, &title, of, names),
        workload: Some(workload.to_owned()),
        systems: systems(of),
    }
}

/// Efficiency over instances, with the line that says that nothing is lost.
fn efficiency_figure(workload: &str, of: &[&Scaling], names: &Names) -> Figure {
    let title = format!("{workload}: how much of its efficiency does each system keep?");
    let columns = ["system", ">instances", ">efficiency", ">95 % interval"];
    let mut table = Table::new(title.clone(), &columns).folded();
    let mut series = Vec::new();
    for it in of {
        let mut points = Vec::new();
        for step in &it.steps {
            let Some(efficiency) = step.efficiency else {
                continue;
            };
            let interval = efficiency
                .interval
                .map(|it| Interval::new(it.low.max(0.0), it.high));
            let n = step.instances as f64;
            points.push((n, efficiency.estimate, interval.map(pair)));
            let fields = [
                names.name(&it.cell),
                step.instances.to_string(),
                or_dash(step.efficiency_text()),
                ends(interval, Unit::Share),
            ];
            table.row_about(workload, &[&it.cell.system], fields);
        }
        series.push(Curve {
            label: label(it, names),
            system: it.cell.system.to_string(),
            points,
            is_reference: false,
        });
    }
    let last = of.iter().filter_map(|it| it.steps.last());
    let most = last.map(|step| step.instances).max().unwrap_or(1);
    series.push(Curve {
        label: "nothing lost".to_owned(),
        system: systems::BASELINE.to_owned(),
        points: vec![(0.0, 1.0, None), (most as f64, 1.0, None)],
        is_reference: true,
    });
    Figure {
        id: FileName::of(&format!("{workload}-efficiency")),
        title,
        caption:
            "Throughput of N instances over N times that of the fewest: Hodges–Lehmann ratios \
            within blocks, with 95 % intervals. The dotted line is where nothing is lost."
                .to_owned(),
        picture: draw_curves(
            &series,
            &Plane {
                x: ("instances", Unit::Count),
                y: ("efficiency", Unit::Share),
                log_x: false,
                log_y: false,
            },
        ),
        table,
        workload: Some(workload.to_owned()),
        systems: systems(of),
    }
}

fn table(findings: &Findings, title: &str, of: &[&Scaling], names: &Names) -> Table {
    let columns = [
        "system",
        ">instances",
        ">n",
        ">requests/s",
        ">95 % interval",
        ">speed-up",
        ">efficiency",
        ">95 % interval",
        ">all ready after",
        ">PSS",
        ">generator",
        "more than cores",
    ];
    let mut table = Table::new(title, &columns);
    for it in of {
        for (step, cell) in steps(findings, it) {
            let efficiency = step.efficiency;
            let fields = [
                format!("[{}](#{})", names.name(&it.cell), cell.id),
                step.instances.to_string(),
                cell.counted(),
                median(cell, Measure::PerSecond),
                interval(cell, Measure::PerSecond),
                or_dash(step.speed_up_text().map(|it| it + "×")),
                or_dash(step.efficiency_text()),
                ends(efficiency.and_then(|it| it.interval), Unit::Share),
                median(cell, Measure::ReadyNs),
                median(cell, Measure::PssBytes),
                median(cell, Measure::GeneratorShare),
                if cell.oversubscribed { "yes" } else { "no" }.to_owned(),
            ];
            table.row_about(&it.cell.workload, &[cell.system()], fields);
        }
    }
    table
}
