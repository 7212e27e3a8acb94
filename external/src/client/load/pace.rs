//! Who sends when: a closed loop, whose next request follows an answer, and an open one, which
//! follows a plan.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::clock::now_ns;
use results::{Failure, FailureKind};
use tokio::sync::Notify;

use super::connection::{Connection, PreparedRequest};
use super::histogram;
use super::tally::Tally;
use super::timeout::RequestTimeout;
use super::timer::Timer;

/// The counts of a load, wherever its requests go.
pub(super) type Counts = Arc<Mutex<Tally>>;

/// All tasks are on one thread and none holds the counts while it waits, so the lock is always
/// free.
fn counts(counts: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many requests have been answered rightly by now.
pub(super) fn answered(of: &Counts) -> u64 {
    counts(of).answered()
}

/// The counts since the last time, to begin anew.
pub(super) fn take(of: &Counts) -> Tally {
    std::mem::take(&mut *counts(of))
}

/// What the connections to one place share.
#[derive(Debug)]
pub(super) struct Shared {
    /// In order; one at least.
    requests: Vec<PreparedRequest>,
    timeout: Duration,
    keep_alive: bool,
    tally: Counts,
}

impl Shared {
    pub(super) fn new(
        requests: Vec<PreparedRequest>,
        timeout: Duration,
        keep_alive: bool,
        tally: Counts,
    ) -> Self {
        Self {
            requests,
            timeout,
            keep_alive,
            tally,
        }
    }

    /// The request that a connection begins with.
    pub(super) fn first(&self) -> &PreparedRequest {
        &self.requests[0]
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        counts(&self.tally)
    }
}

/// One of the load's clients: a connection, and the timeout of its requests.
#[derive(Debug)]
pub(super) struct Client {
    shared: Arc<Shared>,
    pub(super) connection: Connection,
    timeout: RequestTimeout,
    /// Which of the requests is the next.
    next: usize,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let timeout = RequestTimeout::new(shared.timeout);
        let connection = Connection::new(shared.first());
        Self {
            shared,
            connection,
            timeout,
            next: 0,
        }
    }

    /// Sends the next request once, at `sent_ns`, and returns when that ended. The latency counts from
    /// `from_ns`.
    async fn send(&mut self, from_ns: u64, sent_ns: u64) -> u64 {
        let Self {
            shared,
            connection,
            timeout,
            next,
        } = self;
        let step = *next;
        let deadline_ns = sent_ns.saturating_add(super::nanos(shared.timeout));
        let outcome = match timeout
            .limit(deadline_ns, connection.send(&shared.requests[step]))
            .await
        {
            Some(outcome) => outcome,
            None => Err(Failure::new(
                FailureKind::TimeLimit,
                format!("no complete answer within {:?}", shared.timeout),
            )),
        };
        let now_ns = now_ns();
        if outcome.is_err() || !shared.keep_alive {
            connection.close();
        }
        // What follows a request that failed would be asked of a session that there is not.
        *next = if outcome.is_ok() {
            (step + 1) % shared.requests.len()
        } else {
            0
        };
        let latency_ns = now_ns.saturating_sub(from_ns);
        let mut tally = shared.tally();
        if shared.requests.len() > 1 {
            tally.end_of(step, latency_ns, outcome.is_ok());
        }
        tally.end(now_ns, latency_ns, outcome);
        drop(tally);
        now_ns
    }

    /// A closed loop: sends as long as the quota lasts, each time after the answer before.
    pub(super) async fn closed(mut self, quota: Arc<Quota>) -> Self {
        let mut now_ns = now_ns();
        while quota.take(now_ns) {
            self.shared.tally().send(now_ns);
            now_ns = self.send(now_ns, now_ns).await;
        }
        self
    }

    /// An open loop's client: sends what is due, unless it was due longer ago than its timeout.
    pub(super) async fn open(mut self, due: Arc<Due>) -> Self {
        while let Some(planned_ns) = self.connection.idle(due.take()).await {
            let now_ns = now_ns();
            if now_ns.saturating_sub(planned_ns) > super::nanos(self.shared.timeout) {
                self.shared.tally().drop_planned();
                continue;
            }
            self.shared.tally().send_planned(planned_ns, now_ns);
            self.send(planned_ns, now_ns).await;
        }
        self
    }
}

/// How much a closed loop's clients may still send, together.
#[derive(Debug)]
pub(super) enum Quota {
    /// This many requests.
    Requests(AtomicU64),
    /// Until this instant.
    Until(AtomicU64),
}

impl Quota {
    /// This many requests.
    pub(super) const fn requests(number: u64) -> Self {
        Self::Requests(AtomicU64::new(number))
    }

    /// Whatever is sent before this instant, or before [`Self::end`] is called.
    pub(super) const fn until(end_ns: u64) -> Self {
        Self::Until(AtomicU64::new(end_ns))
    }

    /// Lets nothing more be sent.
    pub(super) fn end(&self) {
        match self {
            Self::Requests(of) | Self::Until(of) => of.store(0, Relaxed),
        }
    }

    fn take(&self, now_ns: u64) -> bool {
        match self {
            Self::Requests(left) => left
                .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
                .is_ok(),
            Self::Until(end_ns) => now_ns < end_ns.load(Relaxed),
        }
    }
}

/// Send times at a constant rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) start_ns: u64,
    pub(super) per_second: f64,
    pub(super) requests: u64,
}

impl Plan {
    /// When request `nth` (from 0) is to be sent. Reckoned from the start, so that nothing adds up.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time within one run is small and not negative"
    )]
    fn planned_ns(&self, nth: u64) -> u64 {
        self.start_ns + (nth as f64 * 1e9 / self.per_second) as u64
    }
}

/// The requests of a plan that are due and that no connection was free for yet.
#[derive(Debug)]
pub(super) struct Due {
    plan: Plan,
    /// How many are due so far, and how many of them were taken.
    come: AtomicU64,
    taken: AtomicU64,
    news: Notify,
}

impl Due {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            come: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            news: Notify::new(),
        }
    }

    /// The planned instant of the next one, as soon as it is due; `None` after the last.
    async fn take(&self) -> Option<u64> {
        loop {
            let news = self.news.notified();
            let taken = self.taken.load(Relaxed);
            if taken == self.plan.requests {
                return None;
            }
            if taken < self.come.load(Relaxed) {
                self.taken.store(taken + 1, Relaxed);
                if taken + 1 == self.plan.requests {
                    self.news.notify_waiters();
                }
                return Some(self.plan.planned_ns(taken));
            }
            news.await;
        }
    }

    /// Lets requests become due at their planned instants, to the last one.
    ///
    /// # Errors
    /// There is no timer to be had.
    pub(super) async fn follow(&self, tally: &Counts) -> io::Result<()> {
        let timer = Timer::new()?;
        for nth in 0..self.plan.requests {
            let planned_ns = self.plan.planned_ns(nth);
            let now_ns = timer.wait_until(planned_ns).await?;
            histogram::count(&mut counts(tally).lateness.own, now_ns - planned_ns);
            self.come.store(nth + 1, Relaxed);
            self.news.notify_one();
        }
        Ok(())
    }
}
