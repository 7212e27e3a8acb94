//! Samples put together for tests.

use findings::input::Run;
use findings::{Findings, Options};
use results::names::{Attested, Evidence, Params};
use results::noise::Noise;
use results::reason::SkipKind;
use results::record::{RequestOfSequence, Requests, Resources, Scenario, Series};
use results::{Cell, Outcome, Phase, PhaseTime, SCHEMA_VERSION, Sample};
use serde_json::Value;

/// A cell of the service, with these parameters.
pub(crate) fn cell(system: &str, scenario: Scenario, params: &[(&str, &str)]) -> Cell {
    Cell {
        system: system.into(),
        workload: "http-hello".into(),
        scenario,
        params: params.iter().copied().collect::<Params>(),
    }
}

/// A sample that is put together.
pub(crate) struct Builder(Sample);

impl Builder {
    /// A sample of a cell in a block, that counts and has nothing in it yet.
    pub(crate) fn new(cell: &Cell, block: u32) -> Self {
        Self(Sample {
            schema: SCHEMA_VERSION,
            run: "run".into(),
            order: 0,
            block,
            cell: cell.clone(),
            outcome: Outcome::Ok,
            reason: None,
            started_at: String::new(),
            total_ns: None,
            residual_ns: None,
            phases: Vec::new(),
            resources: Resources::default(),
            noise: Noise::default(),
            requests: None,
            artifact_sha256: None,
            attested: Attested::new(),
        })
    }

    /// When it began, by the wall clock.
    pub(crate) fn started_at(mut self, time: &str) -> Self {
        time.clone_into(&mut self.0.started_at);
        self
    }

    /// A start that took so long.
    pub(crate) fn total(mut self, ns: u64) -> Self {
        self.0.total_ns = Some(ns);
        self
    }

    /// A start in phases.
    pub(crate) fn phases(mut self, phases: &[(Phase, u64)]) -> Self {
        let phase = |(name, ns): &(Phase, u64)| PhaseTime {
            name: *name,
            ns: *ns,
        };
        self.0.phases = phases.iter().map(phase).collect();
        self.total(phases.iter().map(|(_, ns)| ns).sum())
    }

    /// So many right answers in a second.
    pub(crate) fn answers(mut self, ok: u64) -> Self {
        self.0.requests = Some(Requests {
            sent: ok,
            ok,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: 1_000_000_000,
            latency_hdr: None,
            series: None,
            by_request: None,
        });
        self
    }

    /// So many right answers in a second, each of this latency, and none later than another.
    pub(crate) fn load(mut self, ok: u64, latency_ns: u64, windows: &[u64]) -> Self {
        let mut histogram = results::latency::empty();
        (0..ok).for_each(|_| results::latency::count(&mut histogram, latency_ns));
        self = self.answers(ok);
        if let Some(requests) = &mut self.0.requests {
            requests.latency_hdr = Some(results::latency::encode(&histogram));
            requests.series = Some(Series {
                window_ns: 1_000_000_000 / windows.len() as u64,
                answers: windows.to_vec(),
                latency_sum_ns: windows.iter().map(|answers| answers * latency_ns).collect(),
            });
        }
        self
    }

    /// Of these the requests of a sequence: each with so many right answers of such a latency.
    pub(crate) fn by_request(mut self, each: &[(&str, u64, u64)]) -> Self {
        let request = |(name, ok, latency_ns): &(&str, u64, u64)| {
            let mut histogram = results::latency::empty();
            (0..*ok).for_each(|_| results::latency::count(&mut histogram, *latency_ns));
            RequestOfSequence {
                name: (*name).to_owned(),
                ok: *ok,
                failed: 0,
                latency_hdr: Some(results::latency::encode(&histogram)),
            }
        };
        if let Some(requests) = &mut self.0.requests {
            requests.by_request = Some(each.iter().map(request).collect());
        }
        self
    }

    /// A piece of evidence.
    pub(crate) fn attest(mut self, evidence: Evidence, value: impl Into<Value>) -> Self {
        self.0.attested.insert(evidence, value);
        self
    }

    /// So much memory.
    pub(crate) fn pss(mut self, bytes: u64) -> Self {
        self.0.attested.insert(Evidence::PssBytes, bytes);
        self.0.resources.pss_bytes = Some(bytes);
        self
    }

    /// It failed.
    pub(crate) fn failed(mut self, reason: &str) -> Self {
        self.0.outcome = Outcome::Failed;
        self.0.reason = Some(reason.to_owned());
        self
    }

    /// It was not begun, since others before it had failed.
    pub(crate) fn given_up(mut self) -> Self {
        self.0.outcome = Outcome::Skipped;
        self.0.reason = Some("given up: three in a row failed".to_owned());
        let kind = SkipKind::GaveUp.name();
        self.0.attested.insert(Evidence::ReasonKind, kind);
        self
    }

    /// The attempt before the one that succeeded began so long before it.
    pub(crate) fn gap(mut self, ns: u64) -> Self {
        self.0.attested.insert(Evidence::ConnectResolutionNs, ns);
        self
    }

    /// The system can never do what the cell asks.
    pub(crate) fn not_applicable(mut self, reason: &str) -> Self {
        self.0.outcome = Outcome::Skipped;
        self.0.reason = Some(reason.to_owned());
        let kind = SkipKind::NotApplicable.name();
        self.0.attested.insert(Evidence::ReasonKind, kind);
        self
    }

    /// The sample.
    pub(crate) fn build(self) -> Sample {
        self.0
    }
}

/// What is found in samples, in the order of their blocks.
pub(crate) fn findings(samples: Vec<Sample>) -> Findings {
    findings_about(samples, &[])
}

/// The same, with conditions that systems are to meet.
pub(crate) fn findings_about(mut samples: Vec<Sample>, objectives: &[&str]) -> Findings {
    samples.sort_by_key(|sample| sample.block);
    for (order, sample) in (0..).zip(&mut samples) {
        sample.order = order;
    }
    let objectives = objectives.iter().map(|it| (*it).to_owned()).collect();
    Findings::from_run(&Run::from_samples(None, &samples), Options { objectives })
}
