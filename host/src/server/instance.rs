//! An instance of the guest, and its resources: what it is given, no network, bounded memory.

use host_probe::given::{Given, Variable};
use host_probe::limits;
use hyper::Request;
use hyper::body::Body;
use tokio::sync::oneshot;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::complaint::Complaint;
use super::epoch::Running;
use crate::engine::wasmtime::exchange::Head;
use crate::engine::wasmtime::guest::{MemoryLimit, NoNetwork, bound_handles, give, new_http};
use crate::engine::wasmtime::state::Stateful;

/// The data of a store. What a guest prints to its standard output goes nowhere.
pub(super) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    network: NoNetwork,
    memory: MemoryLimit,
    config: Vec<Variable>,
}

impl Stateful for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    fn config(&self) -> &[Variable] {
        &self.config
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.network,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// An instance that is ready to be called.
pub(super) struct Instance {
    store: Store<Guest>,
    proxy: Proxy,
    complaint: Complaint,
}

impl Instance {
    /// An instance, which prints its `complaint` from the first of its start functions on.
    pub(super) async fn new(
        engine: &Engine,
        guest: &ProxyPre<Guest>,
        memory: MemoryLimit,
        given: &Given,
        complaint: Complaint,
    ) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtx::builder();
        wasi.stderr(complaint.clone());
        give(&mut wasi, given)?;
        let mut table = ResourceTable::new();
        bound_handles(&mut table);
        let data = Guest {
            wasi: wasi.build(),
            http: new_http(),
            table,
            network: NoNetwork,
            memory,
            config: given.config.clone(),
        };
        let mut store = Store::new(engine, data);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(limits::HOST_CALL_BYTES);
        store.set_epoch_deadline(1);
        // Tokio's own yield, and not the engine's: the engine's goes to the end of the queue of
        // tasks, and sockets are only looked at after 61 tasks, which with one endless loop would
        // be 61 turns.
        store.epoch_deadline_callback(|mut store| {
            // A guest that has the host keep much for it has to compute for that.
            let guest = store.data_mut();
            guest.memory.count_handles(guest.table.iter_mut().count())?;
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(tokio::task::yield_now()),
            ))
        });
        let running = Running::begin();
        let proxy = guest.instantiate_async(&mut store).await?;
        drop(running);
        Ok(Self {
            store,
            proxy,
            complaint,
        })
    }

    /// Hands over a request; the head of the answer goes to `head`, and its body through that while
    /// this runs.
    ///
    /// After an error, or when this was not run to its end, the instance is of no more use.
    pub(super) async fn handle<B>(
        &mut self,
        request: Request<B>,
        head: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()>
    where
        B: Body<Data = bytes::Bytes, Error = wasmtime_wasi_http::Error> + Send + 'static,
    {
        let request = self
            .store
            .data_mut()
            .http()
            .new_incoming_request(Scheme::Http, request)?;
        let out = self.store.data_mut().http().new_response_outparam(head)?;
        self.complaint.clear();
        // From here: an instance that is kept has a deadline that passed long ago.
        self.store.set_epoch_deadline(1);
        let _running = Running::begin();
        self.proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut self.store, request, out)
            .await
    }

    /// What it has said of the last request, as a report quotes it.
    pub(super) fn complaint(&self) -> String {
        self.complaint.quote()
    }
}

/// How instances meet requests.
pub(super) enum Pool {
    /// Each request gets its own.
    PerRequest,
    /// One takes them in turn: tokio's mutex is a fair queue. Empty before the first request, and
    /// after an instance went wrong.
    Reused(tokio::sync::Mutex<Option<Instance>>),
}
