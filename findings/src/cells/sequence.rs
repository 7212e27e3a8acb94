//! The requests of a sequence, each by itself.

use serde::Serialize;

use crate::input::{LoadOfRequest, Point, Quantile};
use crate::statistics::Estimate;

/// What one request of a cell's sequence did. Requests of one process are not independent of each
/// other: figures are of processes, of each its own quantile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestFacts {
    /// Its name.
    pub name: String,
    /// How often it was answered rightly, over all samples that count.
    pub answered: u64,
    /// The median over processes of their median latencies.
    pub p50_ns: Option<Estimate>,
    /// The same of what nine in ten do not exceed; nothing unless every process has enough of them.
    pub p90_ns: Option<Estimate>,
    /// The same of ninety-nine in a hundred.
    pub p99_ns: Option<Estimate>,
}

/// Every request of the sequence, in order; nothing of a load that has none.
pub(super) fn requests(good: &[&Point]) -> Vec<RequestFacts> {
    let loads = || good.iter().filter_map(|point| point.load.as_ref());
    let mut names: Vec<&str> = Vec::new();
    for request in loads().flat_map(|load| &load.by_request) {
        if !names.contains(&&*request.name) {
            names.push(&request.name);
        }
    }
    let facts = |name: &str| {
        let each: Vec<&LoadOfRequest> = loads()
            .filter_map(|load| load.by_request.iter().find(|it| &*it.name == name))
            .collect();
        RequestFacts {
            name: name.to_owned(),
            answered: each.iter().fold(0, |sum, it| sum.saturating_add(it.ok)),
            p50_ns: quantile(&each, Quantile::P50),
            p90_ns: quantile(&each, Quantile::P90),
            p99_ns: quantile(&each, Quantile::P99),
        }
    };
    names.into_iter().map(facts).collect()
}

/// Of some processes alone a tail would be one of those that answered most.
fn quantile(each: &[&LoadOfRequest], at: Quantile) -> Option<Estimate> {
    let values: Option<Vec<f64>> = each.iter().map(|it| it.latencies.quantile_ns(at)).collect();
    Estimate::of_median(&values?)
}
