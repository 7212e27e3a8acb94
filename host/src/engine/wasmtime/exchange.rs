//! One request to a service and its answer.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use machine::clock::now_ns;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::called::{After, Called};
use super::deadline::{self, Then};
use super::guest::{self, Guest};
use host_probe::limits::{AFTER_ANSWER, OUTPUT_BYTES};
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
    headers: &[(String, String)],
    body_hex: &str,
) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let body =
        hex::decode(body_hex).map_err(|error| Failure::new(Cause::Harness, error.to_string()))?;
    let mut request = hyper::Request::builder().method(method).uri(target);
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        request = request.header(hyper::header::HOST, "localhost");
    }
    request = request.header(hyper::header::CONTENT_LENGTH, body.len());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(body))).map_err(|error| {
        Failure::new(
            Cause::Harness,
            format!("`{method} {target}` is no request: {error}"),
        )
    })
}

/// What the guest returned, if it has.
type Returned = Option<wasmtime::Result<()>>;

/// Lets a service handle a request within a time limit. The guest runs and its answer is collected
/// side by side, since a guest may wait for room in the body that it writes.
///
/// A complete answer is one, whatever its guest does afterwards: it may go on for a while, trap, or
/// never end.
pub(super) async fn handle(
    proxy: &Proxy,
    store: &mut Store<Guest>,
    (request, keeps_headers): (hyper::Request<Full<Bytes>>, bool),
    (limit, then): (Duration, Then),
    on_answer: impl FnOnce(Option<u64>),
) -> wasmtime::Result<Called> {
    let (sender, receiver) = oneshot::channel::<Head>();
    let request = store
        .data_mut()
        .http()
        .new_incoming_request(Scheme::Http, request)?;
    let outparam = store.data_mut().http().new_response_outparam(sender)?;
    let engine = store.engine().clone();
    let answered = {
        let mut guest = pin!(proxy.wasi_http_incoming_handler().call_handle(
            &mut *store,
            request,
            outparam
        ));
        let head_seen = Cell::new(false);
        let collecting = pin!(collect(receiver, &head_seen, keeps_headers));
        let mut answer = Watched::new(collecting);
        let both = beside(&mut answer, &head_seen, guest.as_mut());
        let (collected, returned) = tokio::time::timeout(limit, both)
            .await
            .unwrap_or_else(|_| (Some(Err(guest::out_of_time(""))), None));
        match (collected, returned) {
            (Some(Ok(answered)), Some(Ok(()))) => {
                on_answer(None);
                deadline::settle();
                Ok((answered, After::Returned))
            }
            (Some(Ok(answered)), returned) => {
                // The guest was interrupted for its answer to be seen, which was complete when the
                // last of it was handed over.
                on_answer(Some(answer.handed_over_ns().unwrap_or_else(now_ns)));
                let limit = AFTER_ANSWER.min(limit);
                deadline::arm(&engine, limit, then);
                let after = match returned {
                    Some(returned) => After::of(returned),
                    None => go_on(guest.as_mut(), limit).await,
                };
                Ok((answered, after))
            }
            (_, Some(Err(error))) => return Err(error),
            (Some(Err(failure)), _) => Err(failure),
            (None, _) => Err(Failure::new(
                Cause::Guest,
                "the guest returned without an answer",
            )),
        }
    };
    match answered {
        Ok((answered, after)) => Ok(Called { answered, after }),
        Err(mut failure) => {
            failure.reason.push_str(&guest::quote_stderr(store));
            Err(wasmtime::Error::from(failure))
        }
    }
}

/// Collects an answer while its guest runs: the answer, if there is one, and what the guest
/// returned, if it has by then.
async fn beside<A: Future<Output = Result<Answered, Failure>> + Unpin>(
    answer: &mut A,
    head_seen: &Cell<bool>,
    guest: Pin<&mut impl Future<Output = wasmtime::Result<()>>>,
) -> (Option<Result<Answered, Failure>>, Returned) {
    /// How long what a guest handed over before it failed may take to arrive.
    const ARRIVES: Duration = Duration::from_millis(100);
    let returned = tokio::select! {
        biased;
        answer = &mut *answer => return (Some(answer), None),
        returned = guest => returned,
    };
    let collected = match &returned {
        // What it handed over, it may have handed over in the very end.
        Ok(()) => {
            match std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *answer).poll(context)))
                .await
            {
                Poll::Ready(answer) => Some(answer),
                // A body may go on without its guest.
                Poll::Pending if head_seen.get() => Some(answer.await),
                Poll::Pending => None,
            }
        }
        Err(_) => tokio::time::timeout(ARRIVES, answer).await.ok(),
    };
    (collected, Some(returned))
}

/// Lets a guest whose answer is complete go on.
async fn go_on(
    guest: Pin<&mut impl Future<Output = wasmtime::Result<()>>>,
    limit: Duration,
) -> After {
    // For a guest that waits in the host and runs no code that could be interrupted.
    match tokio::time::timeout(limit, guest).await {
        Ok(returned) => After::of(returned),
        Err(_) => After::Stopped,
    }
}

/// Waits for the whole answer.
async fn collect(
    head: oneshot::Receiver<Head>,
    head_seen: &Cell<bool>,
    keeps_headers: bool,
) -> Result<Answered, Failure> {
    let head = head.await;
    head_seen.set(head.is_ok());
    let response = match head {
        Ok(Ok(response)) => response,
        Ok(Err(code)) => {
            return Err(Failure::new(
                Cause::Guest,
                format!("the guest answered with the error {code:?}"),
            ));
        }
        Err(_) => {
            return Err(Failure::new(
                Cause::Guest,
                "the guest returned without an answer",
            ));
        }
    };
    let (head, body) = response.into_parts();
    let body = Limited::new(body, OUTPUT_BYTES)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                let reason = host_probe::limits::too_much("answered");
                return Failure::new(Cause::OutputLimit, reason);
            }
            Failure::new(
                Cause::Guest,
                format!("the guest's answer broke off: {error}"),
            )
        })?;
    // Within the start, which does not pay for what nobody asks of.
    let headers = if keeps_headers {
        let text = |value: &hyper::header::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        let headers = head.headers.iter();
        headers
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect()
    } else {
        Vec::new()
    };
    Ok(Answered {
        code: head.status.as_u16().into(),
        body_hex: hex::encode(body.to_bytes()),
        headers,
    })
}

/// A future that remembers when something was last handed over to it. From the first time on, its
/// guest gives way now and then, so that it is polled.
struct Watched<F> {
    future: F,
    watch: Option<(Arc<Watch>, Waker)>,
}

struct Watch {
    task: Waker,
    handed_over_ns: AtomicU64,
}

impl<F> Watched<F> {
    const fn new(future: F) -> Self {
        Self {
            future,
            watch: None,
        }
    }

    fn handed_over_ns(&self) -> Option<u64> {
        let (watch, _) = self.watch.as_ref()?;
        let at_ns = watch.handed_over_ns.load(Ordering::Relaxed);
        (at_ns > 0).then_some(at_ns)
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.handed_over_ns.store(now_ns(), Ordering::Relaxed);
        deadline::give_way();
        self.task.wake_by_ref();
    }
}

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let (_, waker) = this.watch.get_or_insert_with(|| {
            let watch = Arc::new(Watch {
                task: context.waker().clone(),
                handed_over_ns: AtomicU64::new(0),
            });
            (Arc::clone(&watch), Waker::from(watch))
        });
        Pin::new(&mut this.future).poll(&mut Context::from_waker(waker))
    }
}
