//! The requests of all processes of a cell together, with the process as the unit.

use serde::Serialize;

use crate::input::{Load, Point};
use crate::statistics::{Interval, Process, Resampling, Stages, Statistic, is_supported, nested};

/// A quantile of all requests of all processes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PooledQuantile {
    /// Which quantile: 0.99 is the 99th percentile.
    pub at: f64,
    /// Its value.
    pub ns: f64,
    /// Its interval, from resampling processes with their requests.
    pub interval_ns: Option<Interval>,
}

/// The quantiles of pooled requests that are given an interval.
const QUANTILES: [f64; 3] = [0.5, 0.99, 0.999];

/// The quantiles that so many requests support.
pub(super) fn quantiles(good: &[&Point]) -> Vec<PooledQuantile> {
    let loads = good.iter().filter_map(|point| point.load.as_deref());
    let weighted = |load: &Load| {
        let counted = load.latencies.iter();
        Process::new(counted.map(|(value, count)| (*value as f64, *count))).ok()
    };
    let processes: Vec<Process> = loads
        .filter(|load| !load.latencies.is_empty())
        .filter_map(weighted)
        .collect();
    let requests = processes
        .iter()
        .map(Process::requests)
        .fold(0, u64::saturating_add);
    // As few resamples as the ends of an interval can do with.
    let resampling = Resampling {
        resamples: 1_000,
        ..Resampling::default()
    };
    let quantile = |at: f64| {
        let statistic = Statistic::Quantile(at);
        let found = nested(&processes, statistic, Stages::Processes, resampling).ok()?;
        Some(PooledQuantile {
            at,
            ns: found.estimate,
            interval_ns: found.interval,
        })
    };
    QUANTILES
        .into_iter()
        .filter(|at| is_supported(requests, *at))
        .filter_map(quantile)
        .collect()
}

/// The latencies of all samples, in ascending order, each with how often it occurred.
pub(super) fn latencies(good: &[&Point]) -> Vec<(u64, u64)> {
    let loads = good.iter().filter_map(|point| point.load.as_ref());
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
