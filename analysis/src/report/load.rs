//! Requests at something that runs: latency one at a time, and throughput with several connections.

use super::analysis::Analysis;
use super::facts::{CellFacts, Measure};
use super::naming::{Names, param};
use super::starts::{marks, meaning, measure_bars, verdict_fields};
use super::words::{by, interval, linked, median};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Steps, Unit, bars, ecdf};
use findings::input::Run;

/// More distributions than this cannot be told apart in one picture.
const DISTRIBUTIONS: usize = 10;

/// All sections on requests.
pub(crate) fn tell(run: &Run, analysis: &Analysis) -> Vec<Section> {
    let mut sections = Vec::new();
    for (scenario, measure) in [("warm", Measure::P50Ns), ("throughput", Measure::PerSecond)] {
        for workload in analysis.workloads() {
            let mut cells = analysis.shown(workload, scenario);
            cells.retain(|cell| cell.median(measure).is_some());
            if cells.is_empty() {
                continue;
            }
            by(&mut cells, measure);
            if measure == Measure::PerSecond {
                cells.reverse();
            }
            sections.push(section(
                run,
                analysis,
                (workload, scenario, measure),
                &cells,
            ));
        }
    }
    sections
}

fn section(
    run: &Run,
    analysis: &Analysis,
    (workload, scenario, measure): (&str, &str, Measure),
    cells: &[&CellFacts],
) -> Section {
    let names = Names::of(cells.iter().map(|cell| &cell.cell));
    let family = analysis.family(workload, scenario, measure);
    let is_rate = measure == Measure::PerSecond;
    let told = |cell: &CellFacts| format!("{} ({})", median(cell, measure), names.name(&cell.cell));
    let (first, last) = (told(cells[0]), told(cells[cells.len() - 1]));
    let title = match (cells.len(), is_rate) {
        (1, true) => format!("{workload}, {scenario}: {first} requests a second"),
        (1, false) => format!("{workload}, {scenario}: the median request takes {first}"),
        (_, true) => format!("{workload}, {scenario}: from {last} to {first} requests a second"),
        (_, false) => {
            format!("{workload}, {scenario}: the median request takes from {first} to {last}")
        }
    };
    let mut section = Section::new(&format!("{workload}-{scenario}"), title);
    section.workload = Some(workload.to_owned());
    section.text(format!(
        "`{scenario}`: {}. {}{}",
        meaning(scenario),
        pace(cells),
        names.unsaid()
    ));
    let table = table(analysis, (workload, scenario, measure), cells, &names);
    let (question, axis, unit) = if is_rate {
        (
            format!("How many requests of {workload} does an instance answer?"),
            "right answers per second",
            measure.unit(),
        )
    } else {
        (
            format!("How long does a warm request of {workload} take?"),
            "median latency",
            measure.unit(),
        )
    };
    section.blocks.push(Block::Figure(Figure {
        id: format!("{workload}-{scenario}"),
        title: question,
        caption: format!(
            "Each sample is a process; of each its own figure, then the median over processes \
                with its 95 % interval. {}{}",
            marks(family),
            if is_rate {
                " Of rates, what is compared is the time per request."
            } else {
                ""
            },
        ),
        picture: bars(&measure_bars(cells, &names, family, measure), unit, axis),
        table,
        workload: None,
        systems: Vec::new(),
    }));
    section
        .blocks
        .extend(distributions(run, workload, scenario, cells, &names));
    if is_rate {
        section
            .blocks
            .extend(memory(analysis, workload, scenario, cells, &names));
    }
    section
}

/// What an instance that is being asked takes of memory.
fn memory(
    analysis: &Analysis,
    workload: &str,
    scenario: &str,
    cells: &[&CellFacts],
    names: &Names,
) -> Option<Block> {
    let measure = Measure::PssBytes;
    let mut cells: Vec<_> = cells
        .iter()
        .copied()
        .filter(|cell| cell.median(measure).is_some())
        .collect();
    by(&mut cells, measure);
    let family = analysis.family(workload, scenario, measure);
    let title = format!("{workload}, {scenario}: how much memory does a system take?");
    let columns = [
        "system",
        ">n",
        ">PSS",
        ">95 % interval",
        ">of native's (95 %)",
        "verdict",
        ">max RSS",
    ];
    let mut table = Table::new(title.clone(), &columns);
    for cell in &cells {
        let [ratio, word] = verdict_fields(family, cell, measure);
        table.row([
            linked(names, cell),
            cell.values(measure).len().to_string(),
            median(cell, measure),
            interval(cell, measure),
            ratio,
            word,
            median(cell, Measure::MaxRssBytes),
        ]);
    }
    (cells.len() > 1).then(|| {
        Block::Figure(Figure {
            id: format!("{workload}-{scenario}-memory"),
            title,
            caption: format!(
                "The proportional set size after the last request: pages that several processes \
                    share are shared out among them. {}",
                marks(family)
            ),
            picture: bars(
                &measure_bars(&cells, names, family, measure),
                measure.unit(),
                "memory, median",
            ),
            table,
            workload: None,
            systems: Vec::new(),
        })
    })
}

/// How the requests were sent.
fn pace(cells: &[&CellFacts]) -> &'static str {
    let closed = |cell: &&CellFacts| param(&cell.cell, "pace").is_none_or(|pace| pace == "closed");
    if cells.iter().all(closed) {
        "The load is a closed loop: the next request goes out after the answer to the last, so \
            that a slow answer delays those after it and is counted once."
    } else {
        "Where the load is an open loop, latency counts from the planned time of sending."
    }
}

fn table(
    analysis: &Analysis,
    (workload, scenario, measure): (&str, &str, Measure),
    cells: &[&CellFacts],
    names: &Names,
) -> Table {
    let family = analysis.family(workload, scenario, measure);
    let columns = [
        "system",
        ">n",
        ">requests",
        ">requests/s",
        ">p50",
        ">p90",
        ">p99",
        ">95 % interval",
        ">of native's cost (95 %)",
        "verdict",
        ">PSS",
    ];
    let mut table = Table::new(
        format!(
            "{workload}, {scenario}: a quantile is stated where ten requests of a sample lie \
                beyond it"
        ),
        &columns,
    );
    for cell in cells {
        let [ratio, word] = verdict_fields(family, cell, measure);
        let rate = [
            Measure::PerSecond,
            Measure::P50Ns,
            Measure::P90Ns,
            Measure::P99Ns,
        ]
        .map(|of| median(cell, of));
        let head = [
            linked(names, cell),
            cell.orders.len().to_string(),
            crate::plot::grouped(cell.requests as f64),
        ];
        let tail = [
            interval(cell, measure),
            ratio,
            word,
            median(cell, Measure::PssBytes),
        ];
        table.row(head.into_iter().chain(rate).chain(tail));
    }
    table
}

/// All requests of all samples of each system's quickest cell.
fn distributions(
    run: &Run,
    workload: &str,
    scenario: &str,
    cells: &[&CellFacts],
    names: &Names,
) -> Option<Block> {
    let mut of_system: Vec<&CellFacts> = Vec::new();
    for cell in cells {
        if !of_system
            .iter()
            .any(|known| known.cell.system == cell.cell.system)
        {
            of_system.push(cell);
        }
    }
    of_system.truncate(DISTRIBUTIONS);
    let mut series = Vec::new();
    let title = format!("{workload}, {scenario}: how are latencies distributed?");
    let mut table = Table::new(
        title.clone(),
        &[
            "system",
            ">requests",
            ">p50",
            ">p90",
            ">p99",
            ">p99.9",
            ">most",
            ">p50, 95 % interval",
            ">p99, 95 % interval",
            ">p99.9, 95 % interval",
        ],
    )
    .folded();
    for cell in of_system {
        let counted = pooled(run, cell);
        let total = counted
            .iter()
            .fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        if total == 0 {
            continue;
        }
        let quantile =
            |at| super::words::shown(findings::input::quantile(&counted, at), Unit::Nanoseconds);
        let most = counted.last().map(|(value, _)| *value as f64);
        let head = [linked(names, cell), crate::plot::grouped(total as f64)];
        let tail = super::words::shown(most, Unit::Nanoseconds);
        table.row(
            head.into_iter()
                .chain([0.5, 0.9, 0.99, 0.999].map(quantile))
                .chain([tail])
                .chain(intervals(cell)),
        );
        let counted = counted
            .into_iter()
            .map(|(value, count)| (value as f64, count))
            .collect();
        series.push(Steps {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            counted,
        });
    }
    (!series.is_empty()).then(|| {
        Block::Figure(Figure {
            id: format!("{workload}-{scenario}-latencies"),
            title,
            caption: "All requests of all processes together. Requests of one process are not \
                independent of each other: the intervals come from resampling processes, and are \
                in the numbers. Of a system with several ways, the quickest."
                .to_owned(),
            picture: ecdf(&series, Unit::Nanoseconds, "latency"),
            table,
            workload: None,
            systems: Vec::new(),
        })
    })
}

/// The intervals of pooled quantiles, from resampling processes.
fn intervals(cell: &CellFacts) -> [String; 3] {
    [0.5, 0.99, 0.999].map(|at: f64| {
        let found = cell
            .pooled
            .iter()
            .find(|pooled| pooled.at.total_cmp(&at).is_eq());
        let ends = found.and_then(|pooled| pooled.interval_ns);
        ends.map_or_else(
            || "–".to_owned(),
            |ends| super::words::span((ends.low, ends.high), Unit::Nanoseconds),
        )
    })
}

/// The latencies of all samples of a cell, in ascending order, each with how often it occurred.
fn pooled(run: &Run, cell: &CellFacts) -> Vec<(u64, u64)> {
    let points = run
        .cells
        .iter()
        .filter(|data| data.id == cell.id)
        .flat_map(|data| &data.points);
    let loads = points
        .filter(|point| point.is_good())
        .filter_map(|point| point.load.as_ref());
    let mut all: Vec<(u64, u64)> = loads
        .flat_map(|load| load.latencies.iter().copied())
        .collect();
    all.sort_unstable();
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    all
}
