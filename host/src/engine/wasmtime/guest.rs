//! The resources of a guest: what it is given, no network, bounded memory; and what went wrong in
//! it.

use std::fs::File;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, Trap};
use wasmtime_wasi::cli::InputFile;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{
    RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::budget::{Budget, Charge};
use super::output::Output;
use super::state::Stateful;
use host_probe::given::{Given, Variable};
use host_probe::limits;
use host_probe::report::{Cause, Failure};
use host_probe::request::{Call, Spec};

/// The data of a store.
pub struct Guest {
    wasi: WasiP1Ctx,
    http: WasiHttpCtx,
    network: NoNetwork,
    /// How large its memories and tables may become.
    pub memory: MemoryLimit,
    pub(super) stdout: Output,
    stderr: Output,
    config: Vec<Variable>,
}

impl Guest {
    /// The resources that `spec` gives a guest.
    ///
    /// # Errors
    /// A folder or its standard input cannot be opened.
    pub fn new(spec: &Spec) -> Result<Self, Failure> {
        let (stdout, stderr) = (Output::new(), Output::new());
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(stdout.clone()).stderr(stderr.clone());
        give(&mut wasi, &spec.given)?;
        if let Call::Run(arguments) = &spec.call {
            wasi.args(arguments);
        }
        let mut wasi = wasi.build_p1();
        bound_handles(wasi.ctx().table);
        Ok(Self {
            wasi,
            http: new_http(),
            network: NoNetwork,
            memory: MemoryLimit::new(spec.memory_limit_bytes),
            stdout,
            stderr,
            config: spec.given.config.clone(),
        })
    }

    pub(super) fn wasi(&mut self) -> &mut WasiP1Ctx {
        &mut self.wasi
    }
}

/// Gives a guest what it is to have of this machine. Nothing for most of them, which pay nothing.
pub(crate) fn give(wasi: &mut WasiCtxBuilder, given: &Given) -> Result<(), Failure> {
    for Variable { name, value } in &given.environment {
        wasi.env(name, value);
    }
    for folder in &given.folders {
        let permissions = if folder.writable {
            FsPerms::ReadWrite
        } else {
            FsPerms::ReadOnly
        };
        wasi.preopened_dir(&folder.host, &folder.guest, permissions)
            .map_err(|error| {
                let what = format!("cannot open the folder {}", folder.host.display());
                engine_failure(Cause::Machine, &what, &error)
            })?;
    }
    if let Some(file) = &given.stdin {
        let file = File::open(file).map_err(|error| {
            let reason = format!("cannot read the standard input {}: {error}", file.display());
            Failure::new(Cause::Machine, reason)
        })?;
        wasi.stdin(InputFile::new(file));
    }
    Ok(())
}

impl Stateful for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        self.wasi.ctx().table
    }

    fn config(&self) -> &[Variable] {
        &self.config
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.network,
            table: self.wasi.ctx().table,
            ctx: &mut self.http,
        }
    }
}

/// Refuses every outgoing request, and keeps little of a body that nobody takes.
pub struct NoNetwork;

type Sent = Result<(hyper::Response<HyperOutgoingBody>, Transmitted), wasmtime_wasi_http::Error>;
type Transmitted = Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>;

impl WasiHttpHooks for NoNetwork {
    fn send_request(
        &mut self,
        _: hyper::Request<HyperOutgoingBody>,
        _: Option<RequestOptions>,
        _: Transmitted,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(std::future::ready(Err(
            wasmtime_wasi_http::Error::HttpRequestDenied,
        )))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        limits::BODY_CHUNK_BYTES
    }
}

/// Refuses to let a guest's memories and tables together grow beyond a limit, and to let it have
/// more of them than any guest needs; remembers that it did.
#[derive(Debug)]
pub struct MemoryLimit {
    bytes: u64,
    used: u64,
    /// Of that, what the host keeps for the guest.
    kept_by_host: u64,
    refused: Option<u64>,
    /// What it takes of what all guests may take together, where there is such a bound.
    total: Option<Charge>,
}

impl MemoryLimit {
    /// An element of a table as the engine stores it, at the most.
    const ELEMENT_BYTES: usize = 16;

    /// So many handles a request may have before they count: head, body and stream, both ways.
    const HANDLES_OF_A_REQUEST: usize = 16;

    pub(crate) const fn new(bytes: u64) -> Self {
        Self {
            bytes,
            used: 0,
            kept_by_host: 0,
            refused: None,
            total: None,
        }
    }

    /// The same for a guest that shares a budget with others.
    pub(crate) fn of_total(bytes: u64, budget: &Arc<Budget>) -> Self {
        Self {
            total: Some(Charge::new(budget)),
            ..Self::new(bytes)
        }
    }

    /// Counts what the host keeps for the guest, so many handles of it, as if each were as large as it may
    /// be: what one of them holds is known to the engine's host functions alone. Those that every request
    /// has are not counted.
    ///
    /// # Errors
    /// The limit is reached.
    pub(crate) fn count_handles(&mut self, handles: usize) -> wasmtime::Result<()> {
        let kept = handles.saturating_sub(Self::HANDLES_OF_A_REQUEST) * limits::HEADERS_BYTES;
        let (before, kept) = (self.kept_by_host, kept as u64);
        if kept > before {
            self.grow(usize::try_from(kept - before).unwrap_or(usize::MAX))?;
        } else {
            self.used -= before - kept;
            if let Some(total) = &mut self.total {
                total.shrink(before - kept);
            }
        }
        self.kept_by_host = kept;
        Ok(())
    }

    fn grow(&mut self, by_bytes: usize) -> wasmtime::Result<bool> {
        let by_bytes = by_bytes as u64;
        let requested = self.used.saturating_add(by_bytes);
        if requested > self.bytes {
            self.refused = Some(requested);
            // A trap and not a plain refusal: a guest that gets "no" may loop or answer
            // something else instead.
            wasmtime::bail!("the memory limit is reached");
        }
        if let Some(total) = &mut self.total {
            total.grow(by_bytes)?;
        }
        self.used = requested;
        Ok(true)
    }

    /// What went wrong, if it was that this limit was reached.
    pub(crate) fn reached(&self) -> Option<Failure> {
        let (requested, limit) = (self.refused?, self.bytes);
        Some(Failure::new(
            Cause::MemoryLimit,
            format!("the guest requested {requested} bytes of memory; the limit is {limit} bytes"),
        ))
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(
            desired
                .saturating_sub(current)
                .saturating_mul(Self::ELEMENT_BYTES),
        )
    }

    fn instances(&self) -> usize {
        limits::CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        limits::TABLES
    }

    fn memories(&self) -> usize {
        limits::MEMORIES
    }
}

/// What the host keeps for a guest, bounded.
pub(crate) fn bound_handles(table: &mut ResourceTable) {
    table.set_max_capacity(limits::HANDLES);
}

/// What the host keeps of a guest's headers, bounded.
pub(crate) fn new_http() -> WasiHttpCtx {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits::HEADERS_BYTES);
    http
}

/// What went wrong in a guest, and what is at fault.
pub(super) fn failure(error: &wasmtime::Error, store: &Store<Guest>) -> Failure {
    let memory = &store.data().memory;
    match (memory.reached(), too_much(store)) {
        (None, Some(too_much)) => too_much,
        _ => failure_of(error, memory, &quote_stderr(store)),
    }
}

/// What kept an instance from being made: a start function of the guest, a limit, the machine; or else
/// the artifact, whose exports are not what they are called.
pub(super) fn not_instantiated(error: &wasmtime::Error, store: &Store<Guest>) -> Failure {
    let failure = failure(error, store);
    let ran = error.is::<Trap>() || error.is::<I32Exit>();
    if failure.cause != Cause::Guest || ran {
        return failure;
    }
    engine_failure(Cause::Artifact, "it cannot be instantiated", error)
}

/// What went wrong in a guest with this limit, which `explained` itself so.
pub(crate) fn failure_of(
    error: &wasmtime::Error,
    memory: &MemoryLimit,
    explained: &str,
) -> Failure {
    if let Some(mut reached) = memory.reached() {
        reached.reason.push_str(explained);
        return reached;
    }
    if is_of_machine(error) {
        let what = "the machine does not give what the engine needs";
        return engine_failure(Cause::Machine, what, error);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => out_of_time(explained),
        Some(trap) => Failure::new(
            Cause::Guest,
            format!("the guest trapped: {trap}{explained}"),
        ),
        None => Failure::new(
            Cause::Guest,
            format!("the guest failed: {}{explained}", error.root_cause()),
        ),
    }
}

/// The failure of a guest that printed more than is kept, if it has.
pub(super) fn too_much(store: &Store<Guest>) -> Option<Failure> {
    let guest = store.data();
    let stream = [
        (&guest.stdout, "printed to its standard output"),
        (&guest.stderr, "printed to its standard error"),
    ];
    let (_, did) = stream.iter().find(|(stream, _)| stream.exceeded())?;
    Some(Failure::new(Cause::OutputLimit, limits::too_much(did)))
}

/// Whether an error is that the kernel has no more of something for the engine, and none of the
/// guest's doing: the host functions of a guest give it errors as values.
pub(crate) fn is_of_machine(error: &wasmtime::Error) -> bool {
    const EXHAUSTED: [i32; 5] = [
        libc::ENOMEM,
        libc::EAGAIN,
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOBUFS,
    ];
    let number = |cause: &(dyn std::error::Error + 'static)| {
        let of_rustix = cause.downcast_ref::<rustix::io::Errno>();
        let of_std = || cause.downcast_ref::<std::io::Error>()?.raw_os_error();
        of_rustix.map(|errno| errno.raw_os_error()).or_else(of_std)
    };
    error.chain().any(|cause| {
        number(cause).is_some_and(|number| EXHAUSTED.contains(&number))
            || cause.is::<wasmtime::error::OutOfMemory>()
    })
}

/// The failure of `what` by the engine's own error: the machine's, if it had too little, or else
/// that of `cause`.
pub(crate) fn engine_failure(cause: Cause, what: &str, error: &wasmtime::Error) -> Failure {
    let cause = if is_of_machine(error) {
        Cause::Machine
    } else {
        cause
    };
    Failure::new(cause, format!("{what}: {error:#}"))
}

/// The time of a guest was up, which `explained` itself so.
pub(crate) fn out_of_time(explained: &str) -> Failure {
    Failure::new(
        Cause::TimeLimit,
        format!("the guest did not answer within its time limit{explained}"),
    )
}

/// The end of what the guest printed to its standard error, where a panic explains itself.
pub(super) fn quote_stderr(store: &Store<Guest>) -> String {
    limits::quote(&store.data().stderr.contents())
}
