//! The requests of one sample, with its histogram taken apart.

use results::latency;
use results::record::{Requests, Series};

/// What the requests of a sample did.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Requests that went out.
    pub sent: u64,
    /// Answered rightly.
    pub ok: u64,
    /// Answered wrongly or not at all.
    pub failed: u64,
    /// Planned and never sent.
    pub dropped: u64,
    /// Sent later than planned.
    pub late: u64,
    /// From the first send to the last answer.
    pub wall_ns: u64,
    /// The values of the histogram in ascending order, each with how often it occurred.
    pub latencies: Vec<(u64, u64)>,
    /// When they were answered, if that was kept.
    pub series: Option<Series>,
}

impl Load {
    /// From a record; with a sentence if its histogram cannot be read.
    pub fn decode(requests: &Requests) -> (Self, Option<String>) {
        let decoded = requests
            .latency_hdr
            .as_deref()
            .map(latency::decode)
            .transpose();
        let (latencies, wrong) = match decoded {
            Ok(Some(histogram)) => {
                let counts = histogram.iter_recorded();
                (
                    counts
                        .map(|at| (at.value_iterated_to(), at.count_at_value()))
                        .collect(),
                    None,
                )
            }
            Ok(None) => (Vec::new(), None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let Requests {
            sent,
            ok,
            failed,
            dropped,
            late,
            wall_ns,
            ref series,
            ..
        } = *requests;
        (
            Self {
                sent,
                ok,
                failed,
                dropped,
                late,
                wall_ns,
                latencies,
                series: series.clone(),
            },
            wrong,
        )
    }

    /// Latencies in the histogram.
    pub fn recorded(&self) -> u64 {
        self.latencies
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Right answers per second.
    pub fn per_second(&self) -> Option<f64> {
        (self.wall_ns > 0 && self.ok > 0).then(|| self.ok as f64 * 1e9 / self.wall_ns as f64)
    }

    /// The mean latency in nanoseconds.
    pub fn mean_ns(&self) -> Option<f64> {
        let sum: f64 = self
            .latencies
            .iter()
            .map(|(value, count)| *value as f64 * *count as f64)
            .sum();
        Some(sum / self.recorded() as f64).filter(|mean| mean.is_finite())
    }

    /// The quantile `at` of this sample's latencies in nanoseconds: nothing unless ten of them lie
    /// beyond it.
    pub fn quantile_ns(&self, at: f64) -> Option<f64> {
        quantile(&self.latencies, at)
    }
}

/// A quantile of counted values in ascending order: the smallest value that so many do not exceed.
/// Beyond the median it is stated only if ten values lie above it.
fn quantile(counted: &[(u64, u64)], at: f64) -> Option<f64> {
    let total = counted
        .iter()
        .fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    if total == 0 || !latency::supports(total, at) {
        return None;
    }
    let rank = (at * total as f64).ceil().max(1.0);
    let mut seen = 0_u64;
    let reached = counted.iter().find(|(_, count)| {
        seen = seen.saturating_add(*count);
        seen as f64 >= rank - 1e-6
    });
    reached.or(counted.last()).map(|(value, _)| *value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_histogram() {
        let mut histogram = latency::empty();
        (1..=2_000).for_each(|n| latency::count(&mut histogram, n * 1_009));
        let requests = Requests {
            sent: 2_000,
            ok: 2_000,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: 1_000_000_000,
            latency_hdr: Some(latency::encode(&histogram)),
            series: None,
        };
        let (load, wrong) = Load::decode(&requests);
        assert_eq!(
            (load.recorded(), wrong, load.per_second()),
            (2_000, None, Some(2_000.0))
        );
        for at in [0.5, 0.9, 0.99, 0.999] {
            let there = latency::quantile(&histogram, at).map(|ns| ns as f64);
            assert_eq!(load.quantile_ns(at), there, "{at}");
        }
    }
}
