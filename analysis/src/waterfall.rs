//! The waterfall: one bar a configuration, its phases side by side and to scale.

use results::Phase;

use crate::label::Labels;
use crate::summary::{CellSummary, Summary};
use findings::look::PhaseLook;
use findings::units::nanoseconds;

/// A bar shorter than this part of the longest is drawn again on a scale of its own: a start out of
/// a cache would otherwise be two letters beside one that compiles.
const ZOOM_BELOW: f64 = 1.0 / 6.0;

/// Draws all workloads, `width` columns wide. Phases are told by letters; `colour` adds their
/// colours.
pub fn waterfall(summary: &Summary, width: usize, colour: bool) -> String {
    let mut text = String::new();
    for workload in summary.workloads() {
        let cells: Vec<_> = summary
            .of_workload(workload)
            .filter(|cell| cell.is_taken_apart() && !cell.is_twin())
            .collect();
        let labels = Labels::of(cells.iter().copied());
        let longest = cells.iter().map(|cell| total(cell)).fold(0.0, f64::max);
        let (long, short): (Vec<_>, Vec<_>) = cells
            .iter()
            .partition(|cell| total(cell) >= longest * ZOOM_BELOW);
        for bars in [long, short] {
            text.push_str(&group(workload, &labels, &bars, width, colour));
        }
    }
    if !text.is_empty() {
        text.push_str(&legend(summary, width, colour));
    }
    text
}

pub(crate) fn total(cell: &CellSummary) -> f64 {
    cell.total.map_or(0.0, |total| total.value)
}

/// Bars on one scale.
fn group(
    workload: &str,
    labels: &Labels,
    cells: &[&CellSummary],
    width: usize,
    colour: bool,
) -> String {
    bars(workload, cells, |cell| labels.name(cell), width, colour)
}

/// Bars on one scale, with names as `name` gives them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to the width of a terminal"
)]
pub(crate) fn bars(
    title: &str,
    cells: &[&CellSummary],
    name: impl Fn(&CellSummary) -> String,
    width: usize,
    colour: bool,
) -> String {
    let Some(longest) = cells.iter().map(|cell| total(cell)).reduce(f64::max) else {
        return String::new();
    };
    let names: Vec<_> = cells.iter().map(|cell| name(cell)).collect();
    let name_width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let room = width.saturating_sub(name_width + 12).max(10);
    let mut text = format!("{title}: {room} columns = {}\n", nanoseconds(longest));
    for (cell, name) in cells.iter().zip(names) {
        let columns = (total(cell) / longest * room as f64).round() as usize;
        text.push_str(&format!(
            "  {name:<name_width$} {} {}\n",
            bar(cell, columns.max(1), colour),
            nanoseconds(total(cell))
        ));
    }
    text.push('\n');
    text
}

/// The phases of the start, in `columns` columns in all: each gets its share, and what rounding
/// leaves over goes to the largest remainders. A phase too short for a column has none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to the width of a terminal"
)]
fn bar(cell: &CellSummary, columns: usize, colour: bool) -> String {
    let phases: Vec<_> = cell
        .phases
        .iter()
        .filter(|phase| phase.name.counts())
        .collect();
    let sum: f64 = phases.iter().map(|phase| phase.time.value).sum();
    let exact: Vec<f64> = phases
        .iter()
        .map(|phase| phase.time.value / sum * columns as f64)
        .collect();
    let mut lengths: Vec<usize> = exact.iter().map(|length| length.floor() as usize).collect();
    let mut by_remainder: Vec<usize> = (0..phases.len()).collect();
    by_remainder.sort_by(|&one, &two| exact[two].fract().total_cmp(&exact[one].fract()));
    let left = columns.saturating_sub(lengths.iter().sum());
    by_remainder
        .iter()
        .take(left)
        .for_each(|&at| lengths[at] += 1);
    phases
        .iter()
        .zip(lengths)
        .map(|(phase, length)| painted(phase.name, length, colour))
        .collect()
}

fn painted(phase: Phase, length: usize, colour: bool) -> String {
    let PhaseLook { letter, shade, .. } = findings::look::phase(phase);
    let letters: String = std::iter::repeat_n(letter, length).collect();
    if colour && length > 0 {
        format!("\x1b[38;5;16;48;5;{shade}m{letters}\x1b[0m")
    } else {
        letters
    }
}

/// The phases that occur.
pub(crate) fn legend(summary: &Summary, width: usize, colour: bool) -> String {
    let occurs = |name: &Phase| {
        name.counts() && summary.cells.iter().any(|cell| cell.phase(*name).is_some())
    };
    let (mut text, mut used) = (String::new(), 0);
    for phase in Phase::ALL.into_iter().filter(occurs) {
        let entry = phase.name().len() + 4;
        if used > 0 && used + entry > width {
            text.push('\n');
            used = 0;
        }
        text.push_str(&format!("{} {phase}  ", painted(phase, 1, colour)));
        used += entry;
    }
    text.trim_end().to_owned() + "\n"
}
