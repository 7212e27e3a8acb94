//! Phases: the named intervals that a start is made of.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The named interval between two neighbouring milestones of a start, in the order in which they
/// happen: first those seen from outside a process, then those of an engine that is embedded. A
/// start has phases of one kind only.
///
/// Which of them a start has depends on its configuration; one that it does not have is absent,
/// never zero.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Of a container: the order to pull its image → the engine's answer that it is there, fetched and
    /// unpacked.
    Pull,
    /// Of a container: the order to create it → the engine's answer that it is there.
    Create,
    /// Of a container: created → the first statement of its process, or the engine's answer that it
    /// has started where the process does not report it. Namespaces, mounts, the network, exec.
    Start,
    /// From outside: launch → exec.
    Spawn,
    /// Of a virtual machine: the monitor's exec → the guest's first instruction. The machine made, its image
    /// loaded, firmware if there is one.
    Vmm,
    /// Of a virtual machine: the guest's first instruction → it can allocate memory; of a Linux kernel, →
    /// its first program.
    Boot,
    /// Of an orchestrator's host: exec → it reports that it is ready for workloads.
    HostReady,
    /// Of an orchestrated workload: the order to start it → the answer that it runs. Pulling or
    /// finding its image, compiling, linking.
    Schedule,
    /// From outside: exec → the runtime opens the artifact; of a native program that listens, exec
    /// → listen; of a virtual machine's guest, booted → listen, or → the exec of its program.
    Init,
    /// From outside: the artifact opened → listen. Reading, compiling or loading code, linking. Of a program
    /// on a guest's kernel, exec → listen.
    Load,
    /// From outside: listen → the first connection accepted.
    Connect,
    /// From outside: accepted → the complete answer.
    Respond,
    /// From outside, of a command: the artifact opened (of a native program: exec) → its end.
    /// Loading, linking, running.
    Run,
    /// The parent's launch → the probe's first statement: fork, exec, dynamic linking.
    Process,
    /// The executor made that the engine's asynchronous calls run on. In runs before this phase was
    /// named, a part of `engine`; of an engine that has none, absent.
    AsyncRuntime,
    /// Configuration → engine ready. A pooling allocator reserves here.
    Engine,
    /// Of an embedded service: the host functions that most services take defined, before the artifact is
    /// opened. Elsewhere a part of `link`.
    Imports,
    /// The artifact's bytes in memory.
    Read,
    /// Bytes → executable code, compiled, with no cache.
    Compile,
    /// Bytes → executable code through the engine's cache, which did not have it: compiled and
    /// stored.
    CacheMiss,
    /// Bytes → executable code out of the engine's cache.
    CacheHit,
    /// Precompiled bytes in memory → executable code.
    Deserialize,
    /// A precompiled file, mapped → executable code.
    DeserializeFile,
    /// Bytes → a module to interpret: parsed and validated. Nothing is compiled.
    Validate,
    /// Host imports defined, pre-instantiation done.
    Link,
    /// Store and WASI context made.
    Store,
    /// An instance ready to be called.
    Instantiate,
    /// The first call → its complete answer.
    FirstRequest,
    /// What the guest does once its answer is complete, if it goes on: until it returns or is stopped.
    /// Comes after the start.
    AfterAnswer,
    /// The same call again, on the same instance. Comes after the start.
    SecondRequest,
    /// Instance and store dropped. Comes after the start.
    Teardown,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 31] = [
        Self::Pull,
        Self::Create,
        Self::Start,
        Self::Spawn,
        Self::Vmm,
        Self::Boot,
        Self::HostReady,
        Self::Schedule,
        Self::Init,
        Self::Load,
        Self::Connect,
        Self::Respond,
        Self::Run,
        Self::Process,
        Self::AsyncRuntime,
        Self::Engine,
        Self::Imports,
        Self::Read,
        Self::Compile,
        Self::CacheMiss,
        Self::CacheHit,
        Self::Deserialize,
        Self::DeserializeFile,
        Self::Validate,
        Self::Link,
        Self::Store,
        Self::Instantiate,
        Self::FirstRequest,
        Self::AfterAnswer,
        Self::SecondRequest,
        Self::Teardown,
    ];

    /// The name in records and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Create => "create",
            Self::Start => "start",
            Self::Spawn => "spawn",
            Self::Vmm => "vmm",
            Self::Boot => "boot",
            Self::HostReady => "host_ready",
            Self::Schedule => "schedule",
            Self::Init => "init",
            Self::Load => "load",
            Self::Connect => "connect",
            Self::Respond => "respond",
            Self::Run => "run",
            Self::Process => "process",
            Self::AsyncRuntime => "async_runtime",
            Self::Engine => "engine",
            Self::Imports => "imports",
            Self::Read => "read",
            Self::Compile => "compile",
            Self::CacheMiss => "cache_miss",
            Self::CacheHit => "cache_hit",
            Self::Deserialize => "deserialize",
            Self::DeserializeFile => "deserialize_file",
            Self::Validate => "validate",
            Self::Link => "link",
            Self::Store => "store",
            Self::Instantiate => "instantiate",
            Self::FirstRequest => "first_request",
            Self::AfterAnswer => "after_answer",
            Self::SecondRequest => "second_request",
            Self::Teardown => "teardown",
        }
    }

    /// Whether the phase is a part of the start: what comes after the first complete answer is not.
    pub const fn counts(self) -> bool {
        !matches!(
            self,
            Self::AfterAnswer | Self::SecondRequest | Self::Teardown
        )
    }

    /// Whether the phase is one of those that turn bytes into executable code.
    pub const fn acquires(self) -> bool {
        use Phase::{CacheHit, CacheMiss, Compile, Deserialize, DeserializeFile, Validate};
        matches!(
            self,
            Compile | CacheMiss | CacheHit | Deserialize | DeserializeFile | Validate
        )
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The time one phase took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseTime {
    /// Which phase.
    pub name: Phase,
    /// Nanoseconds on the monotonic clock.
    pub ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_record() {
        for phase in Phase::ALL {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
    }
}
