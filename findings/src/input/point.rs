//! A sample, without what the report does not look at: a hundred thousand of them must fit.

use results::noise::Disturbance;
use results::reason::SkipKind;
use results::record::Resources;
use results::{Attested, Evidence, Outcome, PhaseTime, Sample, text};

use super::Load;

/// Evidence that findings are made of.
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
    /// Page tables of all instances.
    PageTablesBytes,
    /// Proportional set size of shims.
    ShimPssBytes,
    /// Proportional set size of what an engine keeps for all instances.
    EnginePssBytes,
    /// Memory that the machine had available before.
    AvailableBeforeBytes,
    /// Memory that the machine had available with all instances.
    AvailableBytes,
    /// CPU time of the system during its load.
    LoadCpuNs,
    /// Requests of the load's warm-up.
    WarmUp,
    /// CPU time of the load generator.
    GeneratorCpuNs,
    /// Right answers a second that the load generator reached against a server that does nothing.
    GeneratorLimit,
    /// How late the load generator itself took notice of planned requests, at the median.
    GeneratorLateNs,
    /// 1 if the rate had become steady by the end of the warm-up, 0 if not.
    WarmUpSteady,
    /// Packets that a firewall's rules counted, on all links.
    FirewallPackets,
    /// From the attempt to connect before the successful one to that one.
    ConnectResolutionNs,
    /// What the sample took beyond its start.
    HarnessNs,
    /// How long of that it was held back until nothing else ran.
    QuietWaitNs,
}

impl Fact {
    const EVIDENCE: [(Self, &[Evidence]); 20] = [
        (Self::ReadyNs, &[Evidence::ReadyNs]),
        (Self::PrivateBytes, &[Evidence::PrivateBytes]),
        (Self::PssBytes, &[Evidence::PssBytes]),
        (Self::StartLastNs, &[Evidence::StartLastNs]),
        (Self::Oversubscribed, &[Evidence::Oversubscribed]),
        (Self::PageTablesBytes, &[Evidence::PageTablesBytes]),
        (Self::ShimPssBytes, &[Evidence::ShimPssBytes]),
        (Self::EnginePssBytes, &[Evidence::EnginePssBytes]),
        (
            Self::AvailableBeforeBytes,
            &[Evidence::AvailableBeforeBytes],
        ),
        (Self::AvailableBytes, &[Evidence::AvailableBytes]),
        (Self::LoadCpuNs, &[Evidence::LoadCpuNs]),
        (Self::WarmUp, &[Evidence::WarmUp]),
        (Self::GeneratorCpuNs, &[Evidence::GeneratorCpuNs]),
        (Self::GeneratorLimit, &[Evidence::GeneratorLimitPerSecond]),
        (Self::GeneratorLateNs, &[Evidence::GeneratorLateNs]),
        (Self::WarmUpSteady, &[Evidence::WarmUpSteady]),
        (Self::ConnectResolutionNs, &[Evidence::ConnectResolutionNs]),
        (Self::HarnessNs, &[Evidence::HarnessNs]),
        (Self::QuietWaitNs, &[Evidence::QuietWaitNs]),
        (
            Self::FirewallPackets,
            &[
                Evidence::FirewallPackets,
                Evidence::FirewallPacketsToContainer,
                Evidence::FirewallPacketsFromContainer,
                Evidence::FirewallPacketsForwarded,
            ],
        ),
    ];

    /// The sum of its evidence; nothing if there is none.
    fn read(evidence: &[Evidence], attested: &Attested) -> Option<f64> {
        let values = evidence.iter().filter_map(|key| {
            let value = attested.get(key)?;
            let yes_or_no = || value.as_bool().map(|yes| f64::from(u8::from(yes)));
            value.as_f64().or_else(yes_or_no)
        });
        values.reduce(|one, two| one + two)
    }
}

/// The CPUs of a sample's system. Older records say only the one core of a service under load.
fn cpus(attested: &Attested) -> Option<Box<[u64]>> {
    let listed = attested.get(Evidence::Cpus).and_then(|it| it.as_array());
    match listed {
        Some(listed) => listed.iter().map(serde_json::Value::as_u64).collect(),
        None => Some(Box::new([attested.number(Evidence::SystemCore)?])),
    }
}

/// Words of a record that are shown to people: whoever wrote them wrote a line.
fn shown(words: &str) -> Box<str> {
    text::line(words).into()
}

/// What one part of a system of several processes cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: Box<str>,
    /// CPU time since the sample began.
    pub cpu_ns: Option<u64>,
    /// Proportional set size.
    pub pss_bytes: Option<u64>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its place in the run's order.
    pub order: u64,
    /// The block that it was shuffled in.
    pub block: u32,
    /// Which invocation of the run took it. A block of a run that was interrupted may have samples of
    /// two of them, with a day between.
    pub session: u32,
    /// Its line in the ledger, from 1.
    pub line: u64,
    /// When it began, in milliseconds since 1970 by the wall clock; nothing if the record has no time.
    pub started_at_ms: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it did not end well.
    pub reason: Option<Box<str>>,
    /// Why it was skipped, if it was and its record says so.
    pub skip: Option<SkipKind>,
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
    /// Whether its record says what others did meanwhile: if not, that it does not count as noisy
    /// means nothing.
    pub noise_is_known: bool,
    /// Whether files of its system were to be cold, and the kernel did not tell whether they were.
    pub residency_unknown: bool,
    /// The digest of the artifact that it ran.
    pub artifact: Option<Box<str>>,
    /// Where what the service keeps lives, if its samples report it.
    pub keeps: Option<Box<str>>,
    /// What carried packets between client and service, if its record says.
    pub link_means: Option<Box<str>>,
    /// The CPUs that its system could use, if its record says.
    pub cpus: Option<Box<[u64]>>,
    /// What single parts of its system cost, where it has several.
    pub parts: Box<[Part]>,
    /// What its requests did.
    pub load: Option<Box<Load>>,
    facts: Box<[(Fact, f64)]>,
}

impl Point {
    /// From a record, which stood in this line.
    pub(crate) fn new(sample: Sample, line: u64, load: Option<Load>) -> Self {
        let facts = Fact::EVIDENCE
            .iter()
            .filter_map(|(fact, keys)| Some((*fact, Fact::read(keys, &sample.attested)?)))
            .collect();
        let parts = sample.attested.iter().filter_map(|(key, costs)| {
            let cost = |name: &str| costs.get(name)?.as_u64();
            Some(Part {
                name: key.as_part()?.into(),
                cpu_ns: cost("cpu_ns"),
                pss_bytes: cost("pss_bytes"),
            })
        });
        let parts = parts.collect();
        let skip = sample.skip_kind();
        let started_at = sample.started_at.parse::<jiff::Timestamp>();
        let session = sample.session();
        // What is timed under load is the wall time of its requests: without a total, that is what
        // pressure compares to.
        let timed = sample
            .total_ns
            .or_else(|| load.as_ref().map(|load| load.wall_ns));
        let disturbance =
            timed.map(|ns| sample.noise.disturbance(ns, sample.resources.core_wait_ns));
        let noisy = match disturbance {
            Some(Disturbance::By(what)) => Some(what),
            _ => sample.mark_unquiet(),
        };
        Self {
            order: sample.order,
            block: sample.block,
            session,
            line,
            started_at_ms: started_at.ok().map(jiff::Timestamp::as_millisecond),
            outcome: sample.outcome,
            reason: sample.reason.as_deref().map(shown),
            total_ns: sample.total_ns,
            residual_ns: sample.residual_ns,
            phases: sample.phases.into_boxed_slice(),
            resources: sample.resources,
            noisy,
            residency_unknown: sample.attested.contains_key(Evidence::SystemFilesUnknown),
            noise_is_known: disturbance != Some(Disturbance::Unknown),
            skip,
            parts,
            cpus: cpus(&sample.attested),
            link_means: sample.attested.text(Evidence::LinkMeans).map(shown),
            keeps: sample.attested.text(Evidence::State).map(shown),
            artifact: sample.artifact_sha256.as_deref().map(shown),
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
