//! Many instances: what they do together, and what they take.

use findings::comparison::signed;
use findings::questions::density::Density;
use findings::questions::scaling::Scaling;
use findings::statistics::Fit;
use findings::units::{Unit, bytes, three_digits};
use findings::{Findings, Measure, Names};

use super::table::{NOTHING, ends, median, titled};

/// Throughput over instances, and where it ends.
pub(crate) fn scaling(findings: &Findings) -> String {
    let mut text = String::new();
    for workload in findings.facts.workloads() {
        let all = findings.scaling.iter();
        let some: Vec<_> = all.filter(|it| it.cell.workload == *workload).collect();
        let names = Names::new(some.iter().map(|it| &it.cell));
        let rows = some
            .iter()
            .flat_map(|it| scaling_rows(findings, &names, it));
        text.push_str(&titled(
            &format!("{workload}, scaling: instances at the same time; * more of them than cores"),
            &[
                "system",
                "instances",
                "n",
                "per second",
                "speed-up",
                "efficiency",
                "95 % interval",
                "memory each",
                "all ready",
                "generator",
            ],
            rows.collect(),
        ));
        if some.iter().any(|it| it.is_bounded()) {
            text.push_str(
                "≥ at least, ≤ at most: the load generator was at its limit, there or with the fewest\n",
            );
        }
        for it in &some {
            let name = names.name(&it.cell);
            text.push_str(&format!("{name}: {}\n", it.limit));
        }
        if !some.is_empty() {
            text.push('\n');
        }
    }
    text
}

fn scaling_rows(findings: &Findings, names: &Names, of: &Scaling) -> Vec<Vec<String>> {
    let rows = of.steps.iter().filter_map(|step| {
        let cell = findings.facts.cell(&step.cell)?;
        let mark = if cell.oversubscribed { "*" } else { "" };
        let memory = cell.median(Measure::PssBytes);
        let memory = memory.map(|memory| bytes(memory / step.instances as f64));
        let efficiency = step.efficiency;
        let interval = efficiency.and_then(|it| it.interval);
        Some(vec![
            names.name(&of.cell),
            format!("{}{mark}", step.instances),
            cell.counted(),
            median(cell, Measure::PerSecond),
            step.speed_up_text().unwrap_or_default(),
            step.efficiency_text().unwrap_or_default(),
            interval.map_or_else(String::new, |it| ends(it, Unit::Share)),
            memory.unwrap_or_default(),
            median(cell, Measure::ReadyNs),
            median(cell, Measure::GeneratorShare),
        ])
    });
    rows.collect()
}

/// Memory over instances, and the lines through it.
pub(crate) fn density(findings: &Findings) -> String {
    let mut text = String::new();
    for workload in findings.facts.workloads() {
        let all = findings.density.iter();
        let some: Vec<_> = all.filter(|it| it.cell.workload == *workload).collect();
        let names = Names::new(some.iter().map(|it| &it.cell));
        let totals = some
            .iter()
            .flat_map(|it| density_rows(findings, &names, it));
        text.push_str(&titled(
            &format!("{workload}, density: instances that are there at the same time, and answer"),
            &[
                "system",
                "instances",
                "n",
                "PSS",
                "private",
                "last one's start",
                "requests/s per MiB",
            ],
            totals.collect(),
        ));
        text.push_str(&titled(
            &format!(
                "{workload}, density: what one more takes, its shim included, by the line through all \
                    samples; `machine` is what it had less; engine and what is shared are paid once"
            ),
            &[
                "system",
                "each",
                "95 % interval",
                "private each",
                "shim each",
                "page tables each",
                "machine each",
                "paid once",
                "line off by at most",
            ],
            some.iter().map(|it| fits(findings, &names, it)).collect(),
        ));
    }
    text
}

fn density_rows(findings: &Findings, names: &Names, of: &Density) -> Vec<Vec<String>> {
    let rows = of.steps.iter().filter_map(|step| {
        let cell = findings.facts.cell(&step.cell)?;
        let rate = step.per_second_and_mib;
        Some(vec![
            names.name(&of.cell),
            step.instances.to_string(),
            cell.counted(),
            median(cell, Measure::PssBytes),
            median(cell, Measure::PrivateBytes),
            median(cell, Measure::StartLastNs),
            rate.map_or_else(|| NOTHING.to_owned(), |it| three_digits(it.value)),
        ])
    });
    rows.collect()
}

fn fits(findings: &Findings, names: &Names, of: &Density) -> Vec<String> {
    let last = of.steps.last();
    let last = last.and_then(|step| findings.facts.cell(&step.cell));
    let slope = |measure: Measure| {
        let fit = of.fits.get(&measure);
        fit.map_or_else(|| NOTHING.to_owned(), |it| signed(it.slope, Unit::Bytes))
    };
    let all = of.memory.as_ref();
    let interval = all.and_then(|fit| fit.slope_interval);
    let mark = match all.and_then(Fit::is_straight) {
        _ if !of.is_line() => ": no line",
        Some(false) => ": it bends",
        _ => "",
    };
    let worst = of
        .worst
        .map(|worst| format!("{:.1} % at {}{mark}", worst.share * 100.0, worst.instances));
    vec![
        names.name(&of.cell),
        all.map_or_else(|| NOTHING.to_owned(), |it| signed(it.slope, Unit::Bytes)),
        interval.map_or_else(String::new, |it| ends(it, Unit::Bytes)),
        slope(Measure::PrivateBytes),
        slope(Measure::ShimPssBytes),
        slope(Measure::PageTablesBytes),
        slope(Measure::MachineBytes),
        last.and_then(|cell| cell.median(Measure::OnceBytes))
            .map_or_else(|| NOTHING.to_owned(), |it| signed(it, Unit::Bytes)),
        worst.unwrap_or_else(|| NOTHING.to_owned()),
    ]
}
