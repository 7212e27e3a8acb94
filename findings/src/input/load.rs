//! The requests of one sample, with its histogram taken apart.

use super::latencies::{Counted, Latencies};
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
    /// How long they took.
    pub latencies: Latencies,
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
    /// How long it took.
    pub latencies: Latencies,
}

/// A record's requests, and what goes no further than to the cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What they did.
    pub load: Load,
    /// The values of the histogram.
    pub latencies: Counted,
    /// A sentence, if a histogram cannot be read.
    pub wrong: Option<String>,
}

impl LoadOfRequest {
    fn decode(request: &RequestOfSequence) -> Result<Self, String> {
        Ok(Self {
            name: results::text::line(&request.name).into(),
            ok: request.ok,
            failed: request.failed,
            latencies: Latencies::of(&counted(request.latency_hdr.as_deref())?),
        })
    }
}

/// The values of a histogram in ascending order, each with how often it occurred.
fn counted(histogram: Option<&str>) -> Result<Counted, String> {
    histogram.map_or_else(|| Ok(Vec::new()), latency::counts)
}

impl Load {
    /// From a record.
    pub fn decode(requests: &Requests) -> Decoded {
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
        let latencies = decoded.unwrap_or_default();
        Decoded {
            load: Self {
                sent,
                ok,
                failed,
                dropped,
                late,
                wall_ns,
                latencies: Latencies::of(&latencies),
                series: series.clone(),
                by_request: by_request.unwrap_or_default(),
            },
            latencies,
            wrong,
        }
    }

    /// Forgets its latencies.
    pub(super) fn forget_latencies(&mut self) {
        self.latencies = Latencies::default();
        self.by_request = Vec::new();
    }

    /// Right answers per second.
    pub fn per_second(&self) -> Option<f64> {
        (self.wall_ns > 0 && self.ok > 0).then(|| self.ok as f64 * 1e9 / self.wall_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::latencies::Quantile;
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
        let Decoded { load, wrong, .. } = Load::decode(&requests);
        assert_eq!(
            (load.latencies.recorded(), wrong, load.per_second()),
            (2_000, None, Some(2_000.0))
        );
        for (at, quantile) in [
            (0.5, Quantile::P50),
            (0.9, Quantile::P90),
            (0.95, Quantile::P95),
            (0.99, Quantile::P99),
            (0.999, Quantile::P999),
        ] {
            let there = latency::quantile(&histogram, at).map(|ns| ns as f64);
            assert_eq!(load.latencies.quantile_ns(quantile), there, "{at}");
        }
    }
}
