//! Systems side by side: starts, and requests to running instances.

use findings::comparison::Family;
use findings::questions::requests::Requests;
use findings::questions::starts::Starts;
use findings::units::{bytes, nanoseconds};
use findings::{CellFacts, Findings, Measure, Names};
use results::Param;
use systems::BASELINE;

use super::table::{interval, median, titled};

/// Starts, then requests, of every workload.
pub(crate) fn render(findings: &Findings) -> String {
    let starts = findings.starts.iter().map(|it| self::starts(findings, it));
    let requests = findings.requests.iter().map(|it| requests(findings, it));
    starts.chain(requests).collect()
}

/// The ratio to the native program and the verdict, as two fields.
fn of_native(family: Option<&Family>, cell: &CellFacts) -> [String; 2] {
    match family.and_then(|family| family.of_candidate(&cell.id)) {
        Some(verdict) => [verdict.ratio_text(), verdict.label()],
        None if cell.system() == BASELINE => ["1×".to_owned(), String::new()],
        None => [String::new(), String::new()],
    }
}

/// The cells with these ids, and A/A twins of any of them, in order.
fn cells_of<'a>(findings: &'a Findings, ids: &[String]) -> Vec<&'a CellFacts> {
    let mut cells = Vec::new();
    for cell in ids.iter().filter_map(|id| findings.facts.cell(id)) {
        let mut twin = cell.cell.clone();
        twin.system = twin.system.twin();
        cells.push(cell);
        cells.extend(findings.facts.find(&twin));
    }
    cells
}

/// The totals of a scenario, quickest first.
pub(crate) fn starts(findings: &Findings, of: &Starts) -> String {
    let cells = cells_of(findings, &of.cells);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let (workload, scenario) = (&of.workload, of.scenario);
    let family = findings.facts.family(workload, scenario, Measure::TotalNs);
    // What is left of a command that has ended is its high-water mark.
    let has_pss = |cell: &&CellFacts| cell.median(Measure::PssBytes).is_some();
    let (end, memory, title) = if cells.iter().any(has_pss) {
        ("first answer", Measure::PssBytes, "PSS")
    } else {
        ("end", Measure::MaxRssBytes, "max RSS")
    };
    let row = |cell: &&CellFacts| {
        let [ratio, verdict] = of_native(family, cell);
        vec![
            names.name(&cell.cell),
            cell.counted(),
            median(cell, Measure::TotalNs),
            interval(cell, Measure::TotalNs),
            ratio,
            verdict,
            median(cell, Measure::CpuNs),
            median(cell, memory),
        ]
    };
    titled(
        &format!(
            "{workload}, {}: launch → {end}; nothing observed these starts{}",
            scenario.name(),
            method(family)
        ),
        &[
            "system",
            "n",
            "median",
            "95 % interval",
            "of native (95 %)",
            "verdict",
            "CPU",
            title,
        ],
        cells.iter().map(row).collect(),
    )
}

fn method(family: Option<&Family>) -> String {
    family.map_or_else(String::new, |family| format!("; {}", family.method()))
}

fn requests(findings: &Findings, of: &Requests) -> String {
    let cells = cells_of(findings, &of.cells);
    let names = Names::new(cells.iter().map(|cell| &cell.cell));
    let family = findings.facts.family(&of.workload, of.scenario, of.measure);
    let row = |cell: &&CellFacts| {
        let [ratio, verdict] = of_native(family, cell);
        let connections = cell.cell.params.get(Param::Connections);
        let waiting = of.waiting_of(&cell.id).map(|it| nanoseconds(it.waiting_ns));
        let head = [
            names.name(&cell.cell),
            cell.counted(),
            connections.unwrap_or_default().to_owned(),
            median(cell, Measure::PerSecond),
            median(cell, Measure::RequestCpuNs),
            interval(cell, of.measure),
            ratio,
            verdict,
        ];
        let tail = [
            median(cell, Measure::P50Ns),
            waiting.unwrap_or_default(),
            with_interval(cell, Measure::P90Ns),
            with_interval(cell, Measure::P99Ns),
            median(cell, Measure::GeneratorShare),
        ];
        head.into_iter().chain(tail).collect()
    };
    let pace = if of.closed_loop {
        "closed loop: on each connection the next request goes out after the answer to the last"
    } else {
        "open loop: latency counts from the planned time of sending"
    };
    titled(
        &format!(
            "{}, {}: {pace}; interval of `{}`{}",
            of.workload,
            of.scenario.name(),
            of.measure.name(),
            method(family)
        ),
        &[
            "system",
            "n",
            "conns",
            "requests/s",
            "CPU a request",
            "95 % interval",
            "of native's cost",
            "verdict",
            "p50",
            "waiting",
            "p90",
            "p99",
            "generator",
        ],
        cells.iter().map(row).collect(),
    ) + &remarks(findings, of, &cells, &names)
}

/// What is to be known of the table above: rates that are bounds, latencies that are waiting, loads
/// that were not steady.
fn remarks(findings: &Findings, of: &Requests, cells: &[&CellFacts], names: &Names) -> String {
    let name = |id: &str| {
        let cell = findings.facts.cell(id);
        cell.map_or_else(|| id.to_owned(), |cell| names.name(&cell.cell))
    };
    let unsteady = cells.iter().filter_map(|cell| {
        let words = cell.steadiness?.words()?;
        Some(format!("not steady: {}: {words}", names.name(&cell.cell)))
    });
    let life_cycles = of.has_life_cycles.then(|| {
        "several life cycles stand here beside each other, which are not alike: compare within one"
            .to_owned()
    });
    let sentences = [life_cycles, of.bounds_words(), of.waiting_words(name)];
    let lines: Vec<_> = sentences.into_iter().flatten().chain(unsteady).collect();
    if lines.is_empty() {
        return String::new();
    }
    lines.join("\n") + "\n\n"
}

/// The median over processes of a quantile of their requests, with its interval.
pub(crate) fn with_interval(cell: &CellFacts, measure: Measure) -> String {
    let ends = interval(cell, measure);
    let space = if ends.is_empty() { "" } else { " " };
    format!("{}{space}{ends}", median(cell, measure))
}

/// What single parts of systems cost that have several: daemons that serve others too are listed
/// and not counted.
pub(crate) fn parts(findings: &Findings) -> String {
    let cells = findings.facts.cells.iter();
    let fits = |cell: &&CellFacts| {
        !cell.is_twin() && findings::cells::is_unobserved(&cell.cell) && !cell.parts.is_empty()
    };
    let mut rows = Vec::new();
    for cell in cells.filter(fits) {
        let name = Names::new([&cell.cell]).name(&cell.cell);
        let label = format!(
            "{} {}, {name}",
            cell.cell.workload,
            cell.cell.scenario.name()
        );
        for part in &cell.parts {
            rows.push(vec![
                label.clone(),
                part.name.clone(),
                part.cpu_ns
                    .map_or_else(String::new, |it| nanoseconds(it.value)),
                part.pss_bytes
                    .map_or_else(String::new, |it| bytes(it.value)),
            ]);
        }
    }
    rows.sort();
    titled(
        "parts of systems: CPU time since the sample began, and PSS; all of it is in their totals but \
            the memory of containers' engines, which is there once",
        &["cell", "part", "CPU", "PSS"],
        rows,
    )
}
