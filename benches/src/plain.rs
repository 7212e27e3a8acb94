//! The engine's API, used as plainly as its documentation shows: no limits, no time-outs, no
//! phases. What the harness adds to it is the difference.

use host::engine::wasmtime::Code;
use host::engine::wasmtime::guest::NoNetwork;
use host_probe::request::{Call, Kind};
use wasmtime::component::{Component, Linker as ComponentLinker, ResourceTable};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, TypedFunc};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{Compiled, Guest};

/// A guest that can be instantiated, on an engine with nothing configured.
pub struct Plain {
    engine: Engine,
    arguments: Vec<String>,
    pre: Pre,
}

enum Pre {
    Command(InstancePre<WasiP1Ctx>),
    Service(ProxyPre<Service>),
}

/// A store with an instance in it.
pub enum Instantiated {
    /// A command.
    Command(Store<WasiP1Ctx>, TypedFunc<(), ()>),
    /// A service.
    Service(Store<Service>, Proxy),
}

/// The data of a service's store.
pub struct Service {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    network: NoNetwork,
    table: ResourceTable,
}

impl WasiView for Service {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Service {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.network,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl Plain {
    /// An engine of its own, and the guest linked on it. The code is what [`Self::precompile`]
    /// made.
    ///
    /// # Panics
    /// The code is not the guest's.
    pub fn new(guest: &Guest, code: &[u8]) -> Self {
        let engine = Engine::default();
        let pre = match guest.kind() {
            Kind::Module => command(&engine, code).map(Pre::Command),
            Kind::Component => service(&engine, code).map(Pre::Service),
        };
        let arguments = match &guest.spec.call {
            Call::Run(arguments) => arguments.clone(),
            Call::Http { .. } => Vec::new(),
        };
        Self {
            engine,
            arguments,
            pre: pre.expect("the guests load and link"),
        }
    }

    /// The guest's code for such an engine.
    pub fn precompile(guest: &Guest) -> Vec<u8> {
        Compiled::compile(&Engine::default(), guest.kind(), guest.wasm.clone()).serialize()
    }

    /// Makes a store and an instance in it.
    ///
    /// # Panics
    /// The machine has no memory left for it.
    #[inline]
    pub async fn store_instantiate(&self) -> Instantiated {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(MemoryOutputPipe::new(1 << 24))
            .stderr(MemoryOutputPipe::new(1 << 24));
        match &self.pre {
            Pre::Command(pre) => {
                let mut store = Store::new(&self.engine, wasi.args(&self.arguments).build_p1());
                let instance = pre
                    .instantiate_async(&mut store)
                    .await
                    .expect("the guests can be instantiated");
                let start = instance
                    .get_typed_func(&mut store, "_start")
                    .expect("commands have it");
                Instantiated::Command(store, start)
            }
            Pre::Service(pre) => {
                let data = Service {
                    wasi: wasi.build(),
                    http: WasiHttpCtx::new(),
                    network: NoNetwork,
                    table: ResourceTable::new(),
                };
                let mut store = Store::new(&self.engine, data);
                let proxy = pre
                    .instantiate_async(&mut store)
                    .await
                    .expect("the guests can be instantiated");
                Instantiated::Service(store, proxy)
            }
        }
    }
}

fn command(engine: &Engine, code: &[u8]) -> wasmtime::Result<InstancePre<WasiP1Ctx>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |wasi| wasi)?;
    linker.instantiate_pre(&<Module as Code>::deserialize(engine, code)?)
}

fn service(engine: &Engine, code: &[u8]) -> wasmtime::Result<ProxyPre<Service>> {
    let mut linker = ComponentLinker::new(engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
    ProxyPre::new(linker.instantiate_pre(&<Component as Code>::deserialize(engine, code)?)?)
}
