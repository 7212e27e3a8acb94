//! The body of a request, held to its bounds; and where it is kept before the guest is called.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use crate::engine::wasmtime::budget::Charge;

/// What keeps a body from coming whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fault {
    /// It is larger than allowed.
    TooLarge = 1,
    /// The client sends nothing.
    TooSlow,
    /// It cannot be kept.
    NoRoom,
    /// The client broke it off, or it is no body.
    BrokenOff,
}

/// What has kept a body from coming whole, as both ends know it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<AtomicU8>);

impl Fate {
    pub(super) fn fault(&self) -> Option<Fault> {
        [
            Fault::TooLarge,
            Fault::TooSlow,
            Fault::NoRoom,
            Fault::BrokenOff,
        ]
        .into_iter()
        .find(|fault| *fault as u8 == self.0.load(Ordering::Relaxed))
    }

    fn is(&self, fault: Fault) {
        self.0.store(fault as u8, Ordering::Relaxed);
    }
}

/// The bounds of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Its length.
    pub(super) bytes: u64,
    /// How long a client may send nothing of it while it is waited for.
    pub(super) time: Duration,
}

/// A request body that ends in an error when it becomes too large, or when its client sends nothing
/// for too long.
#[derive(Debug)]
pub(super) struct Bounded {
    body: Incoming,
    bounds: Bounds,
    seen: u64,
    /// Until when the client has to send something. Nothing while there is something to read: no
    /// request pays for a timer that it does not need.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Where it is kept, what that takes.
    charge: Option<Charge>,
    fate: Fate,
}

impl Bounded {
    /// What is read and thrown away after the limit. A server that closes while its client still
    /// sends makes the kernel reset the connection, and the client never sees why.
    const DISCARDED_BYTES: u64 = 8 * 1024 * 1024;

    /// `fate` is told what keeps it from coming whole.
    pub(super) fn new(body: Incoming, bounds: Bounds, fate: Fate) -> Self {
        Self {
            body,
            bounds,
            seen: 0,
            deadline: None,
            charge: None,
            fate,
        }
    }

    /// Reads and throws away as much as of a body that is too large, for at most a while.
    pub(super) async fn discard(body: Incoming) {
        const DISCARD_TIME: Duration = Duration::from_secs(2);
        let bounds = Bounds {
            bytes: 0,
            time: DISCARD_TIME,
        };
        let mut body = Self::new(body, bounds, Fate::default());
        let end = std::future::poll_fn(|context| {
            while let Some(Ok(_)) = ready!(Pin::new(&mut body).poll_frame(context)) {}
            Poll::Ready(())
        });
        // Whether it ends or not, the answer follows.
        let _ = tokio::time::timeout(DISCARD_TIME, end).await;
    }

    /// Reads all of it, which takes of the budget of `charge`. After an error, its fate tells why.
    pub(super) async fn keep(mut self, charge: Charge) -> Result<RequestBody, Error> {
        self.charge = Some(charge);
        let body = (&mut self).collect().await?;
        Ok(RequestBody::Kept {
            body,
            _charge: self.charge,
        })
    }

    fn fail<T>(&self, fault: Fault, error: Error) -> Poll<Option<Result<T, Error>>> {
        self.fate.is(fault);
        Poll::Ready(Some(Err(error)))
    }

    fn too_large<T>(&self) -> Poll<Option<Result<T, Error>>> {
        let error = Error::HttpRequestBodySize(Some(self.bounds.bytes));
        self.fail(Fault::TooLarge, error)
    }

    /// The client has sent nothing: whether that has taken too long.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let time = self.bounds.time;
        self.deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time)))
            .as_mut()
            .poll(context)
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
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                ready!(self.poll_deadline(context));
                if self.seen > self.bounds.bytes {
                    return self.too_large();
                }
                return self.fail(Fault::TooSlow, Error::ConnectionReadTimeout);
            };
            self.deadline = None;
            let over = self.seen > self.bounds.bytes;
            let frame = match frame {
                _ if over && !matches!(frame, Some(Ok(_))) => return self.too_large(),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return self.fail(Fault::BrokenOff, error.into()),
                None => return Poll::Ready(None),
            };
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.seen += bytes;
            if self.seen <= self.bounds.bytes {
                if let Some(charge) = &mut self.charge
                    && charge.grow(bytes).is_err()
                {
                    return self.fail(Fault::NoRoom, Error::ConnectionLimitReached);
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.seen > self.bounds.bytes.saturating_add(Self::DISCARDED_BYTES) {
                return self.too_large();
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request body as a guest gets it.
pub(super) enum RequestBody {
    /// As it comes.
    Streamed(Bounded),
    /// It has come.
    Kept {
        body: Collected<Bytes>,
        /// What it takes until it is gone.
        _charge: Option<Charge>,
    },
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut *self {
            Self::Streamed(body) => Pin::new(body).poll_frame(context),
            Self::Kept { body, .. } => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Streamed(body) => body.is_end_stream(),
            Self::Kept { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Streamed(body) => body.size_hint(),
            Self::Kept { body, .. } => body.size_hint(),
        }
    }
}
