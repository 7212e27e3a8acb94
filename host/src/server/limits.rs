//! The bounds of connections and of requests in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long a client may take to send a head, and to begin one on a connection that it keeps open.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(10);

/// Connections beyond those that can have a request in flight.
const IDLE_CONNECTIONS: usize = 512;

/// The most connections that are kept where so many requests may be in flight.
pub(super) const fn most_connections(concurrent: usize) -> usize {
    concurrent.saturating_add(IDLE_CONNECTIONS)
}

/// The requests in flight.
#[derive(Debug, Default)]
pub(super) struct InFlight(AtomicUsize);

impl InFlight {
    /// A permit for one more, while there are fewer than `most`.
    pub(super) fn enter(self: &Arc<Self>, most: usize) -> Option<Permit> {
        let permit = Permit(Arc::clone(self));
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(permit)
    }
}

/// A permit to be in flight, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<InFlight>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
