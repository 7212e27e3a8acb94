//! The requests of all processes of a cell together: a distribution to look at. Requests of one
//! process are not independent of each other, so that no quantile and no interval is taken from it.

use crate::input::Point;

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
