//! Linking: the host functions of a guest, and what instances of it are made from.

use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{Engine, InstancePre, Linker, Module, Store};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use results::Param;

use super::guest::{Guest, engine_failure};
use super::instance::Instance;
use super::state;
use host_probe::report::{Cause, Failure};
use host_probe::request::{Call, Spec, World};

/// A guest whose imports are resolved: an instance can be made of it at any time.
pub enum PreInstance {
    /// A core module with `_start`.
    Module(InstancePre<Guest>),
    /// The same, to be called on the caller's own stack.
    Direct(InstancePre<Guest>),
    /// A component that exports `wasi:cli/run`.
    Command(CommandPre<Guest>),
    /// A component that exports `wasi:http/incoming-handler`.
    Service(ProxyPre<Guest>),
}

impl PreInstance {
    /// A core module with all of WASI preview 1: the `link` phase.
    ///
    /// # Errors
    /// The module imports what the host lacks.
    pub fn module(engine: &Engine, module: &Module, spec: &Spec) -> Result<Self, Failure> {
        if spec.settings.levers.is_moved(&Param::Calls) {
            let mut linker = Linker::new(engine);
            return wasmtime_wasi::p1::add_to_linker_sync(&mut linker, Guest::wasi)
                .and_then(|()| linker.instantiate_pre(module))
                .map(Self::Direct)
                .map_err(|error| not_linked(&error));
        }
        Self::module_with(&module_linker(engine)?, module)
    }

    /// The pre-instantiation alone.
    ///
    /// # Errors
    /// The module imports what the host lacks.
    pub fn module_with(linker: &Linker<Guest>, module: &Module) -> Result<Self, Failure> {
        linker
            .instantiate_pre(module)
            .map(Self::Module)
            .map_err(|error| not_linked(&error))
    }

    /// A component with the host functions of its world: the `link` phase.
    ///
    /// # Errors
    /// The component imports what the host lacks, or exports nothing to call.
    pub fn component(engine: &Engine, component: &Component, spec: &Spec) -> Result<Self, Failure> {
        Self::component_with(&component_linker(engine, spec)?, component, spec)
    }

    /// The pre-instantiation alone.
    ///
    /// # Errors
    /// The component imports what the host lacks, or exports nothing to call.
    pub fn component_with(
        linker: &ComponentLinker<Guest>,
        component: &Component,
        spec: &Spec,
    ) -> Result<Self, Failure> {
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| not_linked(&error))?;
        match spec.call {
            Call::Run(_) => CommandPre::new(pre).map(Self::Command),
            Call::Http { .. } => ProxyPre::new(pre).map(Self::Service),
        }
        .map_err(|error| not_linked(&error))
    }

    /// An instance in a store of its own: the `instantiate` phase.
    ///
    /// # Errors
    /// The engine's own, among them the limits of the store.
    pub async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        match self {
            Self::Module(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                instance
                    .get_typed_func(store, "_start")
                    .map(Instance::Module)
            }
            Self::Direct(pre) => {
                let instance = pre.instantiate(&mut *store)?;
                instance
                    .get_typed_func(store, "_start")
                    .map(Instance::Direct)
            }
            Self::Command(pre) => pre.instantiate_async(store).await.map(Instance::Command),
            Self::Service(pre) => pre.instantiate_async(store).await.map(Instance::Service),
        }
    }
}

/// The host functions of a core module.
///
/// # Errors
/// The engine's own.
pub fn module_linker(engine: &Engine) -> Result<Linker<Guest>, Failure> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, Guest::wasi)
        .map_err(|error| not_linked(&error))?;
    Ok(linker)
}

/// The host functions of a component's world.
///
/// # Errors
/// The engine's own.
pub fn component_linker(engine: &Engine, spec: &Spec) -> Result<ComponentLinker<Guest>, Failure> {
    let define = || {
        let mut linker = ComponentLinker::new(engine);
        if spec.world == World::Proxy {
            wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
        } else {
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
            wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        }
        state::add_to_linker(&mut linker, spec.given.interfaces)?;
        Ok(linker)
    };
    define().map_err(|error: wasmtime::Error| not_linked(&error))
}

fn not_linked(error: &wasmtime::Error) -> Failure {
    engine_failure(Cause::Artifact, "it cannot be linked", error)
}
