//! The arguments of the commands whose own start is measured.
//!
//! They are described for `clap`, which prints their help, and parsed without it: building and
//! running that parser costs a fresh process 100–300 µs of page faults.

mod given;
mod parse;
mod values;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use campaign::duration::parse_seconds;
use clap::Args;
use host_probe::limits;
use host_probe::pool::PoolSettings;
use host_probe::settings::{Acquire, Allocator, Engine, Interrupt, Named as _};
use results::values::Lifecycle;

pub(crate) use self::given::{GivenArgs, hold_folder};
pub(crate) use self::parse::{parse_compile, parse_run, parse_serve};
use self::values::{
    parse_address, parse_bytes, parse_concurrency, parse_head_bytes, parse_mebibytes,
    parse_threads, possible,
};

/// The command line of `host serve`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ServeArgs {
    /// A wasi:http component, or what `host compile` made of one
    #[arg(long, value_name = "FILE")]
    pub(crate) artifact: PathBuf,
    /// Address to listen on; port 0 is any free port
    #[arg(long = "addr", value_name = "IP:PORT", value_parser = parse_address)]
    #[arg(default_value_t = ANY_PORT)]
    pub(crate) address: SocketAddr,
    /// Code acquisition mode [default: `compile`]; what `host compile` made is
    /// native code, which only `deserialize_file` and `deserialize` run
    #[arg(long, value_name = "MODE", value_parser = possible(Engine::Wasmtime.acquire_modes()))]
    pub(crate) acquire: Option<Acquire>,
    /// The engine's cache, for `cache_miss` and `cache_hit`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
    /// Where instances get their memory
    #[arg(long, value_name = "NAME", value_parser = possible(Allocator::ALL))]
    #[arg(default_value = Allocator::OnDemand.name())]
    pub(crate) allocator: Allocator,
    /// What the pool of `--allocator pooling` is given: `tuned`, with a place for each request at a
    /// time; `default`, the engine's own; or settings, such as `tuned,slots=16` [default: tuned]
    #[arg(long, value_name = "SETTINGS")]
    pub(crate) pool: Option<PoolSettings>,
    /// `epoch`: a guest that computes for long gives way to others, and its time is limited; `none`:
    /// its code checks nothing, and it keeps its thread until it ends by itself
    #[arg(long, value_name = "NAME", value_parser = possible(Interrupt::ALL))]
    #[arg(default_value = Interrupt::Epoch.name())]
    pub(crate) interrupt: Interrupt,
    /// `per-request`: each request gets an instance of its own; `reused`: one instance takes
    /// requests in turn and keeps its state
    #[arg(long, value_name = "NAME", value_parser = possible(Lifecycle::ALL))]
    #[arg(default_value = Lifecycle::PerRequest.name())]
    pub(crate) instances: Lifecycle,
    /// Threads that serve [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Limits of requests.
    #[command(flatten)]
    pub(crate) limits: Limits,
    /// What the guest is given.
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// After the first answer, write the milestones of the start there, as one line of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) milestones: Option<PathBuf>,
}

/// Any free port of the loopback interface.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What one request, and all of them together, may take.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Limits {
    /// Larger request bodies are answered 413
    #[arg(long = "max-body", value_name = "BYTES", value_parser = parse_bytes)]
    #[arg(default_value_t = Self::DEFAULT.body_bytes)]
    pub(crate) body_bytes: u64,
    /// Larger request heads are answered 431
    #[arg(long = "max-head", value_name = "BYTES", value_parser = parse_head_bytes)]
    #[arg(default_value_t = Self::DEFAULT.head_bytes)]
    pub(crate) head_bytes: usize,
    /// Requests beyond are answered 503
    #[arg(long = "max-concurrent", value_name = "N", value_parser = parse_concurrency)]
    #[arg(default_value_t = Self::DEFAULT.concurrent)]
    pub(crate) concurrent: usize,
    /// Requests that take longer are answered 504
    #[arg(long = "time-limit", value_name = "SECONDS", value_parser = parse_seconds)]
    #[arg(default_value = "30")]
    pub(crate) time: Duration,
    /// Connections whose client reads nothing of an answer for longer are closed
    #[arg(long = "write-limit", value_name = "SECONDS", value_parser = parse_seconds)]
    #[arg(default_value = "10")]
    pub(crate) write_time: Duration,
    /// Requests whose body stops coming for longer are answered 408
    #[arg(long = "read-limit", value_name = "SECONDS", value_parser = parse_seconds)]
    #[arg(default_value = "10")]
    pub(crate) read_time: Duration,
    /// Memory that one instance may use
    #[arg(long = "memory-limit", value_name = "MIB", value_parser = parse_mebibytes)]
    #[arg(default_value = "1024")]
    pub(crate) memory_bytes: u64,
    /// Memory that all instances and kept bodies may use together; requests that need more are
    /// answered 503 [default: half of what the machine, or the control group, has]
    #[arg(long = "total-memory", value_name = "MIB", value_parser = parse_mebibytes)]
    pub(crate) total_memory_bytes: Option<u64>,
}

impl Limits {
    const DEFAULT: Self = Self {
        // Room for what a service needs to see to refuse more than 1 MiB by itself.
        body_bytes: (1024 + 64) * 1024,
        head_bytes: 16 * 1024,
        concurrent: 512,
        time: limits::TIME,
        write_time: Duration::from_secs(10),
        read_time: Duration::from_secs(10),
        memory_bytes: limits::MEMORY_BYTES,
        total_memory_bytes: None,
    };

    /// The least that hyper can work with.
    const LEAST_HEAD_BYTES: usize = 8192;
}

/// The command line of `host run`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct RunArgs {
    /// The guest, or what `host compile` made of it
    #[arg(long, value_name = "FILE")]
    pub(crate) artifact: PathBuf,
    /// Code acquisition mode [default: `compile`]; what `host compile` made is
    /// native code, which only `deserialize_file` and `deserialize` run
    #[arg(long, value_name = "MODE", value_parser = possible(Engine::Wasmtime.acquire_modes()))]
    pub(crate) acquire: Option<Acquire>,
    /// The engine's cache, for `cache_miss` and `cache_hit`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,
    /// A guest that runs for longer is ended
    #[arg(long = "time-limit", value_name = "SECONDS", value_parser = parse_seconds)]
    #[arg(default_value = "30")]
    pub(crate) time: Duration,
    /// Memory that the guest may use
    #[arg(long = "memory-limit", value_name = "MIB", value_parser = parse_mebibytes)]
    #[arg(default_value = "1024")]
    pub(crate) memory_bytes: u64,
    /// What the guest is given.
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    /// Arguments of the guest
    #[arg(last = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
}

/// The command line of `host compile`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct CompileArgs {
    /// A component or a core module
    #[arg(long, value_name = "FILE")]
    pub(crate) artifact: PathBuf,
    /// Where the compiled code goes
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Where instances of it will get their memory
    #[arg(long, value_name = "NAME", value_parser = possible(Allocator::ALL))]
    #[arg(default_value = Allocator::OnDemand.name())]
    pub(crate) allocator: Allocator,
    /// Whether the code checks if its time is up [default: as the command that runs it: `epoch` for
    /// a service, `none` for a command, whose process is ended]
    #[arg(long, value_name = "NAME", value_parser = possible(Interrupt::ALL))]
    pub(crate) interrupt: Option<Interrupt>,
}

#[cfg(test)]
mod tests;
