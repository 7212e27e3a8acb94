//! What went on around a sample: time stolen by the hypervisor, waiting for a core, load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Disturbances while one sample ran. `null` where the kernel does not report them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Noise {
    /// Time that the hypervisor gave to others, over all cores. Comes in the kernel's ticks of 10
    /// ms.
    pub steal_ns: Option<u64>,
    /// Time in which at least one task on the machine waited for a core (PSI `some`); the sample's
    /// own threads count.
    pub cpu_pressure_ns: Option<u64>,
    /// The one-minute load average when the sample ended.
    pub load1: Option<f64>,
}

impl Noise {
    /// Why the sample counts as noisy, if it does: time was stolen, or a task waited for a core for
    /// more than a tenth of `total_ns`. Noisy samples are marked in summaries and never dropped.
    pub fn mark(&self, total_ns: u64) -> Option<&'static str> {
        if self.steal_ns.is_some_and(|ns| ns > 0) {
            Some("steal")
        } else if self.cpu_pressure_ns.is_some_and(|ns| ns > total_ns / 10) {
            Some("cpu_pressure")
        } else {
            None
        }
    }
}
