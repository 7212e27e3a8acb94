//! Facts of the machine, as a manifest keeps them. What could not be read is `null`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What results depend on and a reader cannot otherwise know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Model name of the first core.
    pub cpu_model: Option<String>,
    /// Microcode revision of the first core.
    pub microcode: Option<String>,
    /// Cores that this process may run on.
    pub cores: Option<u64>,
    /// Threads that share a core: `on`, `off`, `notsupported`, …
    pub smt: Option<String>,
    /// Memory of the machine.
    pub memory_bytes: Option<u64>,
    /// Swap space of the machine.
    pub swap_bytes: Option<u64>,
    /// Kernel release and version.
    pub kernel: Option<String>,
    /// Whether the processor reports a hypervisor.
    pub virtualised: Option<bool>,
    /// Frequency governor of the first core.
    pub governor: Option<String>,
    /// What `CLOCK_MONOTONIC` is read from.
    pub clock_source: Option<String>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: Option<String>,
    /// CPU vulnerabilities with a mitigation in force, as `name: mitigation`.
    pub mitigations: Vec<String>,
    /// Control groups: 1 or 2.
    pub cgroup_version: Option<u8>,
}
