//! What one request may take, and the body that is held to it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use wasmtime_wasi_http::Error;

/// What one request, and all of them together, may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    /// The largest request body.
    pub(super) body_bytes: u64,
    /// The largest request head.
    pub(super) head_bytes: usize,
    /// The most requests in flight.
    pub(super) concurrent: usize,
    /// How long a guest may take for one.
    pub(super) time: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub(super) write_time: Duration,
    /// What an instance's memories and tables may use.
    pub(super) memory_bytes: u64,
}

impl Limits {
    /// The least that hyper can do with.
    pub(super) const LEAST_HEAD_BYTES: usize = 8192;

    /// How long a client may take to send a head, and to begin one on a connection that it keeps
    /// open.
    pub(super) const HEAD_TIME: Duration = Duration::from_secs(10);

    /// Connections beyond those that can have a request in flight.
    const IDLE_CONNECTIONS: usize = 512;

    /// The most connections that are kept.
    pub(super) const fn connections(&self) -> usize {
        self.concurrent.saturating_add(Self::IDLE_CONNECTIONS)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Room for what a service needs to see to refuse more than 1 MiB by itself.
            body_bytes: (1024 + 64) * 1024,
            head_bytes: 16 * 1024,
            concurrent: 512,
            time: Duration::from_secs(30),
            write_time: Duration::from_secs(10),
            memory_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// The requests in flight.
#[derive(Debug, Default)]
pub(super) struct InFlight(AtomicUsize);

impl InFlight {
    /// A place among them, while there are fewer than `most`.
    pub(super) fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let place = Place(Arc::clone(self));
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

/// A place among the requests in flight, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<InFlight>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request body that ends in an error when it becomes too large.
#[derive(Debug)]
pub(super) struct Bounded {
    body: Incoming,
    limit: u64,
    seen: u64,
    exceeded: Arc<AtomicBool>,
}

impl Bounded {
    /// What is read and thrown away after the limit. A server that closes while its client still
    /// sends makes the kernel reset the connection, and the client never sees why.
    const DISCARDED_BYTES: u64 = 8 * 1024 * 1024;

    /// `exceeded` becomes true when the body is larger than `limit` bytes.
    pub(super) fn new(body: Incoming, limit: u64, exceeded: Arc<AtomicBool>) -> Self {
        Self {
            body,
            limit,
            seen: 0,
            exceeded,
        }
    }

    /// Reads and throws away as much as of a body that is too large, for at most a while.
    pub(super) async fn discard(body: Incoming) {
        const A_WHILE: Duration = Duration::from_secs(2);
        let mut body = Self::new(body, 0, Arc::default());
        let end = std::future::poll_fn(|context| {
            while let Some(Ok(_)) = ready!(Pin::new(&mut body).poll_frame(context)) {}
            Poll::Ready(())
        });
        // Whether it ends or not, the answer follows.
        let _ = tokio::time::timeout(A_WHILE, end).await;
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            let over = self.seen > self.limit;
            match frame {
                Some(Ok(frame)) => {
                    self.seen += frame.data_ref().map_or(0, |data| data.len() as u64);
                    if self.seen <= self.limit {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    self.exceeded.store(true, Ordering::Relaxed);
                    if self.seen <= self.limit.saturating_add(Self::DISCARDED_BYTES) {
                        continue;
                    }
                }
                _ if over => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
            return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit)))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
