//! The requests of one sample, with its histogram taken apart.

use results::latency;
use results::record::{RequestOfSequence, Requests, Series};

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
    /// The same of each request of a sequence; nothing where all are the same one.
    pub by_request: Vec<LoadOfRequest>,
}

/// What one request of a sequence did.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOfRequest {
    /// Its name.
    pub name: Box<str>,
    /// Answered rightly.
    pub ok: u64,
    /// Answered wrongly or not at all.
    pub failed: u64,
    /// The values of its histogram in ascending order, each with how often it occurred.
    pub latencies: Vec<(u64, u64)>,
}

impl LoadOfRequest {
    fn decode(request: &RequestOfSequence) -> Result<Self, String> {
        Ok(Self {
            name: results::text::line(&request.name).into(),
            ok: request.ok,
            failed: request.failed,
            latencies: counted(request.latency_hdr.as_deref())?,
        })
    }

    /// The quantile `at` of its latencies in nanoseconds, as [`Load::quantile_ns`].
    pub fn quantile_ns(&self, at: f64) -> Option<f64> {
        quantile(&self.latencies, at)
    }
}

/// The values of a histogram in ascending order, each with how often it occurred.
fn counted(histogram: Option<&str>) -> Result<Vec<(u64, u64)>, String> {
    let decoded = histogram.map(latency::decode).transpose()?;
    Ok(decoded.map_or_else(Vec::new, |histogram| {
        let counts = histogram.iter_recorded();
        counts
            .map(|at| (at.value_iterated_to(), at.count_at_value()))
            .collect()
    }))
}

impl Load {
    /// From a record; with a sentence if its histogram cannot be read.
    pub fn decode(requests: &Requests) -> (Self, Option<String>) {
        let each = requests.by_request.iter().flatten();
        let by_request: Result<Vec<_>, _> = each.map(LoadOfRequest::decode).collect();
        let decoded = counted(requests.latency_hdr.as_deref());
        let wrong = decoded
            .as_ref()
            .err()
            .or(by_request.as_ref().err())
            .cloned();
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
                latencies: decoded.unwrap_or_default(),
                series: series.clone(),
                by_request: by_request.unwrap_or_default(),
            },
            wrong,
        )
    }

    /// How many numbers its histograms are kept in.
    pub(super) fn kept(&self) -> usize {
        let of_requests = self.by_request.iter().map(|it| it.latencies.len());
        self.latencies.len() + of_requests.sum::<usize>()
    }

    /// Forgets its latencies.
    pub(super) fn forget_latencies(&mut self) {
        self.latencies = Vec::new();
        self.by_request = Vec::new();
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
            by_request: None,
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
