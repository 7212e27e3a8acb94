//! What a run of the suite says: systems side by side, from outside.

use comfy_table::{CellAlignment, ContentArrangement, Table};
use results::record::Scenario;
use results::{Cell, Sample};

use crate::summary::{CellSummary, Summary, TWIN};
use crate::table::{RULED, controls, interval};
use crate::waterfall;
use crate::{density, scaling, state};
use findings::median::Estimate;
use findings::units::{bytes, nanoseconds, percent, three_digits};

/// The parameter that says whether a start was taken apart, and its value for one that was not.
pub(crate) const OBSERVER: (&str, &str) = ("observer", "none");

/// The system that others are compared with.
const BASE: &str = "native";

/// Everything that a person at a terminal of `width` columns is shown of a run of the suite.
pub fn suite_report(summary: &Summary, samples: &[Sample], width: usize, colour: bool) -> String {
    let mut text = String::new();
    for workload in summary.workloads() {
        let cells: Vec<_> = summary.of_workload(workload).collect();
        for scenario in Scenario::ALL
            .into_iter()
            .filter(|scenario| !scenario.multiplies())
        {
            let some: Vec<_> = cells
                .iter()
                .copied()
                .filter(|cell| cell.cell.scenario == scenario)
                .collect();
            text.push_str(&if scenario.starts() {
                starts(workload, scenario, &some)
            } else {
                loads(workload, scenario, &some)
            });
        }
    }
    text.push_str(&scaling::tables(samples));
    text.push_str(&density::tables(samples));
    text.push_str(&state::tables(samples));
    text.push_str(&parts(summary));
    text.push_str(&unusable(summary));
    text.push_str(&waterfall::waterfall(summary, width, colour));
    text.push_str(&observer(summary));
    text.push_str(&controls(summary));
    text
}

/// Parameters that a table's title, its columns or its rows' beginnings tell; what is left are a
/// system's own.
const TOLD_ELSEWHERE: [&str; 7] = [
    "acquire",
    "page_cache",
    "observer",
    "pace",
    "connections",
    "requests",
    "without",
];

/// Whether the cell's total is one to quote: nothing watched the start.
pub(crate) fn is_headline(cell: &CellSummary) -> bool {
    is_headline_cell(&cell.cell)
}

/// As [`is_headline`].
pub(crate) fn is_headline_cell(cell: &Cell) -> bool {
    cell.params
        .get(OBSERVER.0)
        .is_none_or(|observer| observer == OBSERVER.1)
}

/// The system, how it comes by code, and whatever else tells the cell from its neighbours.
pub(crate) fn name(cell: &CellSummary) -> String {
    name_of(&cell.cell)
}

/// As [`name`].
pub(crate) fn name_of(cell: &Cell) -> String {
    let system = cell.system.strip_suffix(TWIN);
    let mut words = vec![system.unwrap_or(&cell.system).to_owned()];
    words.extend(cell.params.get("acquire").map(str::to_owned));
    let own = cell
        .params
        .iter()
        .filter(|(key, value)| !TOLD_ELSEWHERE.contains(&key.name()) && *value != "none");
    words.extend(own.map(|(key, value)| format!("{key}={value}")));
    // Told where it is not what the scenario's name says.
    let usual = if cell.scenario == Scenario::Cold {
        "evicted"
    } else {
        "hot"
    };
    words.extend(
        cell.params
            .get("page_cache")
            .filter(|state| *state != usual)
            .map(|state| format!("page_cache={state}")),
    );
    if system.is_some() {
        words.push("(A/A)".to_owned());
    }
    words.join(" ")
}

/// The value that others of the scenario are compared with.
fn base(cells: &[&CellSummary], value: impl Fn(&CellSummary) -> Option<f64>) -> Option<f64> {
    // Behind a firewall or over a network it is not what systems are compared with.
    let usual = |cell: &CellSummary| {
        let params = &cell.cell.params;
        !params.contains_key("path") && params.get("firewall").is_none_or(|level| level == "off")
    };
    let base = cells
        .iter()
        .find(|cell| cell.system() == BASE && !cell.is_twin() && usual(cell));
    base.and_then(|cell| value(cell))
}

fn ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!("{}×", three_digits(value / base)),
        _ => String::new(),
    }
}

fn shown(time: Option<&Estimate>) -> [String; 2] {
    let Some(time) = time else {
        return [String::new(), String::new()];
    };
    let ends = time.interval.map_or_else(
        || "n < 6".to_owned(),
        |(low, high)| interval(low as f64, high as f64),
    );
    [nanoseconds(time.value), ends]
}

/// The totals of a scenario, quickest first.
pub(crate) fn starts(workload: &str, scenario: Scenario, cells: &[&CellSummary]) -> String {
    let mut rows: Vec<_> = cells
        .iter()
        .copied()
        .filter(|cell| is_headline(cell))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let total = |cell: &CellSummary| cell.total.map(|total| total.value);
    rows.sort_by(|one, two| {
        total(one)
            .unwrap_or(f64::INFINITY)
            .total_cmp(&total(two).unwrap_or(f64::INFINITY))
    });
    let base = base(&rows, total);
    let lines = rows.iter().map(|cell| {
        let [median, ends] = shown(cell.total.as_ref());
        let cpu = cell
            .cpu
            .map_or_else(String::new, |cpu| nanoseconds(cpu.value));
        let memory = cell
            .pss
            .or(cell.max_rss)
            .map_or_else(String::new, |memory| bytes(memory.value));
        vec![
            name(cell),
            cell.ok.to_string(),
            median,
            ends,
            ratio(total(cell), base),
            cpu,
            memory,
        ]
    });
    // What is left of a command that has ended is its high-water mark.
    let (end, memory) = if rows.iter().any(|cell| cell.pss.is_some()) {
        ("first answer", "PSS")
    } else {
        ("end", "max RSS")
    };
    table(
        &format!(
            "{workload}, {}: launch → {end}; nothing watched these starts",
            scenario.name()
        ),
        &[
            "system",
            "n",
            "median",
            "95 % interval",
            "of native",
            "CPU",
            memory,
        ],
        lines,
    )
}

fn loads(workload: &str, scenario: Scenario, cells: &[&CellSummary]) -> String {
    let mut rows: Vec<_> = cells
        .iter()
        .filter_map(|cell| Some((*cell, cell.load.as_ref()?)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by(|(_, one), (_, two)| two.per_second.value.total_cmp(&one.per_second.value));
    let rate = |cell: &CellSummary| cell.load.as_ref().map(|load| load.per_second.value);
    let base = base(cells, rate);
    let lines = rows.iter().map(|(cell, load)| {
        let connections = cell
            .cell
            .params
            .get("connections")
            .map(str::to_owned)
            .unwrap_or_default();
        let ends = load.per_second.interval.map_or_else(
            || "n < 6".to_owned(),
            |(low, high)| format!("[{low}, {high}]"),
        );
        let quantile = |at: f64| {
            let found = load
                .latency
                .iter()
                .find(|quantile| quantile.at.total_cmp(&at).is_eq());
            found.map_or_else(|| "–".to_owned(), |found| nanoseconds(found.time.value))
        };
        let mut line = vec![name(cell), cell.ok.to_string(), connections];
        line.extend([
            format!("{:.0}", load.per_second.value),
            ends,
            ratio(rate(cell), base),
        ]);
        line.extend([0.5, 0.9, 0.99].map(quantile));
        line
    });
    table(
        &format!(
            "{workload}, {}: closed loop, so no request waits for another's turn",
            scenario.name()
        ),
        &[
            "system",
            "n",
            "conns",
            "requests/s",
            "95 % interval",
            "of native",
            "p50",
            "p90",
            "p99",
        ],
        lines,
    )
}

pub(crate) fn table(
    title: &str,
    head: &[&str],
    lines: impl Iterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(RULED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head);
    lines.for_each(|line| _ = table.add_row(line));
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    format!("{title}\n{table}\n\n")
}

/// What single parts of systems cost that have several: daemons that serve others too are listed
/// and not counted.
fn parts(summary: &Summary) -> String {
    let mut lines = Vec::new();
    for cell in summary
        .cells
        .iter()
        .filter(|cell| !cell.is_twin() && is_headline(cell))
    {
        let label = format!(
            "{} {}, {}",
            cell.cell.workload,
            cell.cell.scenario.name(),
            name(cell)
        );
        for part in &cell.parts {
            let time = part
                .cpu
                .map_or_else(String::new, |cpu| nanoseconds(cpu.value));
            let memory = part.pss.map_or_else(String::new, |pss| bytes(pss.value));
            lines.push(vec![label.clone(), part.name.clone(), time, memory]);
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    lines.sort();
    let title = "parts of systems: CPU time since the sample began, and PSS; containers' engines \
        are not in their totals, what wasmCloud's host needs around it is";
    table(title, &["cell", "part", "CPU", "PSS"], lines.into_iter())
}

/// What cannot be used, and why: each reason once for a system.
fn unusable(summary: &Summary) -> String {
    let mut reasons: Vec<(&str, &str, usize, usize)> = Vec::new();
    for cell in summary
        .cells
        .iter()
        .filter(|cell| cell.failed > 0 || cell.skipped > 0)
    {
        let (system, reason) = (
            cell.cell.system.as_str(),
            cell.reason.as_deref().unwrap_or_default(),
        );
        match reasons
            .iter_mut()
            .find(|known| (known.0, known.1) == (system, reason))
        {
            Some(known) => (known.2, known.3) = (known.2 + cell.failed, known.3 + cell.skipped),
            None => reasons.push((system, reason, cell.failed, cell.skipped)),
        }
    }
    let mut text = String::new();
    for (system, reason, failed, skipped) in reasons {
        let parts = [(failed, "failed"), (skipped, "skipped")]
            .into_iter()
            .filter(|(n, _)| *n > 0);
        let said: Vec<_> = parts.map(|(n, what)| format!("{n} {what}")).collect();
        text.push_str(&format!(
            "{system}: {} samples: {reason}\n",
            said.join(" and ")
        ));
    }
    if text.is_empty() { text } else { text + "\n" }
}

/// What watching costs: starts that are taken apart beside those that are not.
fn observer(summary: &Summary) -> String {
    let mut costs: Vec<(f64, f64)> = Vec::new();
    for watched in summary.cells.iter().filter(|cell| !is_headline(cell)) {
        let mut cell = watched.cell.clone();
        cell.params
            .insert(OBSERVER.0.to_owned(), OBSERVER.1.to_owned());
        let alone = summary
            .cells
            .iter()
            .find(|other| other.cell == cell)
            .and_then(|other| other.total);
        if let (Some(watched), Some(alone)) = (watched.total, alone) {
            costs.push((
                watched.value - alone.value,
                watched.value / alone.value - 1.0,
            ));
        }
    }
    costs.sort_by(|one, two| one.0.total_cmp(&two.0));
    let (Some(least), Some(most)) = (costs.first(), costs.last()) else {
        return String::new();
    };
    let middle = costs[costs.len() / 2];
    format!(
        "the observer: starts that were taken apart took {} ({}) longer at the median of {} pairs \
            of cells, from {} to {}; phases are theirs, totals above are those of starts that \
            nothing watched\n",
        nanoseconds(middle.0),
        percent(middle.1),
        costs.len(),
        nanoseconds(least.0),
        nanoseconds(most.0),
    )
}
