//! The waterfall: one bar a start, its phases side by side and to scale.

use findings::look;
use findings::questions::starts::Starts;
use findings::units::nanoseconds;
use findings::{CellFacts, Findings, Measure, Names};
use results::Phase;

use super::Style;

/// A bar shorter than this part of the longest is drawn again on a scale of its own: a start out of
/// a cache would otherwise be two letters beside one that compiles.
const ZOOM_BELOW: f64 = 1.0 / 6.0;

/// Draws the starts of all workloads that were taken apart. Phases are letters; colour adds to them.
pub(crate) fn render(findings: &Findings, style: Style) -> String {
    let mut text = String::new();
    for starts in &findings.starts {
        let cells = taken_apart(findings, starts);
        let longest = cells.iter().map(|cell| total(cell)).fold(0.0, f64::max);
        let (long, short): (Vec<_>, Vec<_>) = cells
            .iter()
            .partition(|cell| total(cell) >= longest * ZOOM_BELOW);
        let title = format!("{}, {}", starts.workload, starts.scenario.name());
        for cells in [long, short] {
            text.push_str(&bars(&title, &cells, style));
        }
    }
    if !text.is_empty() {
        text.push_str(&legend(findings, style));
    }
    text
}

/// Starts that were taken apart, slowest first: what stands at the top is what there is to gain.
fn taken_apart<'a>(findings: &'a Findings, starts: &Starts) -> Vec<&'a CellFacts> {
    let cells = starts.taken_apart.iter().rev();
    cells.filter_map(|id| findings.facts.cell(id)).collect()
}

fn total(cell: &CellFacts) -> f64 {
    cell.median(Measure::TotalNs).unwrap_or(0.0)
}

/// Bars on one scale; nothing for no cells.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to the width of a terminal"
)]
pub(crate) fn bars(title: &str, cells: &[&CellFacts], style: Style) -> String {
    let Some(longest) = cells.iter().map(|cell| total(cell)).reduce(f64::max) else {
        return String::new();
    };
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let names: Vec<_> = cells.iter().map(|cell| names.name(&cell.cell)).collect();
    let widths = names.iter().map(|name| name.chars().count());
    let name_width = widths.max().unwrap_or(0);
    let room = style.width.saturating_sub(name_width + 12).max(10);
    let mut text = format!("{title}: {room} columns = {}\n", nanoseconds(longest));
    for (cell, name) in cells.iter().zip(names) {
        let columns = (total(cell) / longest * room as f64).round() as usize;
        text.push_str(&format!(
            "  {name:<name_width$} {} {}\n",
            bar(cell, columns.max(1), style.colour),
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
fn bar(cell: &CellFacts, columns: usize, colour: bool) -> String {
    let phases: Vec<_> = cell.counted_phases().collect();
    let sum: f64 = phases.iter().map(|phase| phase.median_ns).sum();
    let exact: Vec<f64> = phases
        .iter()
        .map(|phase| phase.median_ns / sum * columns as f64)
        .collect();
    let mut lengths: Vec<usize> = exact.iter().map(|length| length.floor() as usize).collect();
    let mut by_remainder: Vec<usize> = (0..phases.len()).collect();
    by_remainder.sort_by(|&one, &two| exact[two].fract().total_cmp(&exact[one].fract()));
    let left = columns.saturating_sub(lengths.iter().sum());
    let longer = by_remainder.iter().take(left);
    longer.for_each(|&at| lengths[at] += 1);
    phases
        .iter()
        .zip(lengths)
        .map(|(phase, length)| painted(phase.name, length, colour))
        .collect()
}

fn painted(phase: Phase, length: usize, colour: bool) -> String {
    let look = look::phase(phase);
    let letters: String = std::iter::repeat_n(look.letter, length).collect();
    if colour && length > 0 {
        format!("\x1b[38;5;16;48;5;{}m{letters}\x1b[0m", look.shade)
    } else {
        letters
    }
}

/// The phases that occur.
pub(crate) fn legend(findings: &Findings, style: Style) -> String {
    let cells = &findings.facts.cells;
    let occurs =
        |name: &Phase| name.counts() && cells.iter().any(|cell| cell.phase(*name).is_some());
    let (mut text, mut used) = (String::new(), 0);
    for phase in Phase::ALL.into_iter().filter(occurs) {
        let entry = phase.name().len() + 4;
        if used > 0 && used + entry > style.width {
            text.push('\n');
            used = 0;
        }
        text.push_str(&format!("{} {phase}  ", painted(phase, 1, style.colour)));
        used += entry;
    }
    text.trim_end().to_owned() + "\n"
}
