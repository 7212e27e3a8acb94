//! Samples, cell by cell.

use results::noise::Noise;
use results::record::{Outcome, Requests};
use results::{Cell, Phase, Sample, latency};
use serde::Serialize;

use findings::median::{CONFIDENCE, Estimate, median};

/// What a run says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The run.
    pub run: Option<String>,
    /// The confidence of every interval.
    pub confidence: f64,
    /// Its cells, in the order in which they first appear in `cells_order`: by workload, then as
    /// planned.
    pub cells: Vec<CellSummary>,
    /// The A/A pairs.
    pub controls: Vec<Control>,
    /// The largest relative difference of medians in an A/A pair: no smaller difference is called
    /// one. `null` without a pair.
    pub noise_floor: Option<f64>,
}

/// The samples of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellSummary {
    /// Which.
    pub cell: Cell,
    /// Samples that count.
    pub ok: usize,
    /// Samples that were begun and do not.
    pub failed: usize,
    /// Samples that were not begun.
    pub skipped: usize,
    /// Of those that count, how many were disturbed. They count nevertheless.
    pub noisy: usize,
    /// The first reason among those that do not count.
    pub reason: Option<String>,
    /// From the launch to the first complete answer, in nanoseconds.
    pub total: Option<Estimate>,
    /// CPU time until then, in nanoseconds.
    pub cpu: Option<Estimate>,
    /// High-water mark of resident memory, in bytes.
    pub max_rss: Option<Estimate>,
    /// Proportional set size after the last request, in bytes.
    pub pss: Option<Estimate>,
    /// The largest time that is in no phase, in nanoseconds, without its sign.
    pub max_residual_ns: Option<u64>,
    /// The phases.
    pub phases: Vec<PhaseSummary>,
    /// What requests under load did; `null` for starts.
    pub load: Option<LoadSummary>,
    /// What single parts of the system have cost, where it has several.
    pub parts: Vec<PartSummary>,
}

/// One part of a system of several.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartSummary {
    /// Its name.
    pub name: String,
    /// CPU time since the sample began, in nanoseconds.
    pub cpu: Option<Estimate>,
    /// Proportional set size, in bytes.
    pub pss: Option<Estimate>,
}

/// The parts of the systems of these samples.
fn parts(samples: &[&Sample]) -> Vec<PartSummary> {
    let mut names: Vec<_> = samples
        .iter()
        .flat_map(|sample| sample.attested.keys())
        .filter(|key| key.as_part().is_some())
        .collect();
    names.sort_unstable();
    names.dedup();
    let of = |key: &results::Evidence, field: &str| {
        let values = samples
            .iter()
            .filter_map(|sample| sample.attested.get(key)?.get(field)?.as_u64());
        median(&values.collect::<Vec<_>>())
    };
    let part = |key: &&results::Evidence| PartSummary {
        name: key.as_part().unwrap_or_default().to_owned(),
        cpu: of(key, "cpu_ns"),
        pss: of(key, "pss_bytes"),
    };
    names.iter().map(part).collect()
}

/// The samples of a cell under load: each sample's own figure first, then the median over samples,
/// since what repeats inside a process is no independent measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadSummary {
    /// Right answers per second.
    pub per_second: Estimate,
    /// Quantiles of the latency, in nanoseconds. One that samples hold too little for is absent.
    pub latency: Vec<Quantile>,
    /// Requests of all samples that count.
    pub requests: u64,
}

/// One quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantile {
    /// Which: 0.99 is the 99th percentile.
    pub at: f64,
    /// In nanoseconds.
    pub time: Estimate,
}

impl LoadSummary {
    /// The quantiles that are shown.
    const SHOWN: [f64; 3] = [0.5, 0.9, 0.99];

    fn of(good: &[&Sample]) -> Option<Self> {
        let requests: Vec<_> = good
            .iter()
            .filter_map(|sample| sample.requests.as_ref())
            .collect();
        // To a thousandth of a request per second, as whole numbers: what the median is taken of.
        let rate = |requests: &&Requests| {
            (requests.wall_ns > 0)
                .then(|| u128::from(requests.ok) * 1_000_000_000_000 / u128::from(requests.wall_ns))
        };
        let rates: Vec<_> = requests
            .iter()
            .filter_map(rate)
            .filter_map(|rate| u64::try_from(rate).ok())
            .collect();
        let per_second = median(&rates)?.scaled(1e-3);
        let histograms: Vec<_> = requests
            .iter()
            .filter_map(|requests| latency::decode(requests.latency_hdr.as_ref()?).ok())
            .collect();
        let quantile = |at: f64| {
            let values: Vec<_> = histograms
                .iter()
                .filter_map(|histogram| latency::quantile(histogram, at))
                .collect();
            Some(Quantile {
                at,
                time: median(&values)?,
            })
        };
        let latency = Self::SHOWN.into_iter().filter_map(quantile).collect();
        Some(Self {
            per_second,
            latency,
            requests: requests.iter().map(|requests| requests.sent).sum(),
        })
    }
}

/// One phase of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PhaseSummary {
    /// Which.
    pub name: Phase,
    /// In nanoseconds.
    pub time: Estimate,
    /// Its median as a part of the total's; `null` for what comes after the start.
    pub share: Option<f64>,
}

/// The same cell measured twice under two names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The cell under its usual name.
    pub cell: Cell,
    /// Its twin's median total relative to its own, less one.
    pub difference: f64,
    /// Whether the two intervals have no point in common: then the machine drifted, or the order is
    /// not random.
    pub apart: bool,
}

/// The ending that makes a system the second name of another.
pub(crate) const TWIN: &str = "-aa";

impl Summary {
    /// Of a run's samples, in any order.
    pub fn of(samples: &[Sample]) -> Self {
        let mut order: Vec<&Cell> = samples.iter().map(|sample| &sample.cell).collect();
        order.sort_unstable();
        order.dedup();
        let mut cells: Vec<_> = order
            .into_iter()
            .map(|cell| CellSummary::of(cell, samples))
            .collect();
        // Slowest first within a workload: what stands at the top is what there is to gain.
        cells.sort_by(|one, two| {
            let key = |of: &CellSummary| of.total.map_or(f64::NEG_INFINITY, |total| total.value);
            one.cell
                .workload
                .cmp(&two.cell.workload)
                .then(key(two).total_cmp(&key(one)))
        });
        let controls = controls(&cells);
        let noise_floor = controls
            .iter()
            .map(|control| control.difference.abs())
            .reduce(f64::max);
        let run = samples.first().map(|sample| sample.run.clone());
        Self {
            run,
            confidence: CONFIDENCE,
            cells,
            controls,
            noise_floor,
        }
    }

    /// The workloads, in the order of the cells.
    pub(crate) fn workloads(&self) -> Vec<&str> {
        let mut names: Vec<_> = self
            .cells
            .iter()
            .map(|cell| cell.cell.workload.as_str())
            .collect();
        names.dedup();
        names
    }

    /// The cells of a workload.
    pub(crate) fn of_workload<'a>(
        &'a self,
        workload: &'a str,
    ) -> impl Iterator<Item = &'a CellSummary> + Clone {
        self.cells
            .iter()
            .filter(move |cell| cell.cell.workload == workload)
    }
}

impl CellSummary {
    fn of(cell: &Cell, samples: &[Sample]) -> Self {
        let all: Vec<_> = samples
            .iter()
            .filter(|sample| sample.cell == *cell)
            .collect();
        let count = |outcome| {
            all.iter()
                .filter(|sample| sample.outcome == outcome)
                .count()
        };
        let good: Vec<_> = all
            .iter()
            .copied()
            .filter(|sample| sample.outcome == Outcome::Ok)
            .collect();
        let of = |value: fn(&Sample) -> Option<u64>| {
            median(
                &good
                    .iter()
                    .filter_map(|sample| value(sample))
                    .collect::<Vec<_>>(),
            )
        };
        let total = of(|sample| sample.total_ns);
        let phase = |name: Phase| {
            let time = median(
                &good
                    .iter()
                    .filter_map(|sample| sample.phase_ns(name))
                    .collect::<Vec<_>>(),
            )?;
            let share = total
                .filter(|_| name.counts())
                .map(|total| time.value / total.value);
            Some(PhaseSummary { name, time, share })
        };
        Self {
            cell: cell.clone(),
            ok: good.len(),
            failed: count(Outcome::Failed),
            skipped: count(Outcome::Skipped),
            noisy: good
                .iter()
                .filter(|sample| noisy(&sample.noise, sample.total_ns))
                .count(),
            reason: all.iter().find_map(|sample| sample.reason.clone()),
            total,
            cpu: of(|sample| sample.resources.cpu_ns),
            max_rss: of(|sample| sample.resources.max_rss_bytes),
            pss: of(|sample| sample.resources.pss_bytes),
            max_residual_ns: good
                .iter()
                .filter_map(|sample| Some(sample.residual_ns?.unsigned_abs()))
                .max(),
            phases: Phase::ALL.into_iter().filter_map(phase).collect(),
            load: LoadSummary::of(&good),
            parts: parts(&good),
        }
    }

    /// Whether there is a total and what it is made of.
    pub(crate) fn is_taken_apart(&self) -> bool {
        self.total.is_some() && !self.phases.is_empty()
    }

    /// Whether this is the second name of a system.
    pub(crate) fn is_twin(&self) -> bool {
        self.cell.system.ends_with(TWIN)
    }

    /// The system, by its first name.
    pub(crate) fn system(&self) -> &str {
        self.cell
            .system
            .strip_suffix(TWIN)
            .unwrap_or(&self.cell.system)
    }

    /// The time of one phase.
    pub(crate) fn phase(&self, name: Phase) -> Option<&PhaseSummary> {
        self.phases.iter().find(|phase| phase.name == name)
    }
}

fn noisy(noise: &Noise, total_ns: Option<u64>) -> bool {
    total_ns.is_some_and(|total_ns| noise.mark(total_ns).is_some())
}

fn controls(cells: &[CellSummary]) -> Vec<Control> {
    let pairs = cells
        .iter()
        .filter(|cell| cell.is_twin())
        .filter_map(|twin| {
            let system = twin.cell.system.strip_suffix(TWIN)?;
            let original = cells.iter().find(|cell| {
                cell.cell
                    == Cell {
                        system: system.into(),
                        ..twin.cell.clone()
                    }
            })?;
            let (one, two) = (original.total?, twin.total?);
            let difference = two.value / one.value - 1.0;
            Some(Control {
                cell: original.cell.clone(),
                difference,
                apart: one.is_apart_from(&two),
            })
        });
    pairs.collect()
}
