//! A sample, without what the report does not look at: a hundred thousand of them must fit.

use results::record::Resources;
use results::{Outcome, PhaseTime, Sample};

use super::Load;

/// Evidence that findings are made of, by its name in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Time until all instances were ready.
    ReadyNs,
    /// Memory that no other process shares, over all instances.
    PrivateBytes,
    /// Proportional set size, over all instances.
    PssBytes,
    /// Time that the last of the instances took to start.
    StartLastNs,
    /// 1 if there were more instances than cores.
    Oversubscribed,
}

impl Fact {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::ReadyNs, "ready_ns"),
        (Self::PrivateBytes, "private_bytes"),
        (Self::PssBytes, "pss_bytes"),
        (Self::StartLastNs, "start_last_ns"),
        (Self::Oversubscribed, "oversubscribed"),
    ];
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its place in the run's order.
    pub order: u64,
    /// The block that it was shuffled in.
    pub block: u32,
    /// Its line in the ledger, from 1.
    pub line: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it did not end well.
    pub reason: Option<Box<str>>,
    /// From the launch to the first complete answer.
    pub total_ns: Option<u64>,
    /// What is in no phase.
    pub residual_ns: Option<i64>,
    /// The phases, in order.
    pub phases: Box<[PhaseTime]>,
    /// What it cost.
    pub resources: Resources,
    /// Why it counts as noisy, if it does.
    pub noisy: Option<&'static str>,
    /// The digest of the artifact that it ran.
    pub artifact: Option<Box<str>>,
    /// Where what the service keeps lives, if it told.
    pub keeps: Option<Box<str>>,
    /// What its requests did.
    pub load: Option<Box<Load>>,
    facts: Box<[(Fact, f64)]>,
}

impl Point {
    /// From a record, which stood in this line.
    pub(crate) fn of(sample: Sample, line: u64, load: Option<Load>) -> Self {
        let value = |name: &str| {
            let value = sample.attested.get(name)?;
            value
                .as_f64()
                .or_else(|| value.as_bool().map(|yes| f64::from(u8::from(yes))))
        };
        let facts = Fact::NAMES
            .iter()
            .filter_map(|(fact, name)| Some((*fact, value(name)?)))
            .collect();
        // What is timed under load is the wall time of its requests: without a total, that is what
        // pressure compares to.
        let timed = sample
            .total_ns
            .or_else(|| load.as_ref().map(|load| load.wall_ns));
        Self {
            order: sample.order,
            block: sample.block,
            line,
            outcome: sample.outcome,
            reason: sample.reason.map(String::into_boxed_str),
            total_ns: sample.total_ns,
            residual_ns: sample.residual_ns,
            phases: sample.phases.into_boxed_slice(),
            resources: sample.resources,
            noisy: timed.and_then(|ns| sample.noise.mark(ns)),
            keeps: sample
                .attested
                .get("state")
                .and_then(|state| state.as_str())
                .map(Into::into),
            artifact: sample.artifact_sha256.map(String::into_boxed_str),
            load: load.map(Box::new),
            facts,
        }
    }

    /// Whether it counts.
    pub fn is_good(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// A piece of evidence, if there is it.
    pub fn fact(&self, fact: Fact) -> Option<f64> {
        self.facts
            .iter()
            .find(|(name, _)| *name == fact)
            .map(|(_, value)| *value)
    }

    /// The time of one phase.
    pub fn phase_ns(&self, name: results::Phase) -> Option<u64> {
        self.phases
            .iter()
            .find(|phase| phase.name == name)
            .map(|phase| phase.ns)
    }
}
