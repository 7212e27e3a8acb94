//! An instance: the two kinds of commands and the service behind one interface.

use std::time::Duration;

use wasmtime::{Store, TypedFunc};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi_http::p2::bindings::Proxy;

use super::called::{After, Called};
use super::deadline::Then;
use super::exchange;
use super::guest::{self, Guest};
use host_probe::report::{Answered, Failure};
use host_probe::request::Call;

/// An instance that is ready to be called.
pub enum Instance {
    /// A core module's `_start`.
    Module(TypedFunc<(), ()>),
    /// The same, called on the caller's own stack.
    Direct(TypedFunc<(), ()>),
    /// A component that exports `wasi:cli/run`.
    Command(Command),
    /// A component that exports `wasi:http/incoming-handler`.
    Service(Proxy),
}

impl Instance {
    /// Calls the guest, and calls `on_answer` once the answer is complete: with the instant at which
    /// it was, if that is in the past already. What the guest does after its answer is limited, and
    /// is no part of it.
    ///
    /// # Errors
    /// The guest trapped, answered nothing, or reached one of its limits.
    pub async fn call(
        &self,
        store: &mut Store<Guest>,
        call: &Call,
        limit: (Duration, Then),
        on_answer: impl FnOnce(Option<u64>),
    ) -> Result<Called, Failure> {
        let called = match (self, call) {
            (
                Self::Service(proxy),
                Call::Http {
                    method,
                    target,
                    headers,
                    body_hex,
                    keeps_headers,
                },
            ) => {
                let request = exchange::request(method, target, headers, body_hex)?;
                let keeps_headers = *keeps_headers;
                exchange::handle(proxy, store, (request, keeps_headers), limit, on_answer).await
            }
            // For a guest that waits in the host and runs no code that could be interrupted.
            _ => match tokio::time::timeout(limit.0, self.run(store, on_answer)).await {
                Ok(called) => called,
                Err(_) => Err(guest::out_of_time(&guest::quote_stderr(store)).into()),
            },
        };
        called.map_err(|error| match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => guest::failure(&error, store),
        })
    }

    /// Runs a command to its end, which is its answer.
    async fn run(
        &self,
        store: &mut Store<Guest>,
        on_answer: impl FnOnce(Option<u64>),
    ) -> wasmtime::Result<Called> {
        let exited = match self {
            Self::Module(start) => start.call_async(&mut *store, ()).await.map(|()| Ok(())),
            Self::Direct(start) => start.call(&mut *store, ()).map(|()| Ok(())),
            Self::Command(command) => command.wasi_cli_run().call_run(&mut *store).await,
            Self::Service(_) => {
                wasmtime::bail!("a service cannot be run like a command")
            }
        };
        on_answer(None);
        let code = match exited {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => error.downcast::<I32Exit>()?.0,
        };
        let answered = Answered {
            code: code.into(),
            body_hex: hex::encode(store.data().stdout.contents()),
            headers: Vec::new(),
        };
        Ok(Called {
            answered,
            after: After::Returned,
        })
    }
}
