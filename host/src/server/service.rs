//! One request: from its head to the head of its answer, whatever the guest does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response, StatusCode};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use wasmtime::{Engine, PoolConcurrencyLimitError};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::instance::{Guest, Instance, Pool};
use super::limits::{Bounded, InFlight, Permit};
use super::load::Loaded;
use crate::cli::args::{Instances, Limits};
use crate::engine::wasmtime::exchange::{Head, head_or_return};

/// Failures that are reported on standard error. More would only fill a disk.
const MOST_REPORTED: u32 = 100;

/// What all connections share.
pub(super) struct Service {
    engine: Engine,
    guest: ProxyPre<Guest>,
    pool: Pool,
    pub(super) limits: Limits,
    in_flight: Arc<InFlight>,
    answered: AtomicBool,
    /// Notified when the guest's first answer was sent.
    pub(super) first_answer: Notify,
    /// When the last of the guest's first answer was handed over to be sent. Not when that was
    /// done: a client on the same core runs before this process does again.
    pub(super) first_answered_ns: AtomicU64,
    reported: AtomicU32,
}

/// Why a guest gave no answer.
enum Unanswered {
    TimeLimit,
    NoRoom,
    Failed(String),
}

impl Service {
    pub(super) fn new(loaded: Loaded, instances: Instances, limits: Limits) -> Self {
        Self {
            engine: loaded.engine,
            guest: loaded.guest,
            pool: match instances {
                Instances::PerRequest => Pool::PerRequest,
                Instances::Reused => Pool::Reused(tokio::sync::Mutex::new(None)),
            },
            limits,
            in_flight: Arc::default(),
            answered: AtomicBool::new(false),
            first_answer: Notify::new(),
            first_answered_ns: AtomicU64::new(0),
            reported: AtomicU32::new(0),
        }
    }

    /// Answers one request.
    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Answer> {
        let Some(permit) = self.in_flight.enter(self.limits.concurrent) else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once");
        };
        let limit = self.limits.body_bytes;
        if request.body().size_hint().lower() > limit {
            Bounded::discard(request.into_body()).await;
            return body_too_large();
        }
        if !names_its_host(&request) {
            return refusal(StatusCode::BAD_REQUEST, "the request names no host");
        }
        let exceeded = Arc::new(AtomicBool::new(false));
        let request = request.map(|body| Bounded::new(body, limit, Arc::clone(&exceeded)));
        match self.answer(request, permit).await {
            Ok(response) => response,
            Err(_) if exceeded.load(Ordering::Relaxed) => body_too_large(),
            Err(unanswered) => self.refuse(unanswered),
        }
    }

    /// The guest's answer, as soon as its head is there.
    async fn answer(
        self: &Arc<Self>,
        request: Request<Bounded>,
        permit: Permit,
    ) -> Result<Response<Answer>, Unanswered> {
        let (sender, mut receiver) = oneshot::channel();
        let mut guest = self.spawn_guest(request, permit, sender);
        let (head, returned) = head_or_return(&mut receiver, &mut guest.task).await;
        match (head, returned) {
            (Some(Ok(response)), _) => {
                guest.detach();
                Ok(response.map(|body| self.answer_body(body)))
            }
            (Some(Err(code)), _) => Err(Unanswered::Failed(format!(
                "the guest answered with the error {code:?}"
            ))),
            (None, Some(returned)) => Err(unanswered(returned)),
            (None, None) => Err(unanswered((&mut guest.task).await)),
        }
    }

    /// Lets the guest handle a request in a task of its own: it goes on after the head of its
    /// answer.
    fn spawn_guest(
        self: &Arc<Self>,
        request: Request<Bounded>,
        permit: Permit,
        head: oneshot::Sender<Head>,
    ) -> Guarded<Result<(), Unanswered>> {
        let service = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _permit = permit;
            let handled =
                tokio::time::timeout(service.limits.time, service.call(request, head)).await;
            match handled {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(classify(&error)),
                Err(_) => Err(Unanswered::TimeLimit),
            }
        });
        // A client that goes away ends an instance that was made for it; one that is kept has
        // others to serve.
        Guarded::new(task, matches!(self.pool, Pool::PerRequest))
    }

    fn refuse(&self, unanswered: Unanswered) -> Response<Answer> {
        match unanswered {
            Unanswered::TimeLimit => {
                refusal(StatusCode::GATEWAY_TIMEOUT, "the guest took too long")
            }
            Unanswered::NoRoom => refusal(StatusCode::SERVICE_UNAVAILABLE, "no instance is free"),
            Unanswered::Failed(reason) => {
                self.report(&reason);
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "the guest failed")
            }
        }
    }

    /// Calls an instance with the request.
    async fn call(
        &self,
        request: Request<Bounded>,
        head: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()> {
        match &self.pool {
            Pool::PerRequest => self.instance().await?.handle(request, head).await,
            Pool::Reused(kept) => {
                let mut kept = kept.lock().await;
                // Taken out: an instance whose request is given up, for whatever reason, is not put
                // back.
                let mut instance = match kept.take() {
                    Some(instance) => instance,
                    None => self.instance().await?,
                };
                instance.handle(request, head).await?;
                *kept = Some(instance);
                Ok(())
            }
        }
    }

    async fn instance(&self) -> wasmtime::Result<Instance> {
        Instance::new(&self.engine, &self.guest, self.limits.memory_bytes).await
    }

    fn answer_body(self: &Arc<Self>, body: HyperOutgoingBody) -> Answer {
        let first = !self.answered.swap(true, Ordering::Relaxed);
        if first {
            // For an answer without a body, this is all.
            self.first_answered_ns
                .store(machine::clock::now_ns(), Ordering::Relaxed);
        }
        Answer {
            body,
            first: first.then(|| Arc::clone(self)),
        }
    }

    fn report(&self, reason: &str) {
        use std::io::Write as _;
        let before = self.reported.fetch_add(1, Ordering::Relaxed);
        if before < MOST_REPORTED {
            let last = if before + 1 == MOST_REPORTED {
                " (further failures are not reported)"
            } else {
                ""
            };
            let _ = writeln!(std::io::stderr(), "host serve: {reason}{last}");
        }
    }
}

fn names_its_host<B>(request: &Request<B>) -> bool {
    let header = || {
        request
            .headers()
            .get(hyper::header::HOST)
            .is_some_and(|host| host.to_str().is_ok())
    };
    request.uri().authority().is_some() || header()
}

fn classify(error: &wasmtime::Error) -> Unanswered {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Unanswered::NoRoom;
    }
    Unanswered::Failed(format!("the guest failed: {}", error.root_cause()))
}

/// Why a guest that has returned gave no answer.
fn unanswered(returned: Result<Result<(), Unanswered>, tokio::task::JoinError>) -> Unanswered {
    match returned {
        Ok(Err(unanswered)) => unanswered,
        Ok(Ok(())) => Unanswered::Failed("the guest returned without an answer".to_owned()),
        Err(error) => Unanswered::Failed(format!("the host failed: {error}")),
    }
}

fn body_too_large() -> Response<Answer> {
    refusal(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the request body is too large",
    )
}

fn refusal(status: StatusCode, reason: &'static str) -> Response<Answer> {
    let body = Full::new(Bytes::from_static(reason.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(Answer { body, first: None });
    *response.status_mut() = status;
    response
}

/// A task that ends with whoever waits for its result, if it is to, until it is detached.
struct Guarded<T> {
    task: JoinHandle<T>,
    ends: bool,
}

impl<T> Guarded<T> {
    const fn new(task: JoinHandle<T>, ends: bool) -> Self {
        Self { task, ends }
    }

    fn detach(&mut self) {
        self.ends = false;
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if self.ends {
            self.task.abort();
        }
    }
}

/// The body of an answer. The first of a guest notifies when it is over.
pub(super) struct Answer {
    body: HyperOutgoingBody,
    first: Option<Arc<Service>>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Some(service) = &self.first
            && frame.is_ready()
        {
            service
                .first_answered_ns
                .store(machine::clock::now_ns(), Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(service) = self.first.take() {
            // Whoever is notified runs after the task that sends: when the last bytes are with the
            // kernel.
            service.first_answer.notify_one();
        }
    }
}
