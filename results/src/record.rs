//! One line of the ledger: the cell, the outcome, the phases, the costs and the evidence.

use std::fmt;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::names::{Attested, Evidence, Params, System, Workload};
use crate::noise::Noise;
use crate::phase::{Phase, PhaseTime};
use crate::scenario;
pub use crate::scenario::Scenario;

/// The unit of planning and of comparison: system × workload × scenario × parameters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Cell {
    /// One way to run a workload, such as `wasmtime-embedded`.
    pub system: System,
    /// The program under test, such as `http-hello`.
    pub workload: Workload,
    /// What is measured.
    pub scenario: Scenario,
    /// The configuration, by name. A parameter without effect in this cell is absent.
    pub params: Params,
}

impl<'de> Deserialize<'de> for Cell {
    /// Reads the names that scenarios had in older records too.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            system: System,
            workload: Workload,
            scenario: String,
            params: Params,
        }
        let Written {
            system,
            workload,
            scenario: name,
            params,
        } = Written::deserialize(deserializer)?;
        let (scenario, params) = scenario::read(&name, params)
            .ok_or_else(|| D::Error::unknown_variant(&name, scenario::NAMES))?;
        Ok(Self {
            system,
            workload,
            scenario,
            params,
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.system,
            self.workload,
            self.scenario.name()
        )?;
        self.params
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// How a sample ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Measured, the answer checked, the phases add up.
    Ok,
    /// Begun, and not usable: see `reason`.
    Failed,
    /// Not begun: see `reason`, which includes the remedy.
    Skipped,
}

/// What the start cost its process, from exec to the first complete answer. `null` is what could
/// not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    /// User and system CPU time of all threads.
    pub cpu_ns: Option<u64>,
    /// The high-water mark of resident memory; counts shared pages in full.
    pub max_rss_bytes: Option<u64>,
    /// Proportional set size, read after the last request and before the teardown.
    pub pss_bytes: Option<u64>,
    /// Page faults served without reading from a device.
    pub minor_faults: Option<u64>,
    /// Page faults that had to read from a device.
    pub major_faults: Option<u64>,
    /// Times the process gave up a core by itself.
    pub voluntary_switches: Option<u64>,
    /// Times a core was taken from the process.
    pub involuntary_switches: Option<u64>,
    /// Time that its threads were ready to run and waited for a core, added up. Of what has ended,
    /// that of its first thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_wait_ns: Option<u64>,
}

/// What the requests of a sample under load did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// Requests that went out.
    pub sent: u64,
    /// Answered, and the answer was right.
    pub ok: u64,
    /// Answered wrongly or not at all.
    pub failed: u64,
    /// Planned, and never sent.
    pub dropped: u64,
    /// Sent later than planned.
    pub late: u64,
    /// From the first send to the last answer.
    pub wall_ns: u64,
    /// All latencies: HDR histogram, V2, deflate, base64.
    pub latency_hdr: Option<String>,
    /// When they were answered, in windows; absent where it was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// What each request of a sequence did, in the order of the sequence; absent where all requests
    /// are the same one. They add up to `ok` and `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_request: Option<Vec<RequestOfSequence>>,
}

/// What one request of a sequence did, each time that it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestOfSequence {
    /// Its name: the one that it was given, or its method and path.
    pub name: String,
    /// Answered, and the answer was right.
    pub ok: u64,
    /// Answered wrongly or not at all.
    pub failed: u64,
    /// Its latencies: HDR histogram, V2, deflate, base64.
    pub latency_hdr: Option<String>,
}

/// Right answers over time, in windows of equal length from the first send on. A histogram keeps no
/// order: whether a load was steady is seen here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// The length of a window. The last one is shorter: it ends with the last answer.
    pub window_ns: u64,
    /// Right answers whose end lies in each window. They add up to `ok`.
    pub answers: Vec<u64>,
    /// The latencies of these answers, added up.
    pub latency_sum_ns: Vec<u64>,
}

/// One measurement of one cell, in its own process: one line of `samples.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// The version of this record: [`crate::SCHEMA_VERSION`].
    pub schema: u32,
    /// The run it belongs to.
    pub run: String,
    /// Its place in the run's order, from 0.
    pub order: u64,
    /// The block that it was shuffled in, from 0. Each block holds every cell once.
    pub block: u32,
    /// What was measured.
    pub cell: Cell,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it did not end well.
    pub reason: Option<String>,
    /// The wall clock at its beginning, RFC 3339 in UTC.
    pub started_at: String,
    /// From the launch to the first complete answer, timed on its own.
    pub total_ns: Option<u64>,
    /// `total_ns` less the phases that count into it; `null` if the start was not taken apart.
    pub residual_ns: Option<i64>,
    /// The phases, in order. Empty if the start was not taken apart.
    pub phases: Vec<PhaseTime>,
    /// What the start cost its process.
    pub resources: Resources,
    /// What went on around it.
    pub noise: Noise,
    /// The requests under load; `null` for a start.
    pub requests: Option<Requests>,
    /// The digest of the artifact.
    pub artifact_sha256: Option<String>,
    /// The evidence that the sample was what its cell says.
    pub attested: Attested,
}

impl Sample {
    /// Which invocation of its run took it, from 0. Samples of before this was recorded count as of
    /// the first.
    pub fn session(&self) -> u32 {
        let session = self.attested.number(Evidence::Session).unwrap_or(0);
        // Far beyond what can happen: a foreign record's.
        u32::try_from(session).unwrap_or(u32::MAX)
    }

    /// Why the sample counts as noisy although nothing was seen to disturb it, if so: something else
    /// ran right before it.
    pub fn mark_unquiet(&self) -> Option<&'static str> {
        (self.attested[Evidence::Quiet] == false).then_some("not_quiet")
    }

    /// The time of one phase, if the sample has it.
    pub fn phase_ns(&self, name: Phase) -> Option<u64> {
        self.phases
            .iter()
            .find(|phase| phase.name == name)
            .map(|phase| phase.ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_reads_as_a_line() {
        let cell = Cell {
            system: "wasmtime-embedded".into(),
            workload: "hello".into(),
            scenario: Scenario::WarmDisk,
            params: Params::from([("b", "2"), ("a", "1")]),
        };
        assert_eq!(
            cell.to_string(),
            "wasmtime-embedded hello warm-disk a=1 b=2"
        );
    }

    #[test]
    fn cells_of_old_records_are_read_under_their_new_names() {
        let cell = |scenario: &str| {
            serde_json::from_value::<Cell>(serde_json::json!({
                "system": "native", "workload": "hello", "scenario": scenario,
                "params": {"page_cache": "evicted-all"}
            }))
        };
        let old = cell("runtime-cold").unwrap();
        assert_eq!(old.to_string(), "native hello disk-cold");
        assert_eq!(
            cell("cold").unwrap().to_string(),
            "native hello code-cold page_cache=evicted-all"
        );
        let error = cell("tepid").unwrap_err().to_string();
        assert!(error.contains("unknown variant `tepid`") && error.contains("`disk-cold`"));
    }
}
