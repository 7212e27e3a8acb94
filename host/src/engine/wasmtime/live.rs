//! A guest that is linked, and a guest that lives: the two commands and the service behind one
//! face.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker as ComponentLinker};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, TypedFunc};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::{Command, CommandPre};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::guest::{self, Guest, MAX_ANSWER_BYTES};
use host_probe::spec::{Answered, Call, Cause, Failure, Spec, World};

/// A guest whose imports are all there.
pub enum Linked {
    /// A core module with `_start`.
    Module(InstancePre<Guest>),
    /// A component that exports `wasi:cli/run`.
    Command(CommandPre<Guest>),
    /// A component that exports `wasi:http/incoming-handler`.
    Service(ProxyPre<Guest>),
}

impl Linked {
    /// A core module with all of WASI preview 1: the `link` phase.
    ///
    /// # Errors
    /// The module wants what there is not.
    pub fn module(engine: &Engine, module: &Module) -> Result<Self, Failure> {
        Self::module_with(&module_linker(engine)?, module)
    }

    /// The pre-instantiation alone.
    ///
    /// # Errors
    /// The module wants what there is not.
    pub fn module_with(linker: &Linker<Guest>, module: &Module) -> Result<Self, Failure> {
        linker
            .instantiate_pre(module)
            .map(Self::Module)
            .map_err(|error| not_linked(&error))
    }

    /// A component with the host functions of its world: the `link` phase.
    ///
    /// # Errors
    /// The component wants what there is not, or exports nothing to call.
    pub fn component(engine: &Engine, component: &Component, spec: &Spec) -> Result<Self, Failure> {
        Self::component_with(&component_linker(engine, spec)?, component, spec)
    }

    /// The pre-instantiation alone.
    ///
    /// # Errors
    /// The component wants what there is not, or exports nothing to call.
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
    pub async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Live> {
        match self {
            Self::Module(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                instance.get_typed_func(store, "_start").map(Live::Module)
            }
            Self::Command(pre) => pre.instantiate_async(store).await.map(Live::Command),
            Self::Service(pre) => pre.instantiate_async(store).await.map(Live::Service),
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
        Ok(linker)
    };
    define().map_err(|error: wasmtime::Error| not_linked(&error))
}

fn not_linked(error: &wasmtime::Error) -> Failure {
    Failure::new(Cause::Artifact, format!("it cannot be linked: {error:#}"))
}

/// An instance that is ready to be called.
pub enum Live {
    /// A core module's `_start`.
    Module(TypedFunc<(), ()>),
    /// A component that exports `wasi:cli/run`.
    Command(Command),
    /// A component that exports `wasi:http/incoming-handler`.
    Service(Proxy),
}

impl Live {
    /// Asks, and calls `on_answer` at the instant at which the answer is complete. What the guest
    /// does after its answer is waited for, but is no part of it.
    ///
    /// # Errors
    /// The guest trapped, answered nothing, or reached one of its limits.
    pub async fn call(
        &self,
        store: &mut Store<Guest>,
        call: &Call,
        limit: Duration,
        on_answer: impl FnOnce(),
    ) -> Result<Answered, Failure> {
        // For a guest that waits in the host and runs no code that could be interrupted.
        match tokio::time::timeout(limit, self.ask(store, call, on_answer)).await {
            Ok(answer) => answer.map_err(|error| match error.downcast::<Failure>() {
                Ok(failure) => failure,
                Err(error) => guest::failure(&error, store),
            }),
            Err(_) => Err(Failure::new(
                Cause::TimeLimit,
                "the guest did not answer within its time limit",
            )),
        }
    }

    async fn ask(
        &self,
        store: &mut Store<Guest>,
        call: &Call,
        on_answer: impl FnOnce(),
    ) -> wasmtime::Result<Answered> {
        let exited = match (self, call) {
            (
                Self::Service(proxy),
                Call::Http {
                    method,
                    target,
                    body_hex,
                },
            ) => {
                let request = request(method, target, body_hex)?;
                return serve(proxy, store, request, on_answer).await;
            }
            (Self::Module(start), _) => start.call_async(&mut *store, ()).await.map(|()| Ok(())),
            (Self::Command(command), _) => command.wasi_cli_run().call_run(&mut *store).await,
            (Self::Service(_), Call::Run(_)) => {
                wasmtime::bail!("a service cannot be run like a command")
            }
        };
        on_answer();
        let code = match exited {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => error.downcast::<I32Exit>()?.0,
        };
        Ok(Answered {
            code: code.into(),
            body_hex: hex::encode(store.data().stdout.contents()),
        })
    }
}

/// A request as an HTTP server would hand it over. Made within the request's phase, as a server
/// parses within it.
fn request(
    method: &str,
    target: &str,
    body_hex: &str,
) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let body =
        hex::decode(body_hex).map_err(|error| Failure::new(Cause::Harness, error.to_string()))?;
    hyper::Request::builder()
        .method(method)
        .uri(target)
        .header(hyper::header::HOST, "localhost")
        .header(hyper::header::CONTENT_LENGTH, body.len())
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| {
            Failure::new(
                Cause::Harness,
                format!("`{method} {target}` is no request: {error}"),
            )
        })
}

type Head = Result<hyper::Response<HyperOutgoingBody>, ErrorCode>;

/// One request to a service. The guest runs and its answer is collected side by side, since a guest
/// may wait for room in the body that it writes.
async fn serve(
    proxy: &Proxy,
    store: &mut Store<Guest>,
    request: hyper::Request<Full<Bytes>>,
    on_answer: impl FnOnce(),
) -> wasmtime::Result<Answered> {
    let (sender, mut receiver) = oneshot::channel::<Head>();
    let request = store
        .data_mut()
        .http()
        .new_incoming_request(Scheme::Http, request)?;
    let outparam = store.data_mut().http().new_response_outparam(sender)?;
    let mut returned = false;
    let answer = {
        let mut guest = pin!(proxy.wasi_http_incoming_handler().call_handle(
            &mut *store,
            request,
            outparam
        ));
        let head = tokio::select! {
            biased;
            head = &mut receiver => head.ok(),
            done = &mut guest => {
                done?;
                returned = true;
                receiver.try_recv().ok()
            }
        };
        let answer = match head {
            None => Err(Failure::new(
                Cause::Guest,
                "the guest returned without an answer",
            )),
            Some(Err(code)) => Err(Failure::new(
                Cause::Guest,
                format!("the guest answered with the error {code:?}"),
            )),
            Some(Ok(response)) => {
                let mut answer = pin!(complete(response));
                loop {
                    tokio::select! {
                        biased;
                        answer = &mut answer => break answer,
                        done = &mut guest, if !returned => {
                            done?;
                            returned = true;
                        }
                    }
                }
            }
        };
        if answer.is_ok() {
            on_answer();
        }
        if !returned {
            guest.await?;
        }
        answer
    };
    answer.map_err(|mut failure| {
        failure.reason.push_str(&guest::said(store));
        wasmtime::Error::from(failure)
    })
}

/// Waits for the whole body.
async fn complete(response: hyper::Response<HyperOutgoingBody>) -> Result<Answered, Failure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| {
            Failure::new(
                Cause::Guest,
                format!("the guest's answer broke off or is too long: {error}"),
            )
        })?;
    Ok(Answered {
        code: head.status.as_u16().into(),
        body_hex: hex::encode(body.to_bytes()),
    })
}
