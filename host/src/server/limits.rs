//! The bounds of requests, and the body that is held to one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use wasmtime_wasi_http::Error;

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
        const DISCARD_TIME: Duration = Duration::from_secs(2);
        let mut body = Self::new(body, 0, Arc::default());
        let end = std::future::poll_fn(|context| {
            while let Some(Ok(_)) = ready!(Pin::new(&mut body).poll_frame(context)) {}
            Poll::Ready(())
        });
        // Whether it ends or not, the answer follows.
        let _ = tokio::time::timeout(DISCARD_TIME, end).await;
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
