//! The names of a record: systems, workloads, parameters and evidence.
//!
//! The sets of systems and workloads are open, since people bring their own. Parameters and
//! evidence that this version knows are values of an enumeration; what another version wrote is
//! kept as it stands, so that old and foreign runs still read.

mod checked;
mod file_name;

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::ops::{Deref, Index};
use std::os::unix::ffi::OsStrExt as _;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub(crate) use checked::read_checked;
pub use checked::{BadName, LONGEST, check};
use checked::{belongs, check_system, check_value};
pub use file_name::FileName;

use crate::digest::sha256_hex;

/// The most bytes of the name of an artifact that are in the name of its workload.
const LONGEST_OF_FILE: usize = 100;

/// The ending of a system's second name in an A/A control.
const TWIN: &str = "-aa";

/// Systems that had another name: the one before, and the one that it has now.
const RENAMED: [(&str, &str); 1] = [("native-portable", "native-soft-sha")];

macro_rules! open_name {
    ($(#[$doc:meta])* $type:ident, $check:expr, $current:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                $check(&name).map_err(serde::de::Error::custom)?;
                Ok(Self($current(name)))
            }
        }

        impl $type {
            /// The name as records write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $type {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self(name)
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                String::schema_name()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                String::json_schema(generator)
            }
        }
    };
}

open_name! {
    /// One way to run a workload, such as `wasmtime-embedded`, or the same under its second name in
    /// an A/A control, such as `wasmtime-embedded-aa`.
    System, check_system, current_system
}

open_name! {
    /// A program under test, such as `http-hello`.
    Workload, check, std::convert::identity
}

impl Workload {
    /// The workload of an artifact that a person brings: named as its file, as far as that is a name.
    ///
    /// What is not printable, and what parts or marks text, becomes a line; what is very long is cut off;
    /// a digest then keeps two such names apart.
    pub fn of_file(name: &OsStr) -> Self {
        let text = name.to_string_lossy();
        let mut kept = String::new();
        for character in text.chars() {
            let belongs = belongs(character) && character != char::REPLACEMENT_CHARACTER;
            kept.push(if belongs { character } else { '_' });
            if kept.len() >= LONGEST_OF_FILE {
                break;
            }
        }
        if kept != text || kept.is_empty() {
            let digest = sha256_hex(name.as_bytes());
            kept.push_str(&format!("-{}", &digest[..8]));
        }
        Self(kept)
    }
}

/// A system's name in a record, of this version or of one before, as it is now.
fn current_system(name: String) -> String {
    let system = System(name);
    let current = System::current_name(system.original_name());
    match (current == system.original_name(), system.is_twin()) {
        (true, _) => system.0,
        (false, false) => current.to_owned(),
        (false, true) => System::from(current).twin().0,
    }
}

impl System {
    /// The name that a system has now which had this one once: of all others, the name itself.
    pub fn current_name(name: &str) -> &str {
        let renamed = RENAMED.iter().find(|(before, _)| *before == name);
        renamed.map_or(name, |(_, now)| now)
    }

    /// The second name of this system, under which an A/A control measures it again.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self(format!("{}{TWIN}", self.original_name()))
    }

    /// Whether this is the second name of a system.
    pub fn is_twin(&self) -> bool {
        self.0.ends_with(TWIN)
    }

    /// The system's first name.
    pub fn original_name(&self) -> &str {
        self.0.strip_suffix(TWIN).unwrap_or(&self.0)
    }

    /// The system under its first name.
    #[must_use]
    pub fn original(&self) -> Self {
        Self(self.original_name().to_owned())
    }
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $type:ident: $($(#[doc = $text:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[doc = $text])+ $variant,)+
            /// A name that this version does not know.
            Other(Box<str>),
        }

        impl $type {
            /// All that this version knows, in the order of tables.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// What each of them means, for documents.
            pub const DESCRIPTIONS: &'static [(&'static str, &'static str)] =
                &[$(($name, concat!($($text),+))),+];

            /// The name as records write it.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self::from(name.as_str())
            }
        }

        impl From<&$type> for $type {
            fn from(name: &$type) -> Self {
                name.clone()
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.name() == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.name() == *other
            }
        }

        // Records keep their keys in alphabetical order.
        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.name().cmp(other.name())
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<'de, str>::deserialize(deserializer)?;
                check(&name).map_err(serde::de::Error::custom)?;
                Ok(Self::from(name.as_ref()))
            }
        }
    };
}

vocabulary! {
    /// A parameter of a cell. One without effect in a cell is absent from it.
    Param:
    /// How bytes become executable code.
    Acquire = "acquire",
    /// Where instances come from: `on_demand`, `pooling`.
    Allocator = "allocator",
    /// What a pool is given, where that is not the engine's own choice: `table_elements=30000`,
    /// `slots=16`, `memory_kept_bytes=65536`.
    PoolLimits = "pool_limits",
    /// How many instances a pool has room for at a time, where that is not the engine's own choice.
    PoolSlots = "pool_slots",
    /// How an instance's memory is initialised.
    MemoryInit = "memory_init",
    /// Which compiler.
    Compiler = "compiler",
    /// Whether compilation is parallel.
    CompileThreads = "compile_threads",
    /// How a running guest can be stopped.
    Interrupt = "interrupt",
    /// When the image that memories are mapped from is made: with the first instance (`lazy`, the
    /// engine's own), or before (`eager`).
    CowImage = "cow_image",
    /// When the engine prepares the thread: with the first call (`lazy`, the engine's own), or
    /// before (`eager`).
    ThreadInit = "thread_init",
    /// Address space of a memory: `4GiB` (the engine's own), or less, which has accesses checked and
    /// memories moved as they grow.
    MemoryReservation = "memory_reservation",
    /// Address space behind a memory that faults: `32MiB` (the engine's own), or less, which has more
    /// accesses checked.
    MemoryGuard = "memory_guard",
    /// Whether there is such address space before a memory too: `yes` (the engine's own), `no`.
    GuardBefore = "guard_before",
    /// Whether a memory that grows may move: `yes` (the engine's own), `no`.
    MemoryMayMove = "memory_may_move",
    /// Whether signals make traps: `yes` (the engine's own), or checks in the code, `no`.
    SignalTraps = "signal_traps",
    /// When a table's elements are filled in: when they are used (`lazy`, the engine's own), or when
    /// the instance is made (`eager`).
    TableInit = "table_init",
    /// What memories are mapped from where code is a file: that `file` (the engine's own), or a copy
    /// in memory (`memfd`).
    MemoryImageIn = "memory_image_in",
    /// Whether code has a map to addresses in Wasm: `yes` (the engine's own), `no`.
    AddressMap = "address_map",
    /// Whether code has information for unwinding: `yes` (the engine's own), `no`.
    UnwindInfo = "unwind_info",
    /// Whether components may do several things at once, as WASI 0.3 does: `no` (as this project
    /// builds the engine), `yes`.
    Concurrency = "concurrency",
    /// Whether the compiler keeps each function's code for later compilations: `no` (the engine's
    /// own), `yes`.
    IncrementalCompilation = "incremental_compilation",
    /// How registers are allocated: `backtracking` (the engine's own), `single_pass`.
    RegisterAllocator = "register_allocator",
    /// Whether functions are inlined across a module and between modules: `no` (the engine's own),
    /// `yes`.
    Inlining = "inlining",
    /// Whether compiled code in memory is `copied` (`deserialize`) or run where it is `given`
    /// (`deserialize_raw`).
    CodeMemory = "code_memory",
    /// Whether a file of compiled code is named by its `path` or handed over `open`.
    CodeFile = "code_file",
    /// Whether guests are called on a stack of their own (`fibre`), which can wait, or on the caller's
    /// (`direct`).
    Calls = "calls",
    /// What is in the page cache, where that is not what the scenario says: `hot`, `evicted`,
    /// `evicted-all`.
    PageCache = "page_cache",
    /// What takes the start apart: `none`, `seccomp`, `own`.
    Observer = "observer",
    /// Work that is left out of the start.
    Without = "without",
    /// On how many CPUs the system may start: `one`, the one that it has under load. Absent where it
    /// has all.
    Cpus = "cpus",
    /// Which of two builds that are measured against each other: `a`, `b`.
    Build = "build",
    /// Connections at once.
    Connections = "connections",
    /// Requests of a sample, where their number is given.
    Requests = "requests",
    /// For how many seconds requests of a sample are recorded, where that is given.
    DurationS = "duration_s",
    /// Whether the load is an open or a closed loop.
    Pace = "pace",
    /// At which part of the rate that the system was found to answer at most requests arrive: `50%`.
    Rate = "rate",
    /// Instances at once.
    Instances = "instances",
    /// How many requests an instance handles: `per-request`, `reused`. Of everything that takes
    /// requests after its start: a process is one instance for all of them.
    Lifecycle = "lifecycle",
    /// Firewall in front of the service: `off`, `baseline`, `rules:N`.
    Firewall = "firewall",
    /// Network path between client and service: `loopback`, `veth` (a pair of virtual devices, or what
    /// stands in for it where that cannot delay), `tun` (two TUN devices and a forwarder between them).
    Path = "path",
    /// How long each side of the path holds a packet back, in milliseconds.
    DelayMs = "delay_ms",
    /// By how much that varies either way, in milliseconds. Packets do not overtake each other.
    JitterMs = "jitter_ms",
    /// Rate of the path, in megabits a second.
    RateMbit = "rate_mbit",
    /// A container's network: `bridge`, `host`, `none`.
    Network = "network",
    /// State of the image: `pulled`, `cached`.
    Image = "image",
    /// How the registry is spoken to that an image is pulled from: `plain`, `tls`.
    Registry = "registry",
    /// Size of a further layer of the image that is pulled, below that of the workload. Absent where
    /// there is none.
    BaseLayer = "base_layer",
    /// State of an orchestrator's host: `new`, `running`.
    Host = "host",
    /// State of an orchestrator's infrastructure: `new`, or as it runs.
    Infrastructure = "infrastructure",
    /// State of an orchestrator's compiled code: `compiled`, `kept`.
    Code = "code",
    /// The pool that instances get their memory from: `none`, the engine's `default`, or `tuned`. Of
    /// an orchestrator's host, whether it has one: `on`, `off`.
    Pool = "pool",
    /// State of an engine of containers: `running`, or new.
    Engine = "engine",
    /// Whether each of many instances has answered a request: `yes`, `no`.
    Touched = "touched",
    /// When an interpreter translates functions into code of its own: when they are first called
    /// (`lazy_translation`, Wasmi's own), with the module (`eager`), or when they are first called and
    /// unvalidated until then (`lazy`).
    Translation = "translation",
    /// How a sandbox intercepts the system calls of what runs in it: `systrap`, `ptrace`.
    Platform = "platform",
    /// What a virtual machine runs: `unikernel`, where the workload is the kernel, or `linux`, where it is the
    /// native program on a Linux kernel.
    Guest = "guest",
    /// What executes a virtual machine's instructions: `hardware`, `interpreted-ring0` (KVM without hardware
    /// below it, which interprets kernels), `emulated` (a program).
    Virtualisation = "virtualisation",
}

vocabulary! {
    /// A piece of evidence that a sample was what its cell says, or a measurement beyond the
    /// phases. Times are in nanoseconds and sizes in bytes where the name says so.
    Evidence:
    /// Why a sample failed or was skipped, as [`crate::reason`] classifies it.
    ReasonKind = "reason_kind",
    /// What mends what a sample was skipped for.
    Remedy = "remedy",
    /// Which invocation of the run took the sample, from 0: an interrupted run that went on has
    /// several.
    Session = "session",
    /// Whether nothing else ran on the machine right before the sample. `false`: not within the time
    /// that it was held back.
    Quiet = "quiet",
    /// How long the sample was held back until nothing else ran on the machine.
    QuietWaitNs = "quiet_wait_ns",
    /// What the runtime's cache did: `hit`, `miss`, `none`.
    Cache = "cache",
    /// Whether the kernel mapped precompiled code into the process.
    CodeMapped = "code_mapped",
    /// Pages of the artifact's files in the page cache before the start.
    PagesResident = "pages_resident",
    /// Pages of the artifact's files.
    Pages = "pages",
    /// Where the service keeps its state.
    State = "state",
    /// Time until all instances were ready.
    ReadyNs = "ready_ns",
    /// Proportional set size over all instances.
    PssBytes = "pss_bytes",
    /// Memory that no other process shares, over all instances.
    PrivateBytes = "private_bytes",
    /// Memory that the machine had available before the first instance.
    AvailableBeforeBytes = "available_before_bytes",
    /// Memory that the machine had available with all instances.
    AvailableBytes = "available_bytes",
    /// Page tables of all instances.
    PageTablesBytes = "page_tables_bytes",
    /// Proportional set size of the shims of all instances, which is not in that of the instances: 0 where
    /// they have none.
    ShimPssBytes = "shim_pss_bytes",
    /// Proportional set size of what an engine keeps for all instances alike, its daemons: 0 where a system
    /// has no engine beside its instances.
    EnginePssBytes = "engine_pss_bytes",
    /// Time that the last instance took to start.
    StartLastNs = "start_last_ns",
    /// Whether there were more instances than cores.
    Oversubscribed = "oversubscribed",
    /// CPU time of the system during its load, the warm-up of the load included.
    LoadCpuNs = "load_cpu_ns",
    /// How many requests an instance handled, as two requests showed after the load:
    /// `per-request`, `reused`.
    Lifecycle = "lifecycle",
    /// The head of an answer of the service, with `NOW` in place of a date.
    AnswerHead = "answer_head",
    /// CPU time of the load generator.
    GeneratorCpuNs = "generator_cpu_ns",
    /// The core of the load generator.
    GeneratorCore = "generator_core",
    /// The core of the system under test.
    SystemCore = "system_core",
    /// Packets that a firewall's rules counted on the way to the service.
    FirewallPackets = "firewall_packets",
    /// The same, on the link to a container.
    FirewallPacketsToContainer = "firewall_packets_to_container",
    /// The same, on the link from a container.
    FirewallPacketsFromContainer = "firewall_packets_from_container",
    /// The same, between another network and a container whose address is translated.
    FirewallPacketsForwarded = "firewall_packets_forwarded",
    /// Packets that a firewall dropped.
    FirewallBlocked = "firewall_blocked",
    /// Rules of the firewall.
    FirewallRules = "firewall_rules",
    /// The network namespace of the service.
    NetworkNamespace = "network_namespace",
    /// Whether the kernel told that the port was listened on before anybody asked. Otherwise it was asked each
    /// `connect_period_ns`.
    ListeningHeard = "listening_heard",
    /// What carried packets between client and service, and held them back: `veth`, `netem`, `tun`.
    LinkMeans = "link_means",
    /// How long a packet took from one end to the other right after the link was made, before any
    /// sample: the median of both ways.
    LinkDelayNs = "link_delay_ns",
    /// Packets that the forwarder of a link handed over during the sample, in both directions. A large
    /// segment is one.
    LinkPackets = "link_packets",
    /// By how much the latest of them was handed over after it was due.
    LinkLateNs = "link_late_ns",
    /// The core of the forwarder; null if it may run on any.
    ForwarderCore = "forwarder_core",
    /// Whether the forwarder goes before every ordinary thread as soon as a packet is there.
    ForwarderFirst = "forwarder_first",
    /// Period between two attempts to connect.
    ConnectPeriodNs = "connect_period_ns",
    /// Resolution of the instant at which the service first answered.
    ConnectResolutionNs = "connect_resolution_ns",
    /// Attempts to connect before the first that succeeded.
    ConnectAttempts = "connect_attempts",
    /// Events that the observer saw.
    Events = "events",
    /// What became of a guest that did not return after its answer.
    AfterAnswer = "after_answer",
    /// Time of the second request.
    SecondRequest = "second_request",
    /// Time to clean up after the sample.
    CleaningNs = "cleaning_ns",
    /// Time to remove a container.
    RemovalNs = "removal_ns",
    /// Why a container could not be removed.
    RemovalFailed = "removal_failed",
    /// The engine's version.
    EngineVersion = "engine_version",
    /// The engine's major version, as it stands in the code that it compiled.
    EngineMajor = "engine_major",
    /// The target that code was compiled for.
    Target = "target",
    /// How much code was optimised when it was compiled.
    OptLevel = "opt_level",
    /// Whether code was compiled by the one-pass compiler.
    Winch = "winch",
    /// Whether compiled code checks the engine's epoch.
    EpochInterruption = "epoch_interruption",
    /// Whether compiled code expects its memory to be mapped copy-on-write.
    MemoryInitCow = "memory_init_cow",
    /// Levers that were found moved, with the positions that they were found in, where the engine's
    /// own records, the kernel or an address show it: `memory_guard=0,table_init=eager`.
    LeversMoved = "levers_moved",
    /// Levers that the engine was called with and answered without an error, and that nothing else
    /// shows: they are taken on its word.
    LeversOnWord = "levers_on_word",
    /// What linear memories were mapped from: `memfd`, `precompiled_file`, `none`.
    MemoryImage = "memory_image",
    /// Why nothing could be read from the compiled image.
    ImageUnreadable = "image_unreadable",
    /// Threads of the compiler's pool.
    CompilerThreads = "compiler_threads",
    /// Where instances came from: `on_demand`, `pooling`.
    Allocator = "allocator",
    /// What the pool that instances come from was set to, as its program was told, or from inside as the
    /// engine has it: its slots and its limits.
    PoolSettings = "pool_settings",
    /// Core instances that the pool held.
    PooledInstances = "pooled_instances",
    /// Memories that the pool held.
    PooledMemories = "pooled_memories",
    /// The host functions that the guest was linked with.
    World = "world",
    /// How the engine ran code: `aot`, `interpreter`, `jit`.
    RunMode = "run_mode",
    /// What the first request includes, where that is more than a call.
    FirstRequest = "first_request",
    /// Time from the first call until the guest listened.
    ListeningAfterNs = "listening_after_ns",
    /// Time from the first call until the client was connected.
    ConnectedAfterNs = "connected_after_ns",
    /// Digest of the precompiled code.
    CodeSha256 = "code_sha256",
    /// Time from the launch of the process until its end was seen.
    LifetimeNs = "lifetime_ns",
    /// Instances at once.
    Instances = "instances",
    /// Proportional set size before the first instance.
    BasePssBytes = "base_pss_bytes",
    /// Memory that no other process shared before the first instance.
    BasePrivateBytes = "base_private_bytes",
    /// Memory mappings of the process.
    Mappings = "mappings",
    /// What had died and was started again before the sample.
    BroughtBack = "brought_back",
    /// Whether a runtime was kept from seeing version 2 of control groups.
    CgroupV2Hidden = "cgroup_v2_hidden",
    /// Whether the kernel bounds what the system's programs may open and connect to.
    Confined = "confined",
    /// When a container was started, by its engine's wall clock.
    ContainerStartedAt = "container_started_at",
    /// Cores that the sample could use.
    Cores = "cores",
    /// Whether the engine of containers belongs to this program, and may be restarted.
    EngineIsOurs = "engine_is_ours",
    /// Whether the engine had not run a container since it was started.
    FirstContainerOfTheEngine = "first_container_of_the_engine",
    /// Workloads that an orchestrator's host had been given before.
    HostGivenBefore = "host_given_before",
    /// From the launch of a start to the launch of its orchestrator's host.
    HostLaunchedAtNs = "host_launched_at_ns",
    /// The image: its name, or how it was acquired.
    Image = "image",
    /// From the launch of a start until NATS was ready.
    NatsReadyAtNs = "nats_ready_at_ns",
    /// The version of NATS.
    NatsVersion = "nats_version",
    /// From the launch of a start until the registry was ready.
    RegistryReadyAtNs = "registry_ready_at_ns",
    /// Layers of the image that was pulled.
    ImageLayers = "image_layers",
    /// The bytes of these layers, compressed as they were pulled.
    ImageBytes = "image_bytes",
    /// The version of the registry.
    RegistryVersion = "registry_version",
    /// Costs of a service after 200 ms without a request.
    ResourcesAfterIdle = "resources_after_200_ms_idle",
    /// Costs of a service when it had answered first.
    ResourcesAtFirstAnswer = "resources_at_first_answer",
    /// How many times an orchestrator's host was asked until the workload ran.
    ScheduleAttempts = "schedule_attempts",
    /// Period between two of these.
    SchedulePeriodNs = "schedule_period_ns",
    /// Time that an engine took to answer the order to start.
    StartAnsweredNs = "start_answered_ns",
    /// Files of the system's own that were evicted.
    SystemFiles = "system_files",
    /// Those of them that others kept in the page cache.
    SystemFilesInUse = "system_files_in_use",
    /// Those of them of which the kernel does not tell this user what is in the page cache: whether
    /// they were cold shows in the page faults of the start alone.
    SystemFilesUnknown = "system_files_unknown",
    /// Pages of these files.
    SystemPages = "system_pages",
    /// Pages of these files in the page cache before the start; `null` where the kernel does not tell.
    SystemPagesResident = "system_pages_resident",
    /// Requests before those that were recorded, over all connections.
    WarmUp = "warm_up",
    /// The same, over each connection.
    WarmUpPerConnection = "warm_up_per_connection",
    /// How long requests went on before those that were recorded, until their rate was steady.
    WarmUpNs = "warm_up_ns",
    /// Whether their rate had become steady then; if not, the time for that was up.
    WarmUpSteady = "warm_up_steady",
    /// Right answers a second that the load generator reached on this machine against a server that
    /// does nothing, over as many connections.
    GeneratorLimitPerSecond = "generator_limit_per_second",
    /// How late the generator itself took notice of planned requests, at the median: its own delay,
    /// without waiting for a connection.
    GeneratorLateNs = "generator_late_ns",
    /// Right answers a second that the system was found to give at most, in a closed loop, once a run.
    CapacityPerSecond = "capacity_per_second",
    /// The rate at which requests were planned.
    PlannedPerSecond = "planned_per_second",
    /// The CPUs that the system could run on, as the kernel numbers them.
    Cpus = "cpus",
    /// Version of the engine whose own configuration a container was started with.
    BundleEngine = "bundle_engine",
    /// Digest of a container's configuration without what names this one container: layers with the
    /// same digest started the same container.
    BundleSha256 = "bundle_sha256",
    /// How the kernel filters system calls of a container's first process: 0 not, 2 by a filter.
    Seccomp = "seccomp",
    /// Whether a container's first process can gain no privileges by executing another program.
    NoNewPrivileges = "no_new_privileges",
    /// Capabilities that a container's first process has, in hexadecimal digits.
    Capabilities = "capabilities",
    /// The network namespace of the client, where that is not the machine's.
    ClientNamespace = "client_namespace",
    /// How requests under load came to a published port: `dnat`, by the kernel's translation of
    /// addresses, or `docker-proxy`, through the engine's proxy.
    ClientPath = "client_path",
    /// CPU time under load of what passes bytes on between client and container.
    PassingCpuNs = "passing_cpu_ns",
    /// Packets that a container's own network device received under load.
    ContainerPackets = "container_packets",
    /// When an interpreter translates functions into code of its own, as its engine says.
    Translation = "translation",
    /// What compiles, as the engine says: `cranelift`, `singlepass`.
    Compiler = "compiler",
    /// Parts of a container's configuration that its runtime took and did not apply: in these it is
    /// another container than the one with the same digest.
    ConfigurationNotApplied = "configuration_not_applied",
    /// Whether an engine of containers ran without root.
    Rootless = "rootless",
    /// What a virtual machine's guest had reached how long after the launch of its monitor, as it said over its
    /// serial port, by name.
    GuestMilestonesNs = "guest_milestones_ns",
    /// How long an instruction takes in ring 0 of a tiny guest under this machine's KVM.
    Ring0InstructionNs = "ring0_instruction_ns",
    /// How long it takes to leave ring 0 of such a guest and to come back.
    Ring0ExitNs = "ring0_exit_ns",
    /// How long an instruction takes in its ring 3.
    Ring3InstructionNs = "ring3_instruction_ns",
    /// The kernel of a virtual machine's guest that is not the workload itself: its release and its digest.
    GuestKernel = "guest_kernel",
    /// What the sample took beyond its start, from the end of the sample before to its own: writing that one
    /// down, preparing this one, waiting for quiet, looking, ending it and cleaning up.
    HarnessNs = "harness_ns",
    /// How often a system's own programs were put out of the page cache once more, since somebody had brought
    /// them back.
    EvictedAgain = "evicted_again",
}

/// What begins the names of evidence that holds the costs of one part of a system.
const PART: &str = "part_";

/// What begins the names of evidence that was gathered before any request under load.
const IDLE: &str = "idle_";

impl Evidence {
    /// Costs of one part of a system of several processes.
    pub fn part(name: &str) -> Self {
        Self::from(format!("{PART}{name}"))
    }

    /// The same evidence, gathered before any request under load.
    #[must_use]
    pub fn idle(&self) -> Self {
        Self::from(format!("{IDLE}{self}"))
    }

    /// The part whose costs this is, if it is one.
    pub fn as_part(&self) -> Option<&str> {
        self.name().strip_prefix(PART)
    }
}

macro_rules! map {
    ($(#[$doc:meta])* $type:ident, $key:ident => $value:ty, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize)]
        #[serde(transparent)]
        pub struct $type(BTreeMap<$key, $value>);

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read = BTreeMap::<$key, $value>::deserialize(deserializer)?;
                let checked: Result<(), BadName> = read.values().try_for_each($check);
                checked.map_err(serde::de::Error::custom)?;
                Ok(Self(read))
            }
        }

        impl $type {
            /// With nothing in it.
            pub const fn new() -> Self {
                Self(BTreeMap::new())
            }

            /// Whether nothing is in it.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// Whether there is a value for this key.
            pub fn contains_key(&self, key: impl Into<$key>) -> bool {
                self.0.contains_key(&key.into())
            }

            /// Sets a value, and returns the one before it.
            pub fn insert(&mut self, key: impl Into<$key>, value: impl Into<$value>) -> Option<$value> {
                self.0.insert(key.into(), value.into())
            }

            /// Takes a value out.
            pub fn remove(&mut self, key: impl Into<$key>) -> Option<$value> {
                self.0.remove(&key.into())
            }

            /// All of them, in the order of their names.
            pub fn iter(&self) -> impl Iterator<Item = (&$key, &$value)> {
                self.0.iter()
            }

            /// All keys, in the order of their names.
            pub fn keys(&self) -> impl Iterator<Item = &$key> {
                self.0.keys()
            }

            /// All values, in the order of their keys' names.
            pub fn values(&self) -> impl Iterator<Item = &$value> {
                self.0.values()
            }
        }

        impl<K: Into<$key>, V: Into<$value>> FromIterator<(K, V)> for $type {
            fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
                Self(values.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
            }
        }

        impl<K: Into<$key>, V: Into<$value>> Extend<(K, V)> for $type {
            fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, values: I) {
                self.0.extend(values.into_iter().map(|(key, value)| (key.into(), value.into())));
            }
        }

        impl<K: Into<$key>, V: Into<$value>, const N: usize> From<[(K, V); N]> for $type {
            fn from(values: [(K, V); N]) -> Self {
                values.into_iter().collect()
            }
        }

        impl $type {
            /// All values, to be changed in place.
            pub fn values_mut(&mut self) -> impl Iterator<Item = &mut $value> {
                self.0.values_mut()
            }
        }

        impl IntoIterator for $type {
            type Item = ($key, $value);
            type IntoIter = std::collections::btree_map::IntoIter<$key, $value>;

            fn into_iter(self) -> Self::IntoIter {
                self.0.into_iter()
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                BTreeMap::<String, $value>::schema_name()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                BTreeMap::<String, $value>::json_schema(generator)
            }
        }
    };
}

map! {
    /// The parameters of a cell.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    Params, Param => String, |value| check_value(value, |it| belongs(it) || it == '/')
}

map! {
    /// The evidence of a sample.
    Attested, Evidence => Value, |_| Ok(())
}

impl Param {
    /// What must be the same of two cells of a workload and a scenario for their systems to be
    /// compared.
    ///
    /// The order of a run rests on it too: what is compared with each other is measured next to each
    /// other. With a change here comes a new [`crate::manifest::Order`], unless it is a parameter at
    /// the end that no cell had before: cells without it keep their order.
    pub const CONDITIONS: [Self; 11] = [
        Self::Connections,
        Self::Instances,
        Self::Pace,
        Self::Rate,
        Self::PageCache,
        Self::Firewall,
        Self::Path,
        Self::DelayMs,
        Self::RateMbit,
        Self::Cpus,
        Self::JitterMs,
    ];
}

impl Params {
    /// The value of a parameter; nothing if it has no effect in the cell.
    pub fn get(&self, key: impl Into<Param>) -> Option<&str> {
        self.0.get(&key.into()).map(String::as_str)
    }

    /// Whether a parameter has this value.
    pub fn is(&self, key: impl Into<Param>, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    /// The parameters without these.
    #[must_use]
    pub fn without(&self, keys: &[Param]) -> Self {
        self.iter()
            .filter(|(key, _)| !keys.contains(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl<K: Into<Evidence>> Index<K> for Attested {
    type Output = Value;

    /// A piece of evidence; null if the sample has none of it.
    fn index(&self, key: K) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

impl Attested {
    /// A piece of evidence; nothing if the sample has none of it.
    pub fn get(&self, key: impl Into<Evidence>) -> Option<&Value> {
        self.0.get(&key.into())
    }

    /// A piece of evidence that is a whole number: a time, a size, a count.
    pub fn number(&self, key: impl Into<Evidence>) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    /// A piece of evidence in words.
    pub fn text(&self, key: impl Into<Evidence>) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_lead_back_and_unknown_ones_are_kept() {
        for param in Param::KNOWN {
            assert_eq!(&Param::from(param.name()), param);
        }
        for evidence in Evidence::KNOWN {
            assert_eq!(&Evidence::from(evidence.name()), evidence);
        }
        let text = r#"{"acquire":"compile","made_up":"1"}"#;
        let params: Params = serde_json::from_str(text).unwrap();
        assert_eq!(params.get(Param::Acquire), Some("compile"));
        assert_eq!(params.get("made_up"), Some("1"));
        assert_eq!(serde_json::to_string(&params).unwrap(), text);
    }

    #[test]
    fn what_would_act_as_something_else_than_a_name_is_none() {
        let read = |text: &str| serde_json::from_value::<Workload>(text.into());
        for bad in [
            "",
            "../../../../pwn/x",
            "a\u{1b}[31m",
            "a\nb",
            "a\u{202e}b",
            "[click](http://example.org)",
            "`code`",
            "a\"b",
            &"x".repeat(LONGEST + 1),
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("name"), "{bad:?}: {error}");
            assert!(error.chars().all(crate::text::is_printable), "{error:?}");
        }
        for good in [
            "my service.wasm",
            "x=y,z|w&50%_$~^{}#.wasm",
            "<b>",
            "größe",
            &"x".repeat(250),
        ] {
            assert_eq!(read(good).unwrap(), *good);
        }
        assert!(serde_json::from_str::<System>(r#""two words""#).is_err());
        assert!(serde_json::from_str::<Params>(r#"{"a":"\u001b"}"#).is_err());
        assert!(serde_json::from_str::<Params>(r#"{"a*b":"1"}"#).is_err());
        assert!(serde_json::from_str::<Params>(r#"{"a":"/x","b":""}"#).is_ok());
    }

    #[test]
    fn every_file_name_gives_a_workload_that_is_read_again() {
        use std::os::unix::ffi::OsStrExt as _;
        let of_file = |bytes: &[u8]| Workload::of_file(OsStr::from_bytes(bytes));
        assert_eq!(of_file(b"my service.wasm"), "my service.wasm");
        assert_eq!(of_file(b"<script>alert(1)<.wasm"), "<script>alert(1)<.wasm");
        let long = "x".repeat(250);
        let bad: [&[u8]; 6] = [
            b"a\tb",
            b"a\x1b[31mb",
            b"a\nb",
            b"\xff\xfe",
            b"a`b[c]*",
            long.as_bytes(),
        ];
        let mut names: Vec<_> = bad.iter().map(|bytes| of_file(bytes)).collect();
        for name in &names {
            assert_eq!(check(name), Ok(()), "{name}");
            assert!(name.len() <= LONGEST_OF_FILE + 12, "{name}");
        }
        names.extend([of_file(b"a_b"), of_file(b"a\x0bb")]);
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "two files have one name: {names:?}");
    }

    #[test]
    fn keys_are_written_in_alphabetical_order() {
        let params = Params::from([
            ("z", "1"),
            ("acquire", "2"),
            ("page_cache", "3"),
            ("b", "4"),
        ]);
        let text = serde_json::to_string(&params).unwrap();
        assert_eq!(text, r#"{"acquire":"2","b":"4","page_cache":"3","z":"1"}"#);
    }

    #[test]
    fn a_twin_is_a_second_name() {
        let native = System::from("native");
        let twin = native.twin();
        assert_eq!(twin, "native-aa");
        assert!(twin.is_twin() && !native.is_twin());
        assert_eq!((twin.original(), twin.twin()), (native, twin.clone()));
    }

    #[test]
    fn a_system_is_read_under_the_name_that_it_has_now() {
        let read = |name: &str| serde_json::from_value::<System>(name.into()).unwrap();
        assert_eq!(read("native-portable"), "native-soft-sha");
        assert_eq!(read("native-portable-aa"), "native-soft-sha-aa");
        assert_eq!(read("native-soft-sha"), "native-soft-sha");
        assert_eq!(read("native-aa"), "native-aa");
    }

    #[test]
    fn a_part_is_evidence_of_its_own() {
        assert_eq!(Evidence::part("nats").as_part(), Some("nats"));
        assert_eq!(Evidence::Cache.as_part(), None);
    }
}
