//! How many instances fit: memory over their number, and the straight line through it.
//!
//! The slope is what one more instance takes, the intercept what is there for any number of them. A
//! line that does not predict the totals it was fitted to is no description of them, and is said
//! not to be.

use std::collections::{BTreeMap, BTreeSet};

use results::record::{Outcome, Scenario};
use results::{Cell, Sample};

use crate::outside;
use crate::scaling::{INSTANCES, rate, whole};
use findings::median::{Estimate, median};
use findings::statistics::{Fit, linear_fit};
use findings::units::{bytes, nanoseconds, three_digits};

/// How far a total may be from what its line predicts, as a part of it, for the line to be
/// believed.
pub(crate) const BELIEVED: f64 = 0.1;

/// One number of instances of a system.
#[derive(Debug, Clone, PartialEq)]
pub struct DensityPoint {
    /// How many.
    pub instances: u64,
    /// Samples that count.
    pub ok: usize,
    /// Proportional memory of all of them, in bytes.
    pub pss: Option<Estimate>,
    /// Memory that they share with nobody, in bytes.
    pub private: Option<Estimate>,
    /// The start of the last of them, in nanoseconds.
    pub last_start: Option<Estimate>,
    /// Right answers per second and MiB of proportional memory; in millionths.
    pub per_second_and_mib: Option<Estimate>,
}

/// A system's points, by number of instances, and the lines through its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct DensityCurve {
    /// The cell, without the number of instances.
    pub cell: Cell,
    /// From the smallest number to the largest.
    pub points: Vec<DensityPoint>,
    /// Proportional memory over instances, in bytes, through all samples.
    pub pss: Option<Fit>,
    /// Memory shared with nobody over instances, in bytes, through all samples of more than one
    /// instance.
    pub private: Option<Fit>,
    /// Proportional memory of what the engine keeps running for each of them and for nothing else.
    pub shim: Option<Fit>,
    /// The kernel's tables of their pages, over instances, in bytes: in no process's memory.
    pub page_tables: Option<Fit>,
    /// Memory that the machine had less, over instances, in bytes: the same by another way, with
    /// whatever else it did.
    pub missing: Option<Fit>,
}

impl DensityCurve {
    /// The largest distance of a total from its prediction, as a part of the total, and at how many
    /// instances.
    pub fn worst(&self) -> Option<(f64, u64)> {
        let fit = self.pss?;
        let off = |point: &DensityPoint| {
            let total = point.pss?.value;
            Some((
                (fit.intercept + fit.slope * point.instances as f64 - total).abs() / total,
                point.instances,
            ))
        };
        self.points
            .iter()
            .filter_map(off)
            .max_by(|one, two| one.0.total_cmp(&two.0))
    }
}

/// The curves in these samples.
pub fn density_curves(samples: &[Sample]) -> Vec<DensityCurve> {
    let mut groups: BTreeMap<Cell, BTreeMap<u64, Vec<&Sample>>> = BTreeMap::new();
    let good = |sample: &&Sample| {
        sample.cell.scenario == Scenario::Density && sample.outcome == Outcome::Ok
    };
    for sample in samples.iter().filter(good) {
        let mut cell = sample.cell.clone();
        let Some(instances) = cell
            .params
            .remove(INSTANCES)
            .and_then(|number| number.parse().ok())
        else {
            continue;
        };
        groups
            .entry(cell)
            .or_default()
            .entry(instances)
            .or_default()
            .push(sample);
    }
    groups
        .into_iter()
        .map(|(cell, sizes)| curve(cell, &sizes))
        .collect()
}

fn attested(sample: &Sample, name: &str) -> Option<u64> {
    sample.attested.get(name)?.as_u64()
}

fn curve(cell: Cell, sizes: &BTreeMap<u64, Vec<&Sample>>) -> DensityCurve {
    let fit = |of: &dyn Fn(&Sample) -> Option<f64>| {
        let all = sizes.iter().flat_map(|(&instances, samples)| {
            samples.iter().map(move |sample| (instances, *sample))
        });
        let points: Vec<_> = all
            .filter_map(|(instances, sample)| Some((instances as f64, of(sample)?)))
            .collect();
        linear_fit(&points).ok()
    };
    let missing = |sample: &Sample| {
        Some(
            attested(sample, "available_before_bytes")? as f64
                - attested(sample, "available_bytes")? as f64,
        )
    };
    DensityCurve {
        cell,
        points: sizes
            .iter()
            .map(|(&instances, samples)| point(instances, samples))
            .collect(),
        pss: fit(&|sample| Some(attested(sample, "pss_bytes")? as f64)),
        // What one alone has to itself, two share: a line through both would be none.
        private: fit(&|sample| {
            let alone = attested(sample, "instances").is_some_and(|instances| instances < 2);
            Some(attested(sample, "private_bytes").filter(|_| !alone)? as f64)
        }),
        shim: fit(&|sample| Some(attested(sample, "shim_pss_bytes")? as f64)),
        page_tables: fit(&|sample| Some(attested(sample, "page_tables_bytes")? as f64)),
        missing: fit(&missing),
    }
}

fn point(instances: u64, samples: &[&Sample]) -> DensityPoint {
    let of = |value: &dyn Fn(&Sample) -> Option<u64>| {
        median(
            &samples
                .iter()
                .filter_map(|sample| value(sample))
                .collect::<Vec<_>>(),
        )
    };
    let efficiency = |sample: &Sample| {
        let mib = attested(sample, "pss_bytes")? as f64 / f64::from(1 << 20);
        whole(rate(sample)? / mib * 1e6)
    };
    DensityPoint {
        instances,
        ok: samples.len(),
        pss: of(&|sample| attested(sample, "pss_bytes")),
        private: of(&|sample| attested(sample, "private_bytes")),
        last_start: of(&|sample| attested(sample, "start_last_ns")),
        per_second_and_mib: of(&efficiency),
    }
}

/// The curves as tables, and what they say.
pub(crate) fn tables(samples: &[Sample]) -> String {
    let mut curves = density_curves(samples);
    curves.sort_by(|one, two| {
        one.cell
            .workload
            .cmp(&two.cell.workload)
            .then(one.cell.cmp(&two.cell))
    });
    let workloads: BTreeSet<_> = curves
        .iter()
        .map(|curve| curve.cell.workload.to_string())
        .collect();
    workloads
        .iter()
        .map(|workload| of_workload(workload, &curves))
        .collect()
}

fn of_workload(workload: &str, curves: &[DensityCurve]) -> String {
    let curves: Vec<_> = curves
        .iter()
        .filter(|curve| curve.cell.workload == workload)
        .collect();
    let lines = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(move |point| line(curve, point)));
    let totals = outside::table(
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
        lines,
    );
    let fits = outside::table(
        &format!(
            "{workload}, density: what one more takes, by the line through all samples; `machine` \
                is what it had less"
        ),
        &[
            "system",
            "PSS each",
            "95 % interval",
            "private each",
            "shim each",
            "page tables each",
            "machine each",
            "for any number",
            "line off by at most",
        ],
        curves.iter().map(|curve| fitted(curve)),
    );
    totals + &fits
}

fn line(curve: &DensityCurve, point: &DensityPoint) -> Vec<String> {
    let size = |of: Option<Estimate>| of.map_or_else(|| "–".to_owned(), |of| bytes(of.value));
    vec![
        outside::name_of(&curve.cell),
        point.instances.to_string(),
        point.ok.to_string(),
        size(point.pss),
        size(point.private),
        point
            .last_start
            .map_or_else(|| "–".to_owned(), |start| nanoseconds(start.value)),
        point
            .per_second_and_mib
            .map_or_else(|| "–".to_owned(), |rate| three_digits(rate.value / 1e6)),
    ]
}

fn fitted(curve: &DensityCurve) -> Vec<String> {
    let each = |fit: Option<Fit>| fit.map_or_else(|| "–".to_owned(), |fit| signed(fit.slope));
    let ends = curve.pss.and_then(|fit| fit.slope_interval);
    let worst = curve.worst().map_or_else(
        || "–".to_owned(),
        |(off, at)| {
            let mark = if off > BELIEVED { ": no line" } else { "" };
            format!("{:.1} % at {at}{mark}", off * 100.0)
        },
    );
    vec![
        outside::name_of(&curve.cell),
        each(curve.pss),
        ends.map_or_else(String::new, |ends| {
            format!("[{}, {}]", signed(ends.low), signed(ends.high))
        }),
        each(curve.private),
        each(curve.shim),
        each(curve.page_tables),
        each(curve.missing),
        curve
            .pss
            .map_or_else(|| "–".to_owned(), |fit| signed(fit.intercept)),
        worst,
    ]
}

/// Bytes that may be fewer than none, as a fitted figure can be.
fn signed(value: f64) -> String {
    if value < 0.0 {
        format!("−{}", bytes(-value))
    } else {
        bytes(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(instances: u64, pss: u64) -> Sample {
        let text = format!(
            r#"{{"schema":1,"run":"r","order":0,"block":0,"cell":{{"system":"native","workload":"http-hello","scenario":"density",
            "params":{{"instances":"{instances}"}}}},"outcome":"ok","reason":null,"started_at":"","total_ns":5,"residual_ns":null,
            "phases":[],"resources":{{"cpu_ns":null,"max_rss_bytes":null,"pss_bytes":null,"minor_faults":null,"major_faults":null,
            "voluntary_switches":null,"involuntary_switches":null}},"noise":{{"steal_ns":null,"cpu_pressure_ns":null,"load1":null}},
            "requests":{{"sent":9,"ok":9,"failed":0,"dropped":0,"late":0,"wall_ns":1000000000,"latency_hdr":null}},
            "artifact_sha256":null,"attested":{{"pss_bytes":{pss},"available_before_bytes":1000,"available_bytes":400}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_worked_example() {
        // 3 MiB for any number, and 2 MiB each.
        let samples: Vec<_> = [1, 4, 16].map(|n| sample(n, (3 + 2 * n) << 20)).to_vec();
        let curve = density_curves(&samples).pop().unwrap();
        let fit = curve.pss.unwrap();
        assert!(
            (fit.slope - f64::from(2 << 20)).abs() < 1e-3
                && (fit.intercept - f64::from(3 << 20)).abs() < 1e-3
        );
        assert!(curve.worst().unwrap().0 < 1e-9);
        // 9 answers in a second from 5 MiB.
        assert!((curve.points[0].per_second_and_mib.unwrap().value - 1_800_000.0).abs() < 1.0);
    }

    #[test]
    fn what_is_no_line_is_said_to_be_none() {
        let samples: Vec<_> = [(1, 10), (4, 90), (16, 100)]
            .map(|(n, pss)| sample(n, pss << 20))
            .to_vec();
        let text = tables(&samples);
        assert!(text.contains("no line"), "{text}");
    }
}
