//! What a report consists of, as files: first all of them in memory, then on disk.

mod place;

use std::collections::BTreeMap;

pub use place::{PublishError, Published, write, write_beside};

use crate::document::{Document, Figure, figures, html, latex, markdown};
use crate::plot::{DrawError, Drawing};
use findings::cells::Measured;
use findings::statistics::Interval;
use findings::{CellFacts, Findings, Measure};

/// The name of the file that holds every number.
pub const SUMMARY: &str = "summary.json";

/// Files by their path below the report's folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Every file of a run's report, and what could not be drawn.
pub fn files(findings: &Findings) -> (Files, Vec<String>) {
    let document = crate::report(findings);
    let mut files = Files::new();
    files.insert("report.html".to_owned(), html(&document).into_bytes());
    files.insert("report.md".to_owned(), markdown(&document).into_bytes());
    files.insert("report.tex".to_owned(), latex(&document).into_bytes());
    files.insert("figures.tex".to_owned(), figures(&document).into_bytes());
    files.insert("summary.csv".to_owned(), csv(findings));
    files.insert(SUMMARY.to_owned(), findings.to_json());
    let mut undrawn = Vec::new();
    for (name, drawn) in pictures(&document).into_iter().flatten() {
        match drawn {
            Ok(bytes) => _ = files.insert(name, bytes),
            Err(reason) => undrawn.push(format!("{name} is missing: {reason}")),
        }
    }
    (files, undrawn)
}

/// The files of one picture, by their names, or why one could not be drawn.
type Drawn = [(String, Result<Vec<u8>, DrawError>); 3];

/// The files of each picture; every other one is drawn in a thread of its own.
fn pictures(document: &Document) -> Vec<Drawn> {
    let figures: Vec<_> = document.figures().collect();
    let draw = |from: usize| -> Vec<_> {
        let some = figures.iter().skip(from).step_by(2);
        some.map(|figure| drawn(figure)).collect()
    };
    std::thread::scope(|scope| {
        let odd = scope.spawn(|| draw(1));
        let mut all = draw(0);
        all.extend(
            odd.join()
                .expect("drawing does not panic: what it cannot draw it says"),
        );
        all
    })
}

/// One picture as SVG, and of that as points and as a page.
fn drawn(figure: &Figure) -> Drawn {
    let svg = figure.picture.standalone(&figure.title);
    let (png, pdf) = match Drawing::read(&svg) {
        Ok(drawing) => (drawing.png(), drawing.pdf(&figure.title)),
        Err(error) => (Err(error.clone()), Err(error)),
    };
    let name = |ending: &str| format!("plots/{}.{ending}", figure.id);
    [
        (name("svg"), Ok(svg.into_bytes())),
        (name("png"), png),
        (name("pdf"), pdf),
    ]
}

/// One row for each measure of each cell.
fn csv(findings: &Findings) -> Vec<u8> {
    let header = [
        "id",
        "system",
        "workload",
        "scenario",
        "params",
        "measure",
        "n",
        "bound",
        "median",
        "median_low",
        "median_high",
        "mean",
        "mean_low",
        "mean_high",
        "q1",
        "q3",
        "p90",
        "p95",
        "p99",
        "mad",
        "min",
        "max",
        "noisy",
        "failed",
        "skipped",
        "given_up",
        "fails_often",
    ];
    // A cell of which nothing was measured has a row too: it says how often it was tried.
    let rows = findings.facts.cells.iter().flat_map(|cell| {
        let measures = cell.measures.iter();
        let rows = measures.map(move |(measure, measured)| row(cell, Some((*measure, measured))));
        let none = cell.measures.is_empty().then(|| row(cell, None));
        rows.chain(none)
    });
    summary::csv(header, rows)
}

fn row(cell: &CellFacts, measured: Option<(Measure, &Measured)>) -> Vec<String> {
    let numbers = measured.map_or([None; 14], |(_, measured)| numbers(measured));
    let params = cell.cell.params.iter();
    let params: Vec<_> = params
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let head = [
        cell.id.clone(),
        cell.cell.system.to_string(),
        cell.cell.workload.to_string(),
        cell.cell.scenario.name().to_owned(),
        params.join(" "),
        measured.map_or_else(String::new, |(measure, _)| measure.name().to_owned()),
        measured
            .map_or(0, |(_, measured)| measured.all.n)
            .to_string(),
        if measured.is_some_and(|(measure, _)| cell.is_lower_bound(measure)) {
            "lower".to_owned()
        } else {
            String::new()
        },
    ];
    let counts = [
        cell.noisy.len(),
        cell.failed.len(),
        cell.skipped.len(),
        cell.gave_up.len(),
        usize::from(cell.fails_often()),
    ];
    head.into_iter()
        .chain(numbers.map(|it| it.map_or_else(String::new, |number| number.to_string())))
        .chain(counts.map(|n| n.to_string()))
        .collect()
}

/// The numbers of a measure, in the order of the columns.
fn numbers(measured: &Measured) -> [Option<f64>; 14] {
    let all = &measured.all;
    let ends =
        |interval: Option<Interval>| interval.map_or([None; 2], |i| [Some(i.low), Some(i.high)]);
    let [low, high] = ends(all.median_interval);
    let [mean_low, mean_high] = ends(all.mean_interval);
    [
        Some(all.median),
        low,
        high,
        Some(all.mean),
        mean_low,
        mean_high,
        Some(all.q1),
        Some(all.q3),
        all.p90,
        all.p95,
        all.p99,
        Some(all.mad),
        Some(all.min),
        Some(all.max),
    ]
}
