//! A load generator for loopback.
//!
//! It sends one request again and again, or a sequence of them in order, over some connections, and
//! checks every answer:
//!
//! | pace | the next request follows | latency counts from |
//! |---|---|---|
//! | [`Pace::Closed`] | the answer to the one before, on each connection | the send |
//! | [`Pace::Open`] | a plan with a constant rate, whatever the system does | the planned instant |
//!
//! A closed loop finds how much a system can do. It says little about latency under a given load:
//! while the system is stalled it sends nothing, so one stall is one slow answer. An open loop goes
//! on planning, and each request that would have been sent meanwhile is as late as its client would
//! have found it.
//!
//! The generator is one thread. It can be kept on a core of its own, and reports
//! its CPU time: a load whose generator took its whole core was limited by the generator.

mod command;
mod connection;
mod knee;
mod limit;
mod pace;
mod report;
mod series;
mod steady;
mod tally;
mod target;
mod thread;
mod timeout;
mod timer;
mod warm_up;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use machine::clock::now_ns;
use machine::cores::Kept;
use results::record::Requests;
use workloads::target::Step;
use workloads::{Expectation, Request};

/// How latencies are kept, and which quantiles of them are stated.
pub use results::latency as histogram;

pub use command::{LoadArguments, LoadFormat, command};
pub use limit::generator_limit;
pub use tally::{FailedRequests, Lateness};
pub use target::Target;
pub use warm_up::WarmedUp;

use connection::PreparedRequest;
use pace::{Client, Counts, Due, Plan, Quota, Shared, take};
use target::is_of_this_machine;

/// A send that is later than planned by more than this is counted as late: 1 ms, in nanoseconds.
pub const LATE_NS: u64 = 1_000_000;

/// The highest rate of an open loop, in requests per second: some ten times what one thread can
/// send.
pub const MAX_PER_SECOND: f64 = 1_000_000.0;

/// How many requests go over each connection before those that count, in the classic suite.
pub const WARM_UP: u64 = 5;
/// How many requests count, in the classic suite.
pub const REQUESTS: u64 = 200;
/// How many connections there are, in the classic suite.
pub const CONNECTIONS: usize = 10;

/// A load: requests, their destinations, their pace and their number.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Where the system listens. On this machine; see [`run`].
    pub address: SocketAddr,
    /// The `Host` header.
    pub host: String,
    /// More targets of the same requests, each over as many connections: instances of one
    /// system. Requests are counted together, and each goes wherever a connection is free.
    pub also: Vec<super::readiness::Target>,
    /// The request.
    pub request: Request,
    /// What each answer must be. Without a body, any body will do, as for a workload that counts.
    pub expected: Expectation,
    /// What goes over each connection in order, again and again, in place of `request`; nothing where
    /// it is always that. Where a request fails, its connection begins anew with the first.
    pub sequence: Vec<Step>,
    /// Who decides when the next request goes out.
    pub pace: Pace,
    /// How many connections there are: at most as many requests are under way.
    pub connections: usize,
    /// Whether connections are kept for further requests. If not, each request opens its own, with
    /// `Connection: close`, and its latency includes that; the connection is then reset rather than
    /// shut, so that no port has to rest for a minute.
    ///
    /// Kept connections are opened before the clock starts. One that breaks, or that the system
    /// closes, is opened again by the request that needs it, within its latency.
    pub keep_alive: bool,
    /// How many requests go over each connection first, in a closed loop, and are not recorded:
    /// what is the first request of a connection for the system is none that counts.
    pub warm_up: u64,
    /// How long at most requests go on after these, in a closed loop, until their rate is steady:
    /// neither are they recorded. `None` if they are to go on for no time.
    pub until_steady: Option<Duration>,
    /// How many requests there are.
    pub amount: Amount,
    /// How long an answer may take, from the send: after that the request has failed. In an open
    /// loop it is also how long a request may wait for a free connection: after that it is dropped,
    /// for nobody waits for it any more. So no more requests than the rate times this time ever
    /// wait.
    pub timeout: Duration,
    /// The core that the generator is kept on; anywhere if `None`.
    pub core: Option<usize>,
}

/// Who decides when the next request goes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Each connection sends its next request after the answer to the one before.
    Closed,
    /// A plan does: the `n`th request is due `n` periods after the start. If no connection is free
    /// then, it waits.
    Open {
        /// The rate, in requests per second.
        per_second: f64,
    },
}

impl Pace {
    /// The name in cells.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
        }
    }
}

/// How many requests there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This many requests.
    Requests(u64),
    /// Whatever a closed loop begins, or an open one plans, within this time. What was begun is
    /// brought to its end.
    Time(Duration),
}

/// What came of a load.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The counts, with the latencies as text.
    pub requests: Requests,
    /// The latencies of right answers in nanoseconds. What failed is not in it.
    pub latency: Histogram<u64>,
    /// How far behind its plan an open loop was; `None` for a closed one.
    pub lateness: Option<Lateness>,
    /// CPU time of the generator while the load went on.
    pub cpu_ns: u64,
    /// The time in which it took that: the sends with what is done before the first and after the
    /// last answer, which is most of a load of a few requests.
    pub generator_ns: u64,
    /// How long an open loop's plan is, a period for each request; `None` for a closed one.
    pub planned_ns: Option<u64>,
    /// Why requests failed, in the order in which reasons came up; if none did, those of the warm-up.
    /// The ninth and later reasons are one.
    pub failures: Vec<FailedRequests>,
    /// How many requests the warm-up had, over all connections, until the rate was steady.
    pub warm_up: u64,
    /// How it went until the rate was steady; `None` where it was not to be.
    pub warmed_up: Option<WarmedUp>,
    /// How many of them failed. They are in none of the counts.
    pub warm_up_failed: u64,
    /// The core that the generator was kept on.
    pub core: Option<usize>,
}

impl Loaded {
    /// Right answers per second, from the first send to the last answer; `None` if there was none.
    /// Those of an open loop cannot come faster than they were planned: between the first and the
    /// last there is a period less than there are requests.
    pub fn per_second(&self) -> Option<f64> {
        let Requests { ok, wall_ns, .. } = self.requests;
        let ns = wall_ns.max(self.planned_ns.unwrap_or(0));
        (ok > 0 && ns > 0).then(|| ok as f64 * 1e9 / ns as f64)
    }

    /// The latency in nanoseconds at a quantile, such as 0.99; `None` if there are too few answers
    /// to state it: see [`histogram::quantile`].
    pub fn latency_ns(&self, quantile: f64) -> Option<u64> {
        histogram::quantile(&self.latency, quantile)
    }

    /// Which part of one core the generator took, from 0 to 1. Near 1, it is the generator that was
    /// measured.
    pub fn cpu_share(&self) -> Option<f64> {
        (self.generator_ns > 0).then(|| (self.cpu_ns as f64 / self.generator_ns as f64).min(1.0))
    }
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address is another machine's, or is reached by others.
    #[error(
        "{0} is not of this machine's loopback, nor of a namespace or a guest of ours: load goes to \
            this machine alone"
    )]
    Foreign(SocketAddr),
    /// The load is none: no connections, or a rate that cannot be.
    #[error("{0}")]
    Senseless(&'static str),
    /// The request cannot be written as HTTP.
    #[error("{0} cannot stand in an HTTP request")]
    Request(String),
    /// The generator cannot be put on its core.
    #[error("the generator cannot be kept on core {core}: {error}")]
    Pin {
        /// The requested core.
        core: usize,
        /// What the kernel says.
        error: nix::Error,
    },
    /// The system does not accept a connection.
    #[error("cannot connect to {address}: {error}")]
    Connect {
        /// Where it should listen.
        address: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// The generator lacks something of this machine: a thread, a timer, descriptors.
    #[error("the load generator cannot run: {0}")]
    Machine(#[from] io::Error),
}

/// Puts a system under load and waits until all is answered, failed or dropped.
///
/// The generator is a thread of its own, in the network namespace of the calling thread. So a
/// caller that has made a namespace and entered it reaches what listens on loopback there; nothing
/// is ever reached but a loopback, and namespaces and guests that this program has made on this machine.
///
/// # Errors
/// The load is for another machine or makes no sense, its core cannot be had, or the system does
/// not accept connections at the beginning. What happens to requests later is in the result.
pub fn run(load: &Load) -> Result<Loaded, LoadError> {
    let places = std::iter::once(load.address).chain(load.also.iter().map(|place| place.address));
    if let Some(foreign) = places
        .into_iter()
        .find(|address| !is_of_this_machine(address.ip()))
    {
        return Err(LoadError::Foreign(foreign));
    }
    if load.connections == 0 {
        return Err(LoadError::Senseless("a load needs a connection"));
    }
    if let Pace::Open { per_second } = load.pace
        && !(per_second > 0.0 && per_second <= MAX_PER_SECOND)
    {
        return Err(LoadError::Senseless(
            "a rate is more than 0 and at most 1,000,000 requests per second",
        ));
    }
    std::thread::scope(|scope| {
        let generator = std::thread::Builder::new()
            .name("load".into())
            .spawn_scoped(scope, || generate(load))?;
        generator
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The generator's thread.
fn generate(load: &Load) -> Result<Loaded, LoadError> {
    let keep = |core| Kept::on(core).map_err(|error| LoadError::Pin { core, error });
    let _kept = load.core.map(keep).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(drive(load))
}

/// Opens, warms up, measures, counts.
async fn drive(load: &Load) -> Result<Loaded, LoadError> {
    let tally = Arc::default();
    let places = std::iter::once((load.address, &load.host))
        .chain(load.also.iter().map(|it| (it.address, &it.host)));
    let mut clients = Vec::new();
    for (address, host) in places {
        let prepared = PreparedRequest::all(load, address, host)?;
        let shared = Arc::new(Shared::new(
            prepared,
            load.timeout,
            load.keep_alive,
            Arc::clone(&tally),
        ));
        for _ in 0..load.connections {
            let mut client = Client::new(Arc::clone(&shared));
            if load.keep_alive {
                let opened = client.connection.open(shared.first()).await;
                opened.map_err(|error| LoadError::Connect { address, error })?;
            }
            clients.push(client);
        }
    }
    let mut clients = warm_up::requests(clients, load.warm_up).await;
    let mut warmed_up = None;
    if let Some(most) = load.until_steady {
        let (warm, how) = warm_up::until_steady(clients, &tally, most).await;
        (clients, warmed_up) = (warm, Some(how));
    }
    let (warm_up, _, warm_up_failures, _) = take(&tally).finish(&[]);
    let (cpu_ns, began_ns) = (thread::cpu_ns(), now_ns());
    match (load.pace, load.amount) {
        (Pace::Open { per_second }, amount) => open(clients, &tally, per_second, amount).await?,
        (Pace::Closed, Amount::Requests(requests)) => {
            closed(clients, Arc::new(Quota::requests(requests))).await;
        }
        (Pace::Closed, Amount::Time(time)) => {
            let end_ns = now_ns().saturating_add(nanos(time));
            closed(clients, Arc::new(Quota::until(end_ns))).await;
        }
    }
    let cpu_ns = thread::cpu_ns() - cpu_ns;
    let generator_ns = now_ns() - began_ns;
    let (requests, latency, mut failures, lateness) = take(&tally).finish(&load.sequence);
    if failures.is_empty() {
        failures = warm_up_failures;
    }
    let lateness = matches!(load.pace, Pace::Open { .. }).then_some(lateness);
    let requests_planned = requests.sent + requests.dropped;
    Ok(Loaded {
        requests,
        latency,
        lateness,
        cpu_ns,
        generator_ns,
        planned_ns: planned_ns(load.pace, requests_planned),
        failures,
        warm_up: warm_up.sent,
        warmed_up,
        warm_up_failed: warm_up.failed,
        core: load.core,
    })
}

/// How long the plan of an open loop is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rate is positive, the count a run's"
)]
fn planned_ns(pace: Pace, requests: u64) -> Option<u64> {
    match pace {
        Pace::Open { per_second } => Some((requests as f64 * 1e9 / per_second) as u64),
        Pace::Closed => None,
    }
}

/// A time in nanoseconds; what has no room in 64 bits is 584 years, which is for ever here.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Lets all clients send until the quota is used up.
async fn closed(clients: Vec<Client>, quota: Arc<Quota>) -> Vec<Client> {
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(client.closed(Arc::clone(&quota))))
        .collect();
    joined(tasks).await
}

/// Lets requests become due, and all clients send what is due.
async fn open(
    clients: Vec<Client>,
    tally: &Counts,
    per_second: f64,
    amount: Amount,
) -> io::Result<()> {
    let requests = match amount {
        Amount::Requests(requests) => requests,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the rate is positive, the count a run's"
        )]
        Amount::Time(time) => (time.as_secs_f64() * per_second).ceil() as u64,
    };
    let due = Arc::new(Due::new(Plan {
        start_ns: now_ns(),
        per_second,
        requests,
    }));
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(client.open(Arc::clone(&due))))
        .collect();
    due.follow(tally).await?;
    joined(tasks).await;
    Ok(())
}

async fn joined(tasks: Vec<tokio::task::JoinHandle<Client>>) -> Vec<Client> {
    let mut clients = Vec::with_capacity(tasks.len());
    for task in tasks {
        clients.push(task.await.expect("no client panics, and none is aborted"));
    }
    clients
}
