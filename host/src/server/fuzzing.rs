//! A connection of arbitrary bytes, served as `host serve` serves it up to where a guest would be called.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use super::answer::{Answer, last_refusal, refusal};
use super::body::{Bounded, Bounds, Fate};
use super::{connections, head};

/// The longest head and body that are taken.
const HEAD_BYTES: usize = 8 * 1024;
const BODY_BYTES: u64 = 1024;

/// One request of a connection, as a guest would get it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Method, target and version.
    pub line: String,
    /// Whom it is for.
    pub host: Vec<u8>,
    /// Its body; nothing where it did not come whole.
    pub body: Option<Vec<u8>>,
}

/// The requests that a guest would get of a connection whose bytes arrive in these pieces, after which the
/// client closes it.
///
/// # Panics
/// A request that is let in does not say once whom it is for.
pub fn served<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    let handle = service_fn(move |request| {
        let seen = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, &seen).await) }
    });
    let stream = Pieces {
        left: pieces.into_iter().map(<[u8]>::to_vec).collect(),
        has_come: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("the machine has room for an executor");
    // How it ends is the client's business.
    let _ = runtime.block_on(connections::http(HEAD_BYTES).serve_connection(stream, handle));
    std::mem::take(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn answer(request: Request<Incoming>, seen: &Mutex<Vec<Seen>>) -> Response<Answer> {
    let (mut head, body) = request.into_parts();
    let address = HeaderValue::from_static("127.0.0.1:1");
    if let Err((status, reason)) = head::check(&mut head, &address) {
        return last_refusal(status, reason);
    }
    let hosts: Vec<_> = head.headers.get_all(HOST).iter().collect();
    let &[host] = &hosts[..] else {
        panic!("{hosts:?} of {head:?}");
    };
    let one = Seen {
        line: format!("{} {} {:?}", head.method, head.uri, head.version),
        host: host.as_bytes().to_vec(),
        body: None,
    };
    let all = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    all().push(one);
    let bounds = Bounds {
        bytes: BODY_BYTES,
        time: Duration::from_secs(1),
    };
    let body = Bounded::new(body, bounds, Fate::default()).collect().await;
    if let (Ok(body), Some(last)) = (body, all().last_mut()) {
        let bytes = body.to_bytes().to_vec();
        assert!(bytes.len() as u64 <= BODY_BYTES, "{} bytes", bytes.len());
        last.body = Some(bytes);
    }
    refusal(StatusCode::OK, "taken")
}

/// A client that sends pieces, one after another, and reads everything.
struct Pieces {
    left: VecDeque<Vec<u8>>,
    /// Whether the first of them is there.
    has_come: bool,
}

impl Read for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.has_come, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(mut piece) = self.left.pop_front() else {
            return Poll::Ready(Ok(()));
        };
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        self.has_come = !rest.is_empty();
        if self.has_come {
            self.left.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
