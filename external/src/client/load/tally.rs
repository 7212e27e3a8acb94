//! Counts of requests, while they run and when all are done.

use hdrhistogram::Histogram;
use results::Failure;
use results::record::{RequestOfSequence, Requests};
use workloads::target::Step;

use super::histogram;
use super::series::Windows;

/// How many different reasons are reported; what fails for yet others is counted together.
const REASONS: usize = 8;

/// Requests that failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRequests {
    /// What went wrong.
    pub failure: Failure,
    /// For how many requests.
    pub count: u64,
}

/// How far behind its plan an open loop was. In nanoseconds, one value a request.
#[derive(Debug, Clone)]
pub struct Lateness {
    /// From the planned instant to the send: the generator's own delay, and the wait for a free
    /// connection.
    pub sends: Histogram<u64>,
    /// From the planned instant until the generator took notice of it: its own delay alone. If this
    /// is large, the generator did not keep up, and its latencies say little of the system.
    pub own: Histogram<u64>,
}

/// Counts of one load. Only requests that belong to the measurement come here.
#[derive(Debug)]
pub(super) struct Tally {
    sent: u64,
    failed: u64,
    dropped: u64,
    late: u64,
    first_send_ns: u64,
    last_answer_ns: u64,
    latency: Histogram<u64>,
    windows: Windows,
    failures: Vec<FailedRequests>,
    /// Of each request of a sequence how many failed, and the latencies of the others.
    by_request: Vec<(u64, Histogram<u64>)>,
    pub(super) lateness: Lateness,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sent: 0,
            failed: 0,
            dropped: 0,
            late: 0,
            first_send_ns: u64::MAX,
            last_answer_ns: 0,
            latency: histogram::empty(),
            windows: Windows::default(),
            failures: Vec::new(),
            by_request: Vec::new(),
            lateness: Lateness {
                sends: histogram::empty(),
                own: histogram::empty(),
            },
        }
    }
}

impl Tally {
    /// A request goes out now.
    pub(super) fn send(&mut self, now_ns: u64) {
        self.sent += 1;
        self.first_send_ns = self.first_send_ns.min(now_ns);
    }

    /// A request goes out now that was planned for earlier.
    pub(super) fn send_planned(&mut self, planned_ns: u64, now_ns: u64) {
        let late_ns = now_ns.saturating_sub(planned_ns);
        histogram::count(&mut self.lateness.sends, late_ns);
        self.late += u64::from(late_ns > super::LATE_NS);
        self.send(now_ns);
    }

    /// How many requests were answered rightly.
    pub(super) fn answered(&self) -> u64 {
        self.latency.len()
    }

    /// A request was planned and will not be sent.
    pub(super) fn drop_planned(&mut self) {
        self.dropped += 1;
    }

    /// A request ended now, `latency_ns` after its latency began to count.
    pub(super) fn end(&mut self, now_ns: u64, latency_ns: u64, outcome: Result<(), Failure>) {
        self.last_answer_ns = self.last_answer_ns.max(now_ns);
        match outcome {
            Ok(()) => {
                histogram::count(&mut self.latency, latency_ns);
                let since_ns = now_ns.saturating_sub(self.first_send_ns);
                self.windows.count(since_ns, latency_ns);
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// A request of a sequence ended, of which [`Self::end`] is told too.
    pub(super) fn end_of(&mut self, step: usize, latency_ns: u64, is_ok: bool) {
        while self.by_request.len() <= step {
            self.by_request.push((0, histogram::empty()));
        }
        let (failed, latency) = &mut self.by_request[step];
        if is_ok {
            histogram::count(latency, latency_ns);
        } else {
            *failed += 1;
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        let known = self
            .failures
            .iter()
            .position(|known| known.failure == failure);
        match known.or((self.failures.len() > REASONS).then_some(REASONS)) {
            Some(at) => self.failures[at].count += 1,
            None if self.failures.len() == REASONS => {
                self.failures.push(FailedRequests {
                    failure: "for other reasons".into(),
                    count: 1,
                });
            }
            None => self.failures.push(FailedRequests { failure, count: 1 }),
        }
    }

    /// The record of it, the latencies, the reasons of failures, and the lateness.
    pub(super) fn finish(
        mut self,
        sequence: &[Step],
    ) -> (Requests, Histogram<u64>, Vec<FailedRequests>, Lateness) {
        self.by_request
            .resize_with(sequence.len(), || (0, histogram::empty()));
        let steps = sequence.iter().zip(&self.by_request);
        let by_request = steps.map(|(step, (failed, latency))| RequestOfSequence {
            name: step.name.clone(),
            ok: latency.len(),
            failed: *failed,
            latency_hdr: Some(histogram::encode(latency)),
        });
        let by_request: Vec<_> = by_request.collect();
        let requests = Requests {
            sent: self.sent,
            ok: self.latency.len(),
            failed: self.failed,
            dropped: self.dropped,
            late: self.late,
            wall_ns: self.last_answer_ns.saturating_sub(self.first_send_ns),
            latency_hdr: Some(histogram::encode(&self.latency)),
            series: self.windows.finish(),
            by_request: (by_request.len() > 1).then_some(by_request),
        };
        (requests, self.latency, self.failures, self.lateness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_counted_once() {
        let mut tally = Tally::default();
        for at in [10, 20, 30] {
            tally.send(at);
        }
        tally.send_planned(5, 5 + super::super::LATE_NS);
        tally.send_planned(6, 7 + super::super::LATE_NS);
        tally.drop_planned();
        tally.end(40, 30, Ok(()));
        tally.end(50, 30, Err("broken".into()));
        let (requests, latency, failures, lateness) = tally.finish(&[]);
        let counts = [
            requests.sent,
            requests.ok,
            requests.failed,
            requests.dropped,
            requests.late,
            requests.wall_ns,
        ];
        assert_eq!(counts, [5, 1, 1, 1, 1, 40]);
        assert_eq!(
            failures,
            [FailedRequests {
                failure: "broken".into(),
                count: 1
            }]
        );
        assert_eq!((latency.len(), lateness.sends.len()), (1, 2));
    }

    #[test]
    fn reasons_without_end_are_counted_together() {
        let mut tally = Tally::default();
        for n in 0..REASONS + 3 {
            tally.end(1, 1, Err(format!("reason {n}").into()));
        }
        tally.end(1, 1, Err("reason 1".into()));
        let (requests, _, failures, _) = tally.finish(&[]);
        assert_eq!(requests.failed, REASONS as u64 + 4);
        assert_eq!(
            (failures.len(), failures[1].count, failures[REASONS].count),
            (REASONS + 1, 2, 3)
        );
    }
}
