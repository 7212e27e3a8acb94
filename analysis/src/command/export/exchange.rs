//! Figures of a run in the forms of other tools: hyperfine, Bencher, github-action-benchmark,
//! OpenMetrics.
//!
//! Each is written from the same facts as a report: the samples that count, their median, its 95 %
//! interval. What a form has no field for is left out, and what it asks for that was not measured
//! is as its documentation in the guide says.

use std::collections::BTreeMap;

use findings::cells::{Measured, is_unobserved};
use findings::facts::compared_by;
use findings::units::Unit;
use findings::{CellFacts, Facts, Measure};
use serde::Serialize;

/// hyperfine's `--export-json`: one result for each cell of starts, times in seconds.
pub(super) fn hyperfine(facts: &Facts) -> Vec<u8> {
    #[derive(Serialize)]
    struct Document {
        results: Vec<Timed>,
    }
    json(&Document {
        results: facts.cells.iter().filter_map(Timed::of_starts).collect(),
    })
}

/// A result as hyperfine writes it.
#[derive(Serialize)]
struct Timed {
    command: String,
    mean: f64,
    stddev: Option<f64>,
    median: f64,
    user: f64,
    system: f64,
    min: f64,
    max: f64,
    times: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_usage_byte: Option<Vec<u64>>,
    exit_codes: Vec<Option<i32>>,
    parameters: BTreeMap<String, String>,
}

impl Timed {
    fn of_starts(cell: &CellFacts) -> Option<Self> {
        if !cell.cell.scenario.starts() {
            return None;
        }
        let total = cell.measures.get(&Measure::TotalNs)?;
        let all = &total.all;
        // One memory a time, or none: a list of another length would be read as other runs'.
        let memory = cell.values(Measure::MaxRssBytes);
        let memory = (memory.len() == total.values.len()).then(|| whole(memory));
        Some(Self {
            command: cell.cell.to_string(),
            mean: seconds(all.mean),
            stddev: all.sd.map(seconds),
            median: seconds(all.median),
            // The record has both kinds of CPU time in one figure.
            user: cell.mean(Measure::CpuNs).map_or(0.0, seconds),
            system: 0.0,
            min: seconds(all.min),
            max: seconds(all.max),
            times: total.values.iter().copied().map(seconds).collect(),
            memory_usage_byte: memory,
            exit_codes: vec![Some(0); total.values.len()],
            parameters: properties(cell),
        })
    }
}

fn whole(values: &[f64]) -> Vec<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes in bytes, which the record has as whole numbers"
    )]
    values.iter().map(|value| value.round() as u64).collect()
}

fn seconds(ns: f64) -> f64 {
    ns / 1e9
}

/// Everything that a cell is, by name.
fn properties(cell: &CellFacts) -> BTreeMap<String, String> {
    let cell = &cell.cell;
    let named = [
        ("system", cell.system.to_string()),
        ("workload", cell.workload.to_string()),
        ("scenario", cell.scenario.name().to_owned()),
    ];
    let params = cell.params.iter();
    let params = params.map(|(key, value)| (key.name().to_owned(), value.clone()));
    params
        .chain(named.map(|(key, value)| (key.to_owned(), value)))
        .collect()
}

/// A figure that the report compares: its measure and what was measured.
type Figure<'a> = (Measure, &'a Measured);

/// The figures that a cell is compared by. What was observed has none: it takes longer for it.
fn figures(cell: &CellFacts) -> impl Iterator<Item = Figure<'_>> {
    let measures = compared_by(cell.cell.scenario).iter();
    measures
        .filter(|_| is_unobserved(&cell.cell))
        .filter_map(|measure| Some((*measure, cell.measures.get(measure)?)))
}

/// Bencher's metric format: a benchmark for each cell, its medians with the ends of their
/// intervals. Of requests and starts `latency` in nanoseconds, of rates `throughput` a second.
pub(super) fn bencher(facts: &Facts) -> Vec<u8> {
    #[derive(Serialize)]
    struct Metric {
        value: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        lower_value: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upper_value: Option<f64>,
    }
    let metric = |measured: &Measured| {
        let interval = measured.all.median_interval;
        Metric {
            value: measured.all.median,
            lower_value: interval.map(|interval| interval.low),
            upper_value: interval.map(|interval| interval.high),
        }
    };
    let benchmarks: BTreeMap<String, BTreeMap<String, Metric>> = facts
        .cells
        .iter()
        .map(|cell| {
            let metrics = figures(cell).map(|(measure, it)| (slug(measure), metric(it)));
            (cell.cell.to_string(), metrics.collect())
        })
        .filter(|(_, metrics): &(_, BTreeMap<_, _>)| !metrics.is_empty())
        .collect();
    json(&benchmarks)
}

/// What Bencher calls a measure: two have names there, others get ours as a slug.
fn slug(measure: Measure) -> String {
    match measure {
        Measure::TotalNs | Measure::P50Ns => "latency".to_owned(),
        Measure::PerSecond => "throughput".to_owned(),
        other => other.name().replace('_', "-"),
    }
}

/// github-action-benchmark's `customSmallerIsBetter`: an entry for each figure of each cell, all of
/// which are costs; of a rate it is the time for one request.
pub(super) fn github(facts: &Facts) -> Vec<u8> {
    #[derive(Serialize)]
    struct Entry {
        name: String,
        unit: &'static str,
        value: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<String>,
        extra: String,
    }
    let entry = |cell: &CellFacts, (measure, measured): Figure<'_>| {
        let (unit, cost): (_, fn(f64) -> f64) = match measure.unit() {
            Unit::Bytes => ("bytes", |bytes| bytes),
            Unit::PerSecond => ("ns/request", |rate| 1e9 / rate),
            _ => ("ns", |ns| ns),
        };
        let interval = measured.all.median_interval;
        let range = interval.map(|interval| {
            let (one, two) = (cost(interval.low), cost(interval.high));
            format!("{:.0} – {:.0}", one.min(two), one.max(two))
        });
        let about_range = match &range {
            Some(_) => "range: its 95 % interval",
            None => "too few for an interval",
        };
        Entry {
            name: format!("{} {}", cell.cell, measure.name()),
            unit,
            value: cost(measured.all.median),
            range,
            extra: format!("median of {} samples; {about_range}", measured.all.n),
        }
    };
    let entries: Vec<Entry> = facts
        .cells
        .iter()
        .flat_map(|cell| figures(cell).map(move |figure| entry(cell, figure)))
        .filter(|entry| entry.value.is_finite())
        .collect();
    json(&entries)
}

fn json(document: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document)
        .expect("plain data with names for keys: it always serialises");
    bytes.push(b'\n');
    bytes
}
