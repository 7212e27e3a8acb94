//! The body of an answer, and what of it is taken before its client is.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Response, StatusCode};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::service::Service;
use crate::engine::wasmtime::budget::Charge;

/// The body of an answer. The first of a guest notifies when it is over.
pub(super) struct Answer {
    ahead: Ahead,
    body: Option<HyperOutgoingBody>,
    first: Option<Arc<Service>>,
}

/// What of an answer was taken before its client reads it, so that the guest need not wait for
/// that.
pub(super) struct Ahead {
    frames: VecDeque<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>,
    bytes: u64,
    /// What it takes of the memory of all; nothing where nothing is taken ahead.
    charge: Option<Charge>,
}

impl Ahead {
    /// The most that is taken. A guest that answers more waits for its client to read.
    const MOST_BYTES: u64 = 16 * 1024 * 1024;

    /// Nothing.
    pub(super) const fn nothing() -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            charge: None,
        }
    }

    /// Takes what a guest answers until it has returned or all is taken. Takes the body too if that
    /// has ended.
    pub(super) async fn take(
        charge: Charge,
        body: &mut Option<HyperOutgoingBody>,
        guest: &mut (impl Future + Unpin),
    ) -> Self {
        let mut ahead = Self {
            charge: Some(charge),
            ..Self::nothing()
        };
        while let Some(open) = body {
            let frame = tokio::select! {
                biased;
                frame = open.frame() => frame,
                _ = &mut *guest => break,
            };
            match frame {
                None => *body = None,
                Some(frame) => {
                    if !ahead.push(frame) {
                        break;
                    }
                }
            }
        }
        ahead
    }

    /// Keeps a frame. Returns whether another may be taken.
    fn push(&mut self, frame: Result<Frame<Bytes>, wasmtime_wasi_http::Error>) -> bool {
        let data = frame.as_ref().ok().and_then(Frame::data_ref);
        let bytes = data.map_or(0, |data| data.len() as u64);
        let whole = frame.is_ok();
        self.frames.push_back(frame);
        self.bytes += bytes;
        let room = self
            .charge
            .as_mut()
            .is_some_and(|charge| charge.grow(bytes).is_ok());
        whole && room && self.bytes < Self::MOST_BYTES
    }

    fn pop(&mut self) -> Option<Result<Frame<Bytes>, wasmtime_wasi_http::Error>> {
        let frame = self.frames.pop_front()?;
        let data = frame.as_ref().ok().and_then(Frame::data_ref);
        self.bytes -= data.map_or(0, |data| data.len() as u64);
        if self.frames.is_empty() {
            self.charge = None;
        }
        Some(frame)
    }
}

impl Answer {
    /// A guest's; `first` is told when it is over.
    pub(super) const fn new(
        ahead: Ahead,
        body: Option<HyperOutgoingBody>,
        first: Option<Arc<Service>>,
    ) -> Self {
        Self { ahead, body, first }
    }
}

/// An answer of the server's own.
pub(super) fn refusal(status: StatusCode, reason: &'static str) -> Response<Answer> {
    let body = Full::new(Bytes::from_static(reason.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(Answer::new(Ahead::nothing(), Some(body), None));
    *response.status_mut() = status;
    response
}

/// The same, after which nothing more is read of this client.
pub(super) fn last_refusal(status: StatusCode, reason: &'static str) -> Response<Answer> {
    let mut response = refusal(status, reason);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

impl Body for Answer {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = match (self.ahead.pop(), &mut self.body) {
            (Some(frame), _) => Poll::Ready(Some(frame)),
            (None, Some(body)) => Pin::new(body).poll_frame(context),
            (None, None) => Poll::Ready(None),
        };
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
        let body_ended = self.body.as_ref().is_none_or(Body::is_end_stream);
        self.ahead.frames.is_empty() && body_ended
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self
            .body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + self.ahead.bytes);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + self.ahead.bytes);
        }
        hint
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
