//! What one cell says, in numbers.

use std::collections::BTreeMap;

use results::{Cell, Outcome, Phase};
use serde::Serialize;

use crate::plot::Unit;
use findings::input::{CellData, Fact, Point};
use findings::statistics::{
    Description, Interval, MINIMUM_BEYOND, Order, Process, Resampling, Stages, Statistic, describe,
    nested,
};

/// What can be read off a sample. All are costs, less being better, but for the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// From the launch to the first complete answer, or until all instances have started.
    TotalNs,
    /// CPU time until then.
    CpuNs,
    /// High-water mark of resident memory.
    MaxRssBytes,
    /// Proportional set size.
    PssBytes,
    /// Memory that is shared with nobody.
    PrivateBytes,
    /// Until all instances were ready.
    ReadyNs,
    /// The start of the last of many.
    StartLastNs,
    /// Right answers per second.
    PerSecond,
    /// Mean latency of a sample's requests.
    RequestNs,
    /// Median latency of a sample's requests.
    P50Ns,
    /// 90th percentile of a sample's requests.
    P90Ns,
    /// 95th percentile of a sample's requests.
    P95Ns,
    /// 99th percentile of a sample's requests.
    P99Ns,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::TotalNs,
        Self::CpuNs,
        Self::MaxRssBytes,
        Self::PssBytes,
        Self::PrivateBytes,
        Self::ReadyNs,
        Self::StartLastNs,
        Self::PerSecond,
        Self::RequestNs,
        Self::P50Ns,
        Self::P90Ns,
        Self::P95Ns,
        Self::P99Ns,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TotalNs => "total_ns",
            Self::CpuNs => "cpu_ns",
            Self::MaxRssBytes => "max_rss_bytes",
            Self::PssBytes => "pss_bytes",
            Self::PrivateBytes => "private_bytes",
            Self::ReadyNs => "ready_ns",
            Self::StartLastNs => "start_last_ns",
            Self::PerSecond => "per_second",
            Self::RequestNs => "request_ns",
            Self::P50Ns => "p50_ns",
            Self::P90Ns => "p90_ns",
            Self::P95Ns => "p95_ns",
            Self::P99Ns => "p99_ns",
        }
    }

    /// What it is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::MaxRssBytes | Self::PssBytes | Self::PrivateBytes => Unit::Bytes,
            Self::PerSecond => Unit::PerSecond,
            _ => Unit::Nanoseconds,
        }
    }

    /// Its value in one sample.
    #[expect(clippy::cast_precision_loss, reason = "no request takes 104 days")]
    pub fn of(self, point: &Point) -> Option<f64> {
        let whole = |value: Option<u64>| value.map(|value| value as f64);
        let load = point.load.as_deref();
        match self {
            Self::TotalNs => whole(point.total_ns),
            Self::CpuNs => whole(point.resources.cpu_ns),
            Self::MaxRssBytes => whole(point.resources.max_rss_bytes),
            Self::PssBytes => point
                .fact(Fact::PssBytes)
                .or(whole(point.resources.pss_bytes)),
            Self::PrivateBytes => point.fact(Fact::PrivateBytes),
            Self::ReadyNs => point.fact(Fact::ReadyNs),
            Self::StartLastNs => point.fact(Fact::StartLastNs),
            Self::PerSecond => load?.per_second(),
            Self::RequestNs => load?.mean_ns(),
            Self::P50Ns => load?.quantile_ns(0.5),
            Self::P90Ns => load?.quantile_ns(0.9),
            Self::P95Ns => load?.quantile_ns(0.95),
            Self::P99Ns => load?.quantile_ns(0.99),
        }
    }
}

/// The values of one measure, one for each sample that has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The values, in the order in which they were measured.
    #[serde(skip)]
    pub values: Vec<f64>,
    /// What they say.
    #[serde(flatten)]
    pub all: Description,
    /// The median of those that nothing disturbed, if some were disturbed and some were not.
    pub median_without_noisy: Option<f64>,
}

/// A phase of a cell's starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseFacts {
    /// Which.
    pub name: Phase,
    /// In how many starts it occurs.
    pub n: usize,
    /// The median of its times.
    pub median_ns: f64,
    /// The mean of its times. Means add up to the mean of the total, medians do not.
    pub mean_ns: f64,
    /// The interval of the median.
    pub interval_ns: Option<(f64, f64)>,
}

/// A quantile of all requests of all processes of a cell, with the process as the unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pooled {
    /// Which quantile: 0.99 is the 99th percentile.
    pub at: f64,
    /// Its value.
    pub ns: f64,
    /// Its interval, from resampling processes with their requests.
    pub interval_ns: Option<Interval>,
}

/// The quantiles of pooled requests that are given an interval.
const POOLED: [f64; 3] = [0.5, 0.99, 0.999];

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellFacts {
    /// Its short name, which anchors and files use.
    pub id: String,
    /// The cell.
    pub cell: Cell,
    /// Places in the run's order of the samples that count: what every number here is made of.
    pub orders: Vec<u64>,
    /// Places of those that were begun and do not count.
    pub failed: Vec<u64>,
    /// Places of those that were not begun.
    pub skipped: Vec<u64>,
    /// Places of those that count and were disturbed.
    pub noisy: Vec<u64>,
    /// Reasons for which samples do not count, each with how often.
    pub reasons: BTreeMap<String, u64>,
    /// What was measured.
    pub measures: BTreeMap<Measure, Measured>,
    /// Quantiles of the requests of all its processes together.
    pub pooled: Vec<Pooled>,
    /// The phases of its starts, in order.
    pub phases: Vec<PhaseFacts>,
    /// The largest time that is in no phase, without its sign.
    pub max_residual_ns: Option<u64>,
    /// Requests that went out, over all samples that count.
    pub requests: u64,
    /// Where what the service keeps lives, if it told.
    pub keeps: Option<String>,
    /// Whether there were more instances than cores in any of them.
    pub oversubscribed: bool,
}

impl CellFacts {
    /// From a cell's samples.
    pub fn of(data: &CellData) -> Self {
        let good: Vec<&Point> = data.points.iter().filter(|point| point.is_good()).collect();
        let orders = |wanted: &dyn Fn(&Point) -> bool| -> Vec<u64> {
            data.points
                .iter()
                .filter(|point| wanted(point))
                .map(|point| point.order)
                .collect()
        };
        let mut reasons = BTreeMap::new();
        for reason in data
            .points
            .iter()
            .filter_map(|point| point.reason.as_deref())
        {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
        let measures = Measure::ALL
            .into_iter()
            .filter_map(|measure| Some((measure, measured(&good, measure)?)));
        Self {
            id: data.id.clone(),
            cell: data.cell.clone(),
            orders: orders(&Point::is_good),
            failed: orders(&|point| point.outcome == Outcome::Failed),
            skipped: orders(&|point| point.outcome == Outcome::Skipped),
            noisy: orders(&|point| point.is_good() && point.noisy.is_some()),
            reasons,
            measures: measures.collect(),
            pooled: pooled(&good),
            phases: Phase::ALL
                .into_iter()
                .filter_map(|phase| phase_facts(&good, phase))
                .collect(),
            max_residual_ns: good
                .iter()
                .filter_map(|point| Some(point.residual_ns?.unsigned_abs()))
                .max(),
            keeps: good
                .iter()
                .find_map(|point| point.keeps.as_deref())
                .map(str::to_owned),
            oversubscribed: good
                .iter()
                .any(|point| point.fact(Fact::Oversubscribed) == Some(1.0)),
            requests: good
                .iter()
                .filter_map(|point| Some(point.load.as_ref()?.sent))
                .fold(0, u64::saturating_add),
        }
    }

    /// The values of a measure; none if it was not measured.
    pub fn values(&self, measure: Measure) -> &[f64] {
        self.measures
            .get(&measure)
            .map_or(&[], |measured| &measured.values)
    }

    /// The median of a measure.
    pub fn median(&self, measure: Measure) -> Option<f64> {
        self.measures
            .get(&measure)
            .map(|measured| measured.all.median)
    }

    /// The interval of the median of a measure.
    pub fn interval(&self, measure: Measure) -> Option<(f64, f64)> {
        self.measures
            .get(&measure)?
            .all
            .median_interval
            .map(|interval| (interval.low, interval.high))
    }

    /// The median time of a phase.
    pub fn phase(&self, name: Phase) -> Option<f64> {
        self.phases
            .iter()
            .find(|phase| phase.name == name)
            .map(|phase| phase.median_ns)
    }

    /// Whether its starts were taken apart.
    pub fn is_taken_apart(&self) -> bool {
        self.median(Measure::TotalNs).is_some()
            && self.phases.iter().any(|phase| phase.name.counts())
    }
}

fn measured(good: &[&Point], measure: Measure) -> Option<Measured> {
    let with = good
        .iter()
        .filter_map(|point| Some((point, measure.of(point)?)));
    let (orders, values): (Vec<u64>, Vec<f64>) = with
        .clone()
        .map(|(point, value)| (point.order, value))
        .unzip();
    // Every process has memory of its own: it is times that a machine's state makes drift.
    let order = if measure.unit() == Unit::Bytes {
        Order::Unknown
    } else {
        Order::By(&orders)
    };
    let all = describe(&values, order).ok()?;
    let quiet: Vec<f64> = with
        .filter(|(point, _)| point.noisy.is_none())
        .map(|(_, value)| value)
        .collect();
    let median_without_noisy = (quiet.len() < values.len())
        .then(|| findings::statistics::median(&quiet).ok())
        .flatten();
    Some(Measured {
        values,
        all,
        median_without_noisy,
    })
}

/// Only quantiles beyond which ten requests lie; a quantile of few is another one in the next run.
fn pooled(good: &[&Point]) -> Vec<Pooled> {
    let loads = good.iter().filter_map(|point| point.load.as_deref());
    let weighted = |load: &findings::input::Load| {
        Process::new(
            load.latencies
                .iter()
                .map(|(value, count)| (*value as f64, *count)),
        )
        .ok()
    };
    let processes: Vec<Process> = loads
        .filter(|load| !load.latencies.is_empty())
        .filter_map(weighted)
        .collect();
    let requests: u64 = processes
        .iter()
        .map(Process::requests)
        .fold(0, u64::saturating_add);
    let supported =
        |at: &f64| *at <= 0.5 || requests as f64 * (1.0 - at) >= MINIMUM_BEYOND as f64 - 1e-6;
    // As few resamples as the ends of an interval can do with.
    let resampling = Resampling {
        resamples: 1_000,
        ..Resampling::default()
    };
    let of = |at: f64| {
        let found = nested(
            &processes,
            Statistic::Quantile(at),
            Stages::Processes,
            resampling,
        )
        .ok()?;
        Some(Pooled {
            at,
            ns: found.estimate,
            interval_ns: found.interval,
        })
    };
    POOLED
        .into_iter()
        .filter(supported)
        .filter_map(of)
        .collect()
}

fn phase_facts(good: &[&Point], name: Phase) -> Option<PhaseFacts> {
    let values: Vec<u64> = good
        .iter()
        .filter_map(|point| point.phase_ns(name))
        .collect();
    let estimate = findings::median(&values)?;
    let mean_ns = values.iter().map(|ns| *ns as f64).sum::<f64>() / values.len() as f64;
    let interval_ns = estimate
        .interval
        .map(|(low, high)| (low as f64, high as f64));
    Some(PhaseFacts {
        name,
        n: values.len(),
        median_ns: estimate.value,
        mean_ns,
        interval_ns,
    })
}
