//! An instance: the two kinds of commands and the service behind one interface.

use std::time::Duration;

use wasmtime::{Store, TypedFunc};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi_http::p2::bindings::Proxy;

use super::exchange;
use super::guest::{self, Guest};
use host_probe::report::{Answered, Failure};
use host_probe::request::Call;

/// An instance that is ready to be called.
pub enum Instance {
    /// A core module's `_start`.
    Module(TypedFunc<(), ()>),
    /// A component that exports `wasi:cli/run`.
    Command(Command),
    /// A component that exports `wasi:http/incoming-handler`.
    Service(Proxy),
}

impl Instance {
    /// Calls the guest, and calls `on_answer` at the instant at which the answer is complete. What
    /// the guest does after its answer is waited for, but is no part of it.
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
        match tokio::time::timeout(limit, self.call_unlimited(store, call, on_answer)).await {
            Ok(answer) => answer.map_err(|error| match error.downcast::<Failure>() {
                Ok(failure) => failure,
                Err(error) => guest::failure(&error, store),
            }),
            Err(_) => Err(guest::out_of_time()),
        }
    }

    async fn call_unlimited(
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
                let request = exchange::request(method, target, body_hex)?;
                return exchange::handle(proxy, store, request, on_answer).await;
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
