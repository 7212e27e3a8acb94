//! Memory over instances, and what one more takes.

use findings::comparison::signed;
use findings::facts::KINDS;
use findings::questions::density::{Density, DensityStep};
use findings::statistics::Fit;
use findings::units::{Unit, bytes, percent, three_digits};
use findings::{CellFacts, Findings, Measure, Names};
use results::names::FileName;
use systems::{Kind, standing};

use super::format::{ends, interval, list, median, or_dash, pair};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Curve, Plane, draw_curves};

/// The section, as far as the run has it.
pub(super) fn render(findings: &Findings) -> Option<Section> {
    let all = &findings.density;
    all.iter().find(|it| it.memory.is_some())?;
    let mut section = Section::new("density", title(all));
    section.question = "Many instances";
    section.text(
        "Many instances at once, idle. What one more takes is the slope of memory over their \
            number; what there is for any number of them is where the line begins. Points weigh as \
            the spread of the repeats at each number says, and intervals rest on those repeats. \
            An instance's memory is that of its processes and of its shim; what an engine keeps for \
            all of them, and what they share, is paid once. \
            Where they show that the line bends, the interval is of the distances from it; a line \
            from which a total is further than a tenth of itself describes nothing. Both are marked.",
    );
    let mut workloads: Vec<_> = all.iter().map(|it| it.cell.workload.as_str()).collect();
    workloads.sort_unstable();
    workloads.dedup();
    for workload in workloads {
        let of_workload = |it: &&Density| it.cell.workload == *workload && it.memory.is_some();
        let some: Vec<_> = all.iter().filter(of_workload).collect();
        let names = Names::new(some.iter().map(|it| &it.cell));
        if some.is_empty() {
            continue;
        }
        section
            .blocks
            .push(Block::Figure(memory(findings, workload, &some, &names)));
        section.table(two_figures(findings, workload, &some, &names));
        section.table(each_kind(workload, &some, &names));
        section.table(each_number(findings, workload, &some, &names));
    }
    Some(section)
}

/// What one more instance takes, with the systems that were named beforehand.
fn title(all: &[Density]) -> String {
    let Some(first) = all.first().map(|it| &it.cell.workload) else {
        return String::new();
    };
    let names = Names::new(all.iter().map(|it| &it.cell));
    let cost = |kind: &Kind| {
        let of_kind = all.iter().filter(|it| it.cell.workload == *first);
        let stands = standing(*kind, of_kind, |it| &it.cell)?;
        let fit = stands.memory?;
        // Only a slope that is surely above zero is a cost.
        fit.slope_interval.filter(|ends| ends.low > 0.0)?;
        Some(format!(
            "{} with {}",
            bytes(fit.slope),
            names.name(&stands.cell)
        ))
    };
    let costs: Vec<_> = KINDS.iter().filter_map(cost).collect();
    if costs.is_empty() {
        let is_spread_known =
            |it: &Density| it.memory.is_some_and(|fit| fit.slope_interval.is_some());
        return if all.iter().any(is_spread_known) {
            "Density: what does one more instance take?".to_owned()
        } else {
            "Density: no number of instances was measured twice, so that the spread of what one \
                more takes is not known"
                .to_owned()
        };
    }
    format!(
        "Density: one more instance of {first} takes {}",
        list(&costs)
    )
}

fn steps<'a>(
    findings: &'a Findings,
    of: &'a Density,
) -> impl Iterator<Item = (&'a DensityStep, &'a CellFacts)> {
    let steps = of.steps.iter();
    steps.filter_map(|step| Some((step, findings.facts.cell(&step.cell)?)))
}

fn memory(findings: &Findings, workload: &str, of: &[&Density], names: &Names) -> Figure {
    let mut series = Vec::new();
    for it in of {
        let (Some(measure), Some(fit)) = (it.memory_measure, it.memory) else {
            continue;
        };
        let point = |(step, cell): (&DensityStep, &CellFacts)| {
            let value = cell.median(measure)?;
            let ends = cell.interval(measure).map(pair);
            Some((step.instances as f64, value, ends))
        };
        series.push(Curve {
            label: names.name(&it.cell),
            system: it.cell.system.to_string(),
            points: steps(findings, it).filter_map(point).collect(),
            is_reference: false,
        });
        let predicted = |step: &DensityStep| {
            let n = step.instances as f64;
            (n, (fit.intercept + fit.slope * n).max(0.0), None)
        };
        series.push(Curve {
            label: String::new(),
            system: it.cell.system.to_string(),
            points: it.steps.iter().map(predicted).collect(),
            is_reference: true,
        });
    }
    let title = format!("{workload}: how does memory grow with instances?");
    Figure {
        id: FileName::of(&format!("{workload}-density")),
        title: title.clone(),
        caption: "Medians with 95 % intervals; the dotted lines are fits by weighted least squares \
            through all samples. The proportional set size counts what instances share once, private \
            memory not at all."
            .to_owned(),
        picture: draw_curves(
            &series,
            &Plane {
                x: ("instances", Unit::Count),
                y: ("memory of all instances", Unit::Bytes),
                log_x: false,
                log_y: false,
            },
        ),
        table: fits(findings, &title, of, names),
        workload: Some(workload.to_owned()),
        systems: of.iter().map(|it| it.cell.system.to_string()).collect(),
    }
}

fn fits(findings: &Findings, title: &str, of: &[&Density], names: &Names) -> Table {
    let columns = [
        "system",
        "memory",
        ">one more takes",
        ">95 % interval",
        ">for any number",
        ">R²",
        ">robust slope",
        ">line off by at most",
        ">most instances",
        ">all started after",
    ];
    let mut table = Table::new(title, &columns);
    for it in of {
        let Some(fit) = it.memory else { continue };
        let last = steps(findings, it).last();
        let bent = if fit.is_robust() == Some(false) {
            ": a few points bend the fit"
        } else {
            ""
        };
        let mark = match fit.is_straight() {
            _ if !it.is_line() => ": no line",
            Some(false) => ": it bends",
            _ => "",
        };
        let worst = it.worst.map(|worst| {
            let share = percent(worst.share);
            format!("{share} at {}{mark}", worst.instances)
        });
        let fields = [
            names.name(&it.cell),
            format!("`{}`", it.memory_measure.map_or("", Measure::name)),
            bytes(fit.slope),
            ends(fit.slope_interval, Unit::Bytes),
            bytes(fit.intercept),
            or_dash(fit.r_squared.map(three_digits)),
            format!("{}{bent}", bytes(fit.robust.slope)),
            or_dash(worst),
            last.map_or_else(String::new, |(step, _)| step.instances.to_string()),
            or_dash(last.map(|(_, cell)| median(cell, Measure::TotalNs))),
        ];
        table.row_about(&it.cell.workload, &[&it.cell.system], fields);
    }
    table
}

/// What is alike for every system: what one more instance takes, and what is paid once.
fn two_figures(findings: &Findings, workload: &str, of: &[&Density], names: &Names) -> Table {
    let columns = [
        "system",
        ">blocks",
        ">one more instance",
        ">95 % interval",
        ">paid once",
        ">of it the engine",
        ">one service alone",
    ];
    let title = format!(
        "{workload}: what a system takes of memory, by the line of each block; `paid once` are the engine \
            and what instances share"
    );
    let mut table = Table::new(title, &columns);
    for it in of {
        let Some((_, cell)) = steps(findings, it).last() else {
            continue;
        };
        let fields = [
            names.name(&it.cell),
            cell.values(Measure::InstanceBytes).len().to_string(),
            median(cell, Measure::InstanceBytes),
            interval(cell, Measure::InstanceBytes),
            median(cell, Measure::OnceBytes),
            median(cell, Measure::EnginePssBytes),
            median(cell, Measure::ServiceBytes),
        ];
        table.row_about(workload, &[&it.cell.system], fields);
    }
    table
}

/// What one more takes of each kind of memory.
fn each_kind(workload: &str, of: &[&Density], names: &Names) -> Table {
    let columns = [
        "system",
        ">PSS",
        ">private",
        ">shim",
        ">engine",
        ">page tables",
        ">machine",
    ];
    let title = format!(
        "{workload}: what one more instance takes of each kind of memory; `machine` is what the \
            whole machine had less"
    );
    let mut table = Table::new(title, &columns).folded();
    let measures = [
        Measure::PssBytes,
        Measure::PrivateBytes,
        Measure::ShimPssBytes,
        Measure::EnginePssBytes,
        Measure::PageTablesBytes,
        Measure::MachineBytes,
    ];
    for it in of {
        let slope = |measure| {
            let fit: Option<&Fit> = it.fits.get(&measure);
            or_dash(fit.map(|fit| signed(fit.slope, Unit::Bytes)))
        };
        let head = [names.name(&it.cell)];
        let fields = head.into_iter().chain(measures.map(slope));
        table.row_about(workload, &[&it.cell.system], fields);
    }
    table
}

fn each_number(findings: &Findings, workload: &str, of: &[&Density], names: &Names) -> Table {
    let columns = [
        "system",
        ">instances",
        ">private",
        ">PSS",
        ">all started after",
        ">the last started in",
        ">requests/s",
        ">requests/s per MiB",
    ];
    let mut table = Table::new("Each number of instances", &columns).folded();
    for it in of {
        for (step, cell) in steps(findings, it) {
            let measures = [
                Measure::PrivateBytes,
                Measure::PssBytes,
                Measure::TotalNs,
                Measure::StartLastNs,
                Measure::PerSecond,
            ];
            let head = [
                format!("[{}](#{})", names.name(&it.cell), cell.id),
                step.instances.to_string(),
            ];
            let each = step.per_second_and_mib.map(|it| three_digits(it.value));
            let figures = measures.map(|measure| median(cell, measure));
            let fields = head.into_iter().chain(figures).chain([or_dash(each)]);
            table.row_about(workload, &[cell.system()], fields);
        }
    }
    table
}
