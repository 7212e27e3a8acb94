//! The resources of a guest: no files, no environment, no network, bounded memory; and what went
//! wrong in it.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Store, Trap};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{
    RequestOptions, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::budget::{Budget, Charge};
use host_probe::limits;
use host_probe::report::{Cause, Failure};
use host_probe::request::{Call, Spec};

/// The most that a guest may print or answer. More is refused, not cut: a cut answer would be a
/// wrong one.
pub(super) const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The last bytes of what a guest printed to its standard error that a failure quotes.
const QUOTED_BYTES: usize = 600;

/// The data of a store.
pub struct Guest {
    wasi: WasiP1Ctx,
    http: WasiHttpCtx,
    network: NoNetwork,
    /// How large its memories and tables may become.
    pub memory: MemoryLimit,
    pub(super) stdout: MemoryOutputPipe,
    stderr: MemoryOutputPipe,
}

impl Guest {
    /// The resources that `spec` gives a guest.
    pub fn new(spec: &Spec) -> Self {
        let (stdout, stderr) = (
            MemoryOutputPipe::new(MAX_ANSWER_BYTES),
            MemoryOutputPipe::new(MAX_ANSWER_BYTES),
        );
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(stdout.clone()).stderr(stderr.clone());
        if let Call::Run(arguments) = &spec.call {
            wasi.args(arguments);
        }
        let mut wasi = wasi.build_p1();
        bound_handles(wasi.ctx().table);
        Self {
            wasi,
            http: new_http(),
            network: NoNetwork,
            memory: MemoryLimit::new(spec.memory_limit_bytes),
            stdout,
            stderr,
        }
    }

    pub(super) fn wasi(&mut self) -> &mut WasiP1Ctx {
        &mut self.wasi
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
    refused: Option<u64>,
    /// What it takes of what all guests may take together, where there is such a bound.
    total: Option<Charge>,
}

impl MemoryLimit {
    /// An element of a table as the engine stores it, at the most.
    const ELEMENT_BYTES: usize = 16;

    pub(crate) const fn new(bytes: u64) -> Self {
        Self {
            bytes,
            used: 0,
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
    failure_of(error, &store.data().memory, &quote_stderr(store))
}

/// What went wrong in a guest with this limit, which `explained` itself so.
pub(crate) fn failure_of(
    error: &wasmtime::Error,
    memory: &MemoryLimit,
    explained: &str,
) -> Failure {
    if let Some(reached) = memory.reached() {
        return reached;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => out_of_time(),
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

/// The guest's time was up.
pub(crate) fn out_of_time() -> Failure {
    Failure::new(
        Cause::TimeLimit,
        "the guest did not answer within its time limit",
    )
}

/// The end of what the guest printed to its standard error, where a panic explains itself.
pub(super) fn quote_stderr(store: &Store<Guest>) -> String {
    let printed = store.data().stderr.contents();
    if printed.is_empty() {
        return String::new();
    }
    let tail = &printed[printed.len().saturating_sub(QUOTED_BYTES)..];
    format!(
        "; its standard error: {:?}",
        String::from_utf8_lossy(tail).trim()
    )
}
