//! One plain sentence.

use results::Phase;

use crate::label::Labels;
use crate::summary::{CellSummary, Summary};
use findings::units::{nanoseconds, percent, three_digits};

/// What was found, in one sentence for each system, which claims nothing below the noise floor.
pub fn finding(summary: &Summary) -> String {
    let Some(workload) = summary
        .workloads()
        .into_iter()
        .rfind(|name| summary.of_workload(name).any(|cell| cell.ok > 0))
    else {
        return "Nothing could be measured.\n".to_owned();
    };
    let measured = || {
        summary
            .of_workload(workload)
            .filter(|cell| !cell.is_twin() && cell.total.is_some())
    };
    let mut systems: Vec<_> = measured().map(CellSummary::system).collect();
    systems.sort_unstable();
    systems.dedup();
    let several = systems.len() > 1;
    let mut text = String::new();
    // Last in the alphabet first: Wasmtime, which has the most cells, and whose labels the tables
    // above it use.
    for system in systems.into_iter().rev() {
        let name = if several {
            format!("{workload} ({system})")
        } else {
            workload.to_owned()
        };
        let cells: Vec<_> = measured().filter(|cell| cell.system() == system).collect();
        text.push_str(&of_system(summary, &name, &cells));
        text.push('\n');
    }
    text
}

fn of_system(summary: &Summary, workload: &str, cells: &[&CellSummary]) -> String {
    let labels = Labels::of(cells.iter().copied());
    let plain = |phase: Phase| {
        let with = cells
            .iter()
            .copied()
            .filter(move |cell| cell.phase(phase).is_some());
        // The one whose label is the bare name of its phase: all else is as usual.
        with.clone()
            .find(|cell| labels.name(cell) == phase.name())
            .or_else(|| with.min_by(faster))
    };
    if let Some(compiled) = plain(Phase::Compile).or_else(|| plain(Phase::CacheMiss)) {
        let others = [
            plain(Phase::Validate),
            plain(Phase::CacheHit),
            plain(Phase::DeserializeFile),
        ];
        of_compiled(summary, workload, compiled, &others)
    } else {
        let all = || cells.iter().copied();
        of_extremes(
            summary,
            workload,
            &labels,
            all().max_by(faster),
            all().min_by(faster),
        )
    }
}

fn faster(one: &&CellSummary, two: &&CellSummary) -> std::cmp::Ordering {
    let total = |cell: &CellSummary| cell.total.map_or(f64::INFINITY, |total| total.value);
    total(one).total_cmp(&total(two))
}

/// Whether the totals differ: intervals apart, and by more than the same system differs from
/// itself.
fn differ(summary: &Summary, one: &CellSummary, two: &CellSummary) -> bool {
    let (Some(one), Some(two)) = (one.total, two.total) else {
        return false;
    };
    one.is_apart_from(&two)
        && summary
            .noise_floor
            .is_some_and(|floor| (one.value / two.value - 1.0).abs() > floor)
}

fn of_compiled(
    summary: &Summary,
    workload: &str,
    compiled: &CellSummary,
    others: &[Option<&CellSummary>],
) -> String {
    let total = compiled.total.map_or(0.0, |total| total.value);
    let compiling = compiled.phases.iter().find(|phase| phase.name.acquires());
    let share = compiling.and_then(|phase| phase.share).unwrap_or(0.0);
    let mut text = format!(
        "Found: {} of a compiled start of {workload} ({}) is compilation",
        percent(share),
        nanoseconds(total)
    );
    let mut joint = "; ";
    for other in others.iter().flatten() {
        let Some(time) = other.total else { continue };
        let what = match other
            .phases
            .iter()
            .find(|phase| phase.name.acquires())
            .map(|phase| phase.name)
        {
            Some(Phase::CacheHit) => "a cache hit",
            Some(Phase::Validate) => "the interpreter",
            _ => "a mapped precompiled file",
        };
        if differ(summary, compiled, other) && time.value < total {
            text.push_str(&format!(
                "{joint}{what} leaves {}, {} times less",
                nanoseconds(time.value),
                three_digits(total / time.value)
            ));
        } else {
            text.push_str(&format!(
                "{joint}{what} shows no difference that this run can tell from noise"
            ));
        }
        joint = ", ";
    }
    text + "."
}

fn of_extremes(
    summary: &Summary,
    workload: &str,
    labels: &Labels,
    slowest: Option<&CellSummary>,
    fastest: Option<&CellSummary>,
) -> String {
    let (Some(slowest), Some(fastest)) = (slowest, fastest) else {
        return "Nothing could be measured.".to_owned();
    };
    let name = |cell: &CellSummary| labels.name(cell);
    let value = |cell: &CellSummary| cell.total.map_or(0.0, |total| total.value);
    let largest = slowest
        .phases
        .iter()
        .filter(|phase| phase.name.counts())
        .max_by(|a, b| a.time.value.total_cmp(&b.time.value));
    let largest = largest.map_or_else(String::new, |phase| {
        format!(
            " ({} of it `{}`)",
            percent(phase.share.unwrap_or(0.0)),
            phase.name
        )
    });
    let start = format!(
        "Found: a start of {workload} takes {}",
        nanoseconds(value(slowest))
    );
    if slowest.cell == fastest.cell {
        format!("{start}{largest}.")
    } else if differ(summary, slowest, fastest) {
        format!(
            "{start} with `{}`{largest}, and {} with `{}`.",
            name(slowest),
            nanoseconds(value(fastest)),
            name(fastest)
        )
    } else {
        format!("{start}{largest}, and no configuration differs from another by more than noise.")
    }
}
