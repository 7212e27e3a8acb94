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

use super::instance::{Guest, Head, Instance, Pool};
use super::limits::{Bounded, InFlight, Limits};
use super::load::Loaded;
use super::options::Instances;

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
    /// Told when the guest's first answer was sent.
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
        let Some(place) = self.in_flight.enter(self.limits.concurrent) else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once");
        };
        if request.body().size_hint().lower() > self.limits.body_bytes {
            Bounded::discard(request.into_body()).await;
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request body is too large",
            );
        }
        if !names_its_host(&request) {
            return refusal(StatusCode::BAD_REQUEST, "the request names no host");
        }
        let exceeded = Arc::new(AtomicBool::new(false));
        let limit = self.limits.body_bytes;
        let request = request.map(|body| Bounded::new(body, limit, Arc::clone(&exceeded)));

        let (sender, mut receiver) = oneshot::channel();
        let service = Arc::clone(&self);
        // A task of its own: the guest goes on after the head of its answer.
        let mut guest = Guarded::new(
            tokio::spawn(async move {
                let _place = place;
                match tokio::time::timeout(service.limits.time, service.ask(request, sender)).await
                {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(unanswered(&error)),
                    Err(_) => Err(Unanswered::TimeLimit),
                }
            }),
            // A client that goes away ends an instance that was made for it; one that is kept has
            // others to serve.
            matches!(self.pool, Pool::PerRequest),
        );
        let mut returned = None;
        let head = tokio::select! {
            biased;
            head = &mut receiver => head.ok(),
            done = &mut guest.task => {
                returned = Some(done);
                receiver.try_recv().ok()
            }
        };
        let why = match (head, returned) {
            (Some(Ok(response)), _) => {
                guest.let_go();
                return response.map(|body| self.answer(body));
            }
            (Some(Err(code)), _) => {
                Unanswered::Failed(format!("the guest answered with the error {code:?}"))
            }
            (None, Some(done)) => why(done),
            (None, None) => why((&mut guest.task).await),
        };
        if exceeded.load(Ordering::Relaxed) {
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request body is too large",
            );
        }
        match why {
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

    /// Lets an instance answer.
    async fn ask(
        &self,
        request: Request<Bounded>,
        head: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()> {
        match &self.pool {
            Pool::PerRequest => self.instance().await?.answer(request, head).await,
            Pool::Reused(kept) => {
                let mut kept = kept.lock().await;
                // Taken out: an instance whose request is given up, for whatever reason, is not put
                // back.
                let mut instance = match kept.take() {
                    Some(instance) => instance,
                    None => self.instance().await?,
                };
                instance.answer(request, head).await?;
                *kept = Some(instance);
                Ok(())
            }
        }
    }

    async fn instance(&self) -> wasmtime::Result<Instance> {
        Instance::new(&self.engine, &self.guest, self.limits.memory_bytes).await
    }

    fn answer(self: &Arc<Self>, body: HyperOutgoingBody) -> Answer {
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

fn unanswered(error: &wasmtime::Error) -> Unanswered {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Unanswered::NoRoom;
    }
    Unanswered::Failed(format!("the guest failed: {}", error.root_cause()))
}

fn why(done: Result<Result<(), Unanswered>, tokio::task::JoinError>) -> Unanswered {
    match done {
        Ok(Err(why)) => why,
        Ok(Ok(())) => Unanswered::Failed("the guest returned without an answer".to_owned()),
        Err(error) => Unanswered::Failed(format!("the host failed: {error}")),
    }
}

fn refusal(status: StatusCode, reason: &'static str) -> Response<Answer> {
    let body = Full::new(Bytes::from_static(reason.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(Answer { body, first: None });
    *response.status_mut() = status;
    response
}

/// A task that ends with whoever waits for its result, if it is told to, until it is let go.
struct Guarded<T> {
    task: JoinHandle<T>,
    ends: bool,
}

impl<T> Guarded<T> {
    const fn new(task: JoinHandle<T>, ends: bool) -> Self {
        Self { task, ends }
    }

    fn let_go(&mut self) {
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

/// The body of an answer. The first of a guest tells when it is over.
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
            // Whoever is told runs after the task that sends: when the last bytes are with the
            // kernel.
            service.first_answer.notify_one();
        }
    }
}
