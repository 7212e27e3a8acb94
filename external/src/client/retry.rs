//! Where a server answers, and how requests to it are retried until it does.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use machine::clock::now_ns;

/// Where a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The address that is connected to.
    pub address: SocketAddr,
    /// What the request's `host` header says.
    pub host: String,
}

impl Target {
    /// An address, addressed by that name.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
        }
    }

    /// A port of 127.0.0.1, addressed by that name.
    pub fn loopback(port: u16) -> Self {
        Self::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }
}

/// How long, how often and after which failures a request is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// When retrying is given up, on the clock.
    pub deadline_ns: u64,
    /// From the beginning of one attempt to that of the next, at first.
    pub period_ns: u64,
    /// Later it is one in so many of the time since the first attempt, if that is longer.
    pub growth: u64,
    /// Whether a connection that is closed before the first byte of an answer is another reason to
    /// retry: Docker's proxy listens before the server in the container does.
    pub retry_resets: bool,
    /// Whether an answer of another status is another reason to retry: an orchestrator
    /// listens before the workload is there.
    pub retry_statuses: bool,
    /// The status that is none of those.
    pub status: i64,
    /// The longest body that is taken.
    pub max_body: usize,
}

impl RetryPolicy {
    /// The period between attempts unless another is chosen. Shorter ones take the core away from a
    /// server that is loading.
    pub const PERIOD_NS: u64 = 50_000;

    /// What part of the time that has passed the period is at least: under one percent of a start
    /// of more than 6.4 ms. Of a shorter one [`Self::PERIOD_NS`] and the attempt itself decide:
    /// 77–93 µs at the median, which is 3.4–4 % of a native start of 2.25 ms. The gap that there
    /// was is recorded with each start, and comparisons allow for it.
    ///
    /// Asking each 50 µs all along took a third of a core, and made a start that compiles on both
    /// of two cores 25 ms longer than one that listens first and so gets one request; asking so
    /// still some 6 ms of 68. Where the kernel tells that somebody listens, nobody asks.
    pub const GROWTH: u64 = 128;

    /// Retries until `deadline_ns` on the clock, each [`Self::PERIOD_NS`] at first, as long as the
    /// connection is refused.
    pub const fn until(deadline_ns: u64) -> Self {
        Self {
            deadline_ns,
            period_ns: Self::PERIOD_NS,
            growth: Self::GROWTH,
            retry_resets: false,
            retry_statuses: false,
            status: 200,
            max_body: host_probe::limits::OUTPUT_BYTES,
        }
    }

    /// From the beginning of one attempt to that of the next, when so much time has passed since the first.
    pub(super) fn pause_ns(&self, passed_ns: u64) -> u64 {
        self.period_ns.max(passed_ns / self.growth.max(1))
    }

    /// The same where the kernel tells that a port is listened on: what is left to be noticed then is an end of
    /// the server, and the deadline.
    pub(super) fn unheard_ns(&self, passed_ns: u64) -> u64 {
        const SHORTEST_NS: u64 = 1_000_000;
        const PART: u64 = 16;
        let pause_ns = SHORTEST_NS.max(passed_ns / PART);
        pause_ns.min(self.deadline_ns.saturating_sub(now_ns()))
    }

    pub(super) fn is_over(&self) -> bool {
        now_ns() >= self.deadline_ns
    }

    /// What is left, but never nothing: the system takes that for no limit.
    pub(super) fn left(&self) -> Duration {
        Duration::from_nanos(self.deadline_ns.saturating_sub(now_ns()).max(1_000))
    }
}
