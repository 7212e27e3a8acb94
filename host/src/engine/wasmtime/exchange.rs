//! One request to a service and its answer.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::guest::{self, Guest, MAX_ANSWER_BYTES};
use host_probe::report::{Answered, Cause, Failure};

/// What a guest answers before its body: a head, or an error.
pub(crate) type Head = Result<hyper::Response<HyperOutgoingBody>, ErrorCode>;

/// Waits for the head of a guest's answer, or until the guest returns, if that is earlier: the head
/// if there is one by then, and what the guest returned if it has.
pub(crate) async fn head_or_return<R>(
    head: &mut oneshot::Receiver<Head>,
    guest: &mut (impl Future<Output = R> + Unpin),
) -> (Option<Head>, Option<R>) {
    tokio::select! {
        biased;
        head = &mut *head => (head.ok(), None),
        returned = guest => (head.try_recv().ok(), Some(returned)),
    }
}

/// A request as an HTTP server would hand it over. Made within the request's phase, as a server
/// parses within it.
pub(super) fn request(
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

/// Lets a service handle a request. The guest runs and its answer is collected side by side, since
/// a guest may wait for room in the body that it writes.
pub(super) async fn handle(
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
    let answer = {
        let mut guest = pin!(proxy.wasi_http_incoming_handler().call_handle(
            &mut *store,
            request,
            outparam
        ));
        let (head, returned) = head_or_return(&mut receiver, &mut guest).await;
        let mut running = returned.is_none();
        returned.transpose()?;
        let answer = match head {
            None => Err(Failure::new(
                Cause::Guest,
                "the guest returned without an answer",
            )),
            Some(Err(code)) => Err(Failure::new(
                Cause::Guest,
                format!("the guest answered with the error {code:?}"),
            )),
            Some(Ok(response)) => collect_beside(response, &mut guest, &mut running).await?,
        };
        if answer.is_ok() {
            on_answer();
        }
        if running {
            guest.await?;
        }
        answer
    };
    answer.map_err(|mut failure| {
        failure.reason.push_str(&guest::quote_stderr(store));
        wasmtime::Error::from(failure)
    })
}

/// Collects an answer while its guest goes on `running`.
async fn collect_beside(
    response: hyper::Response<HyperOutgoingBody>,
    guest: &mut (impl Future<Output = wasmtime::Result<()>> + Unpin),
    running: &mut bool,
) -> wasmtime::Result<Result<Answered, Failure>> {
    let mut answer = pin!(collect(response));
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer),
            returned = &mut *guest, if *running => {
                returned?;
                *running = false;
            }
        }
    }
}

/// Waits for the whole body.
async fn collect(response: hyper::Response<HyperOutgoingBody>) -> Result<Answered, Failure> {
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
