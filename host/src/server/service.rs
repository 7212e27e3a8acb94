//! One request: from its head to the head of its answer, whatever the guest does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use host_probe::given::Given;
use hyper::body::{Body as _, Incoming};
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use results::values::Lifecycle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use wasmtime::{Engine, PoolConcurrencyLimitError};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::answer::{Ahead, Answer, last_refusal, refusal};
use super::body::{Bounded, Bounds, Fate, Fault, RequestBody};
use super::complaint::Complaint;
use super::head;
use super::instance::{Guest, Instance, Pool};
use super::limits::{InFlight, Permit};
use super::load::Loaded;
use super::reports::Reports;
use crate::cli::args::Limits;
use crate::engine::wasmtime::budget::{Budget, Charge, TotalReached};
use crate::engine::wasmtime::exchange::{Head, head_or_return};
use crate::engine::wasmtime::guest::{MemoryLimit, is_of_machine};

/// What all connections share.
pub(super) struct Service {
    engine: Engine,
    guest: ProxyPre<Guest>,
    pool: Pool,
    /// What each instance is given.
    given: Given,
    pub(super) limits: Limits,
    /// What instances and kept bodies may take together.
    budget: Arc<Budget>,
    in_flight: Arc<InFlight>,
    /// Where it listens: the host of requests that need not name one.
    address: HeaderValue,
    answered: AtomicBool,
    /// Notified when the guest's first answer was sent.
    pub(super) first_answer: Notify,
    /// When the last of the guest's first answer was handed over to be sent. Not when that was
    /// done: a client on the same core runs before this process does again.
    pub(super) first_answered_ns: AtomicU64,
    pub(super) reports: Reports,
}

/// Why a guest gave no answer.
enum Unanswered {
    TimeLimit,
    NoRoom,
    TotalReached,
    /// The machine has no more of something.
    Machine(String),
    Failed(String),
}

impl Service {
    pub(super) fn new(
        loaded: Loaded,
        instances: Lifecycle,
        given: Given,
        limits: Limits,
        address: SocketAddr,
    ) -> Self {
        let address = HeaderValue::from_str(&address.to_string());
        Self {
            engine: loaded.engine,
            guest: loaded.guest,
            pool: match instances {
                Lifecycle::PerRequest => Pool::PerRequest,
                Lifecycle::Reused => Pool::Reused(tokio::sync::Mutex::new(None)),
            },
            given,
            budget: Budget::new(limits.total_memory_bytes),
            limits,
            in_flight: Arc::default(),
            address: address.expect("an address is printable"),
            answered: AtomicBool::new(false),
            first_answer: Notify::new(),
            first_answered_ns: AtomicU64::new(0),
            reports: Reports::default(),
        }
    }

    /// Answers one request.
    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Answer> {
        let (mut head, body) = request.into_parts();
        if let Err((status, reason)) = head::check(&mut head, &self.address) {
            return last_refusal(status, reason);
        }
        if body.size_hint().lower() > self.limits.body_bytes {
            Bounded::discard(body).await;
            return faulty(Fault::TooLarge);
        }
        let fate = Fate::default();
        let bounds = Bounds {
            bytes: self.limits.body_bytes,
            time: self.limits.read_time,
        };
        let body = Bounded::new(body, bounds, fate.clone());
        let answered = self.admit(head, body).await;
        // Whatever a guest makes of a body that did not come: nobody asked for that.
        match (answered, fate.fault()) {
            (_, Some(fault)) => faulty(fault),
            (Ok(response), None) => response,
            (Err(unanswered), None) => self.refuse(unanswered),
        }
    }

    /// Lets a request in, and has a guest answer it.
    ///
    /// An instance that is kept is called when the whole request is there, and a request that is
    /// still to come takes nobody's place: a client that sends slowly, or not at all, waits for
    /// itself alone.
    async fn admit(
        self: &Arc<Self>,
        head: hyper::http::request::Parts,
        body: Bounded,
    ) -> Result<Response<Answer>, Unanswered> {
        let body = match self.pool {
            Pool::PerRequest => RequestBody::Streamed(body),
            Pool::Reused(_) => {
                let kept =
                    tokio::time::timeout(self.limits.time, body.keep(Charge::new(&self.budget)));
                match kept.await {
                    Ok(Ok(kept)) => kept,
                    // Its fate tells why.
                    Ok(Err(error)) => return Err(Unanswered::Failed(error.to_string())),
                    Err(_) => return Ok(faulty(Fault::TooSlow)),
                }
            }
        };
        let Some(permit) = self.in_flight.enter(self.limits.concurrent) else {
            return Ok(refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests at once",
            ));
        };
        self.answer(Request::from_parts(head, body), permit).await
    }

    /// The guest's answer, as soon as its head is there; that of an instance that is kept, as soon
    /// as it has returned.
    async fn answer(
        self: &Arc<Self>,
        request: Request<RequestBody>,
        permit: Permit,
    ) -> Result<Response<Answer>, Unanswered> {
        let (sender, mut receiver) = oneshot::channel();
        let mut guest = self.spawn_guest(request, permit, sender);
        let (head, returned) = head_or_return(&mut receiver, &mut guest.task).await;
        match (head, returned) {
            (Some(Ok(response)), returned) => {
                guest.detach();
                let (head, body) = response.into_parts();
                let mut body = Some(body);
                let ahead = match self.pool {
                    Pool::Reused(_) if returned.is_none() => {
                        let charge = Charge::new(&self.budget);
                        Ahead::take(charge, &mut body, &mut guest.task).await
                    }
                    _ => Ahead::nothing(),
                };
                Ok(Response::from_parts(head, self.answer_body(ahead, body)))
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
        request: Request<RequestBody>,
        permit: Permit,
        head: oneshot::Sender<Head>,
    ) -> Guarded<Result<String, Unanswered>> {
        let service = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _permit = permit;
            let handled =
                tokio::time::timeout(service.limits.time, service.call(request, head)).await;
            handled.unwrap_or(Err(Unanswered::TimeLimit))
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
            Unanswered::TotalReached => no_memory(),
            Unanswered::Machine(reason) => {
                self.reports.tell(&reason);
                refusal(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the machine has no room for an instance",
                )
            }
            Unanswered::Failed(reason) => {
                self.reports.tell(&reason);
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "the guest failed")
            }
        }
    }

    /// Calls an instance with the request. Returns what it said meanwhile, as a report quotes it: it
    /// may have returned without an answer.
    async fn call(
        &self,
        request: Request<RequestBody>,
        head: oneshot::Sender<Head>,
    ) -> Result<String, Unanswered> {
        match &self.pool {
            Pool::PerRequest => {
                let mut instance = self.instance().await?;
                let handled = instance.handle(request, head).await;
                ended(handled, instance.complaint())
            }
            Pool::Reused(kept) => {
                let mut kept = kept.lock().await;
                // Taken out: an instance whose request is given up, for whatever reason, is not put
                // back.
                let mut instance = match kept.take() {
                    Some(instance) => instance,
                    None => self.instance().await?,
                };
                let handled = instance.handle(request, head).await;
                let said = ended(handled, instance.complaint())?;
                *kept = Some(instance);
                Ok(said)
            }
        }
    }

    async fn instance(&self) -> Result<Instance, Unanswered> {
        let memory = MemoryLimit::of_total(self.limits.memory_bytes, &self.budget);
        let complaint = Complaint::default();
        let said = complaint.clone();
        Instance::new(&self.engine, &self.guest, memory, &self.given, complaint)
            .await
            .map_err(|error| classify(&error, &said.quote()))
    }

    fn answer_body(self: &Arc<Self>, ahead: Ahead, body: Option<HyperOutgoingBody>) -> Answer {
        let first = !self.answered.swap(true, Ordering::Relaxed);
        if first {
            // For an answer without a body, this is all.
            self.first_answered_ns
                .store(machine::clock::now_ns(), Ordering::Relaxed);
        }
        Answer::new(ahead, body, first.then(|| Arc::clone(self)))
    }
}

/// How a call of an instance came to its end, which `said` this meanwhile.
fn ended(handled: wasmtime::Result<()>, said: String) -> Result<String, Unanswered> {
    match handled {
        Ok(()) => Ok(said),
        Err(error) => Err(classify(&error, &said)),
    }
}

/// What is at fault where a guest fails that has `said` this.
fn classify(error: &wasmtime::Error, said: &str) -> Unanswered {
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Unanswered::NoRoom;
    }
    if error.downcast_ref::<TotalReached>().is_some() {
        return Unanswered::TotalReached;
    }
    if is_of_machine(error) {
        return Unanswered::Machine(format!(
            "the machine does not give what an instance needs: {}; {}",
            error.root_cause(),
            machine::limits::hint()
        ));
    }
    Unanswered::Failed(format!("the guest failed: {}{said}", error.root_cause()))
}

/// Why a guest that has returned gave no answer.
fn unanswered(returned: Result<Result<String, Unanswered>, tokio::task::JoinError>) -> Unanswered {
    match returned {
        Ok(Err(unanswered)) => unanswered,
        Ok(Ok(said)) => Unanswered::Failed(format!("the guest returned without an answer{said}")),
        Err(error) => Unanswered::Failed(format!("the host failed: {error}")),
    }
}

/// The answer to a request whose body did not come as it should. Nobody reports these: they are the
/// client's doing.
fn faulty(fault: Fault) -> Response<Answer> {
    match fault {
        Fault::TooLarge => refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the request body is too large",
        ),
        Fault::TooSlow => last_refusal(
            StatusCode::REQUEST_TIMEOUT,
            "the request body takes too long",
        ),
        Fault::NoRoom => no_memory(),
        Fault::BrokenOff => last_refusal(StatusCode::BAD_REQUEST, "the request body is broken off"),
    }
}

fn no_memory() -> Response<Answer> {
    refusal(
        StatusCode::SERVICE_UNAVAILABLE,
        "all requests together need too much memory",
    )
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
