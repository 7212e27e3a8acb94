//! Requests to running instances: latency one at a time, and throughput with several connections.

use findings::questions::requests::Requests;
use findings::units::{Unit, grouped};
use findings::{CellFacts, Estimate, Findings, Measure, Names};
use results::names::FileName;

use super::format::{self, interval, linked, median, names, span, systems};
use super::starts::{left_out, marks, meaning, measure_bars, quoted, verdict_fields};
use super::{cells_by_family, cells_of};
use crate::document::{Block, Figure, Section, Table};
use crate::plot::{Steps, draw_bars, draw_ecdf};

/// Quantiles of requests, as far as a cell has them.
const QUANTILES: [Measure; 5] = [
    Measure::P50Ns,
    Measure::P90Ns,
    Measure::P95Ns,
    Measure::P99Ns,
    Measure::P999Ns,
];

/// More distributions than this cannot be told apart in one picture.
const DISTRIBUTIONS: usize = 10;

/// A section for each workload and scenario.
pub(super) fn render(findings: &Findings) -> Vec<Section> {
    let requests = findings.requests.iter();
    requests.map(|it| section(findings, it)).collect()
}

fn section(findings: &Findings, requests: &Requests) -> Section {
    let (workload, measure) = (&requests.workload, requests.measure);
    let scenario = requests.scenario.name();
    let cells = cells_by_family(findings, &requests.cells);
    let names = names(&cells);
    let id = format!("{workload}-{scenario}");
    let mut section = Section::new(&id, title(findings, requests, &names));
    section.question = "Requests";
    section.workload = Some(workload.to_string());
    section.systems = systems(&cells);
    section.text(format!(
        "`{scenario}`: {}. {}{}",
        meaning(requests.scenario),
        if requests.closed_loop {
            "The load is a closed loop: on each connection the next request goes out after the \
                answer to the last, so that a slow answer delays those after it and is counted \
                once."
        } else {
            "Where the load is an open loop, latency counts from the planned time of sending."
        },
        left_out(&names)
    ));
    let name = |id: &str| {
        let cell = findings.facts.cell(id);
        cell.map_or_else(|| id.to_owned(), |cell| linked(&names, cell))
    };
    let life_cycles = requests.has_life_cycles.then(|| {
        "Systems of several life cycles stand here beside each other, which are not alike: \
            [life cycles](#lifecycles) compares within one."
            .to_owned()
    });
    let sentences = [
        life_cycles,
        requests.bounds_words(),
        requests.waiting_words(name),
    ];
    for sentence in sentences {
        sentence.into_iter().for_each(|it| section.text(it));
    }
    section.list(unsteady(&cells, &names));
    let family = findings.facts.family(workload, requests.scenario, measure);
    let (question, axis) = if measure.is_rate() {
        (
            format!("How many requests of {workload} does an instance answer?"),
            "right answers per second",
        )
    } else {
        (
            format!("How long does a warm request of {workload} take?"),
            "median latency",
        )
    };
    let rates = if measure.is_rate() {
        " Of rates, what is compared is the time per request."
    } else {
        ""
    };
    section.blocks.push(Block::Figure(Figure {
        id: section.id.clone(),
        title: question,
        caption: format!(
            "Each sample is a process; of each its own figure, then the median over processes \
                with its 95 % interval. {}{rates}",
            marks(family),
        ),
        picture: draw_bars(
            &measure_bars(findings, &cells, &names, family, measure),
            measure.unit(),
            axis,
        ),
        table: table(findings, requests, &cells),
        workload: Some(workload.to_string()),
        systems: systems(&cells),
    }));
    let usual = cells_of(findings, &requests.usual);
    section
        .blocks
        .extend(distributions(requests, &usual, &names).map(Block::Figure));
    section.blocks.extend(by_request(requests, &cells, &names));
    if measure.is_rate() {
        let memory = memory(findings, requests);
        section.blocks.extend(memory.map(Block::Figure));
    }
    section
}

/// Loads that were not steady, each in a sentence.
fn unsteady(cells: &[&CellFacts], names: &Names) -> Vec<String> {
    let words = |cell: &&CellFacts| {
        let words = cell.steadiness?.words()?;
        Some(format!("**Not steady:** {}: {words}.", linked(names, cell)))
    };
    cells.iter().filter_map(words).collect()
}

/// What was found, as a heading: of the cells that were named beforehand.
fn title(findings: &Findings, requests: &Requests, names: &Names) -> String {
    let (workload, scenario) = (&requests.workload, requests.scenario.name());
    let figures = quoted(findings, &requests.representatives, names, requests.measure);
    match (figures, requests.measure.is_rate()) {
        (None, _) => format!("{workload}, {scenario}"),
        (Some(figures), true) => format!("{workload}, {scenario}: {figures} requests a second"),
        (Some(figures), false) => {
            format!("{workload}, {scenario}: the median request takes {figures}")
        }
    }
}

/// What an instance under load takes of memory.
fn memory(findings: &Findings, requests: &Requests) -> Option<Figure> {
    let (workload, scenario) = (&requests.workload, requests.scenario.name());
    let measure = Measure::PssBytes;
    let cells = cells_by_family(findings, &requests.by_memory);
    if cells.len() < 2 {
        return None;
    }
    let names = names(&cells);
    let family = findings.facts.family(workload, requests.scenario, measure);
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
        let [ratio, label] = verdict_fields(family, cell);
        let fields = [
            linked(&names, cell),
            cell.values(measure).len().to_string(),
            median(cell, measure),
            interval(cell, measure),
            ratio,
            label,
            median(cell, Measure::MaxRssBytes),
        ];
        table.row_about(workload, &[cell.system()], fields);
    }
    Some(Figure {
        id: FileName::of(&format!("{workload}-{scenario}-memory")),
        title,
        caption: format!(
            "The proportional set size after the last request: pages that several processes share \
                are shared out among them. {}",
            marks(family)
        ),
        picture: draw_bars(
            &measure_bars(findings, &cells, &names, family, measure),
            measure.unit(),
            "memory, median",
        ),
        table,
        workload: Some(workload.to_string()),
        systems: systems(&cells),
    })
}

fn table(findings: &Findings, requests: &Requests, cells: &[&CellFacts]) -> Table {
    let (workload, measure) = (&requests.workload, requests.measure);
    let family = findings.facts.family(workload, requests.scenario, measure);
    let names = names(cells);
    let columns = [
        "system",
        ">n",
        ">requests",
        ">requests/s",
        ">CPU a request",
        ">p50",
        ">of it waiting",
        ">95 % interval",
        ">p90 (95 %)",
        ">p99 (95 %)",
        ">of native's cost (95 %)",
        "verdict",
        ">generator",
        ">PSS",
    ];
    let title = format!(
        "{workload}, {}: a quantile is stated where ten requests of each sample lie beyond it",
        requests.scenario.name()
    );
    let mut table = Table::new(title, &columns);
    for cell in cells {
        let [ratio, label] = verdict_fields(family, cell);
        let waiting = requests.waiting_of(&cell.id).map(|it| it.waiting_ns);
        let fields = [
            linked(&names, cell),
            cell.counted(),
            grouped(cell.requests as f64),
            median(cell, Measure::PerSecond),
            median(cell, Measure::RequestCpuNs),
            median(cell, Measure::P50Ns),
            format::value(waiting, Unit::Nanoseconds),
            interval(cell, measure),
            with_interval(cell, Measure::P90Ns),
            with_interval(cell, Measure::P99Ns),
            ratio,
            label,
            median(cell, Measure::GeneratorShare),
            median(cell, Measure::PssBytes),
        ];
        table.row_about(workload, &[cell.system()], fields);
    }
    table
}

/// The requests of sequences, each by itself.
fn by_request(requests: &Requests, cells: &[&CellFacts], names: &Names) -> Option<Block> {
    let (workload, scenario) = (&requests.workload, requests.scenario.name());
    let columns = [
        "system",
        "request",
        ">answered",
        ">p50 (95 %)",
        ">p90 (95 %)",
        ">p99 (95 %)",
    ];
    let title = format!(
        "{workload}, {scenario}: each request of the sequence, which every connection plays in order"
    );
    let mut table = Table::new(title, &columns);
    for cell in cells {
        for request in &cell.by_request {
            let fields = [
                linked(names, cell),
                format!("`{}`", request.name),
                grouped(request.answered as f64),
                estimate(request.p50_ns),
                estimate(request.p90_ns),
                estimate(request.p99_ns),
            ];
            table.row_about(workload, &[cell.system()], fields);
        }
    }
    (!table.rows.is_empty()).then_some(Block::Table(table))
}

/// A latency with its interval.
fn estimate(latency: Option<Estimate>) -> String {
    let Some(latency) = latency else {
        return format::value(None, Unit::Nanoseconds);
    };
    let ends = latency.interval;
    let ends = ends.map_or_else(String::new, |it| {
        format!(" ({})", span(it, Unit::Nanoseconds))
    });
    format!(
        "{}{ends}",
        format::value(Some(latency.value), Unit::Nanoseconds)
    )
}

/// The median over processes of their quantiles, with its interval.
fn with_interval(cell: &CellFacts, measure: Measure) -> String {
    let ends = cell.interval(measure);
    let ends = ends.map_or_else(String::new, |it| format!(" ({})", span(it, measure.unit())));
    format!("{}{ends}", median(cell, measure))
}

/// All requests of all samples of the cell that stands for each system, and the quantiles of its
/// processes.
fn distributions(requests: &Requests, usual: &[&CellFacts], names: &Names) -> Option<Figure> {
    let (workload, scenario) = (&requests.workload, requests.scenario.name());
    let title = format!("{workload}, {scenario}: how are latencies distributed?");
    let columns = [
        "system",
        ">processes",
        ">requests",
        ">p50 (95 %)",
        ">p90 (95 %)",
        ">p95 (95 %)",
        ">p99 (95 %)",
        ">p99.9 (95 %)",
        ">most",
    ];
    let mut table = Table::new(title.clone(), &columns).folded();
    let mut series = Vec::new();
    let usual = &usual[..usual.len().min(DISTRIBUTIONS)];
    for cell in usual.iter().filter(|cell| !cell.latencies.is_empty()) {
        let counts = cell.latencies.iter().map(|(_, count)| *count);
        let total = counts.fold(0_u64, u64::saturating_add);
        let most = cell.latencies.last().map(|(value, _)| *value as f64);
        let head = [
            linked(names, cell),
            cell.values(Measure::P50Ns).len().to_string(),
            grouped(total as f64),
        ];
        let quantiles = QUANTILES.map(|measure| with_interval(cell, measure));
        let fields = head
            .into_iter()
            .chain(quantiles)
            .chain([format::value(most, Unit::Nanoseconds)]);
        table.row_about(workload, &[cell.system()], fields);
        let counted = cell.latencies.iter();
        series.push(Steps {
            label: names.name(&cell.cell),
            system: cell.cell.system.to_string(),
            counted: counted.map(|(value, n)| (*value as f64, *n)).collect(),
        });
    }
    (!series.is_empty()).then(|| Figure {
        id: FileName::of(&format!("{workload}-{scenario}-latencies")),
        title,
        caption: "The curves are of all requests of all processes together, to look at. Requests \
            of one process are not independent of each other, so that the numbers are of \
            processes: of each its own quantile, then the median over processes with its 95 % \
            interval. Of a system with several ways, the usual one."
            .to_owned(),
        picture: draw_ecdf(&series, Unit::Nanoseconds, "latency"),
        table,
        workload: Some(workload.to_string()),
        systems: systems(usual),
    })
}
