//! One connection, and requests over it one after another.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use results::{Failure, FailureKind};
use tokio::net::TcpStream;
use workloads::{Answer, Expectation};

use super::waker::Muffled;
use super::{Load, LoadError};

/// How much of a wrong body is kept for the reason.
const WRONG_BYTES: usize = 16 * 1024;

/// How much of a body is kept where it can only be told from the whole of it whether it is right:
/// as much as a guest's answer may have elsewhere.
const WHOLE_BYTES: usize = host_probe::limits::OUTPUT_BYTES;

/// The request of a load, in the forms that hyper takes without work.
#[derive(Debug)]
pub(super) struct PreparedRequest {
    address: SocketAddr,
    method: Method,
    target: Uri,
    /// All but those that hyper adds.
    headers: HeaderMap,
    body: Bytes,
    keep_alive: bool,
    expected: Expectation,
}

impl PreparedRequest {
    /// The requests of a load, in order.
    ///
    /// # Errors
    /// Method, target or host of one cannot stand in a request.
    pub(super) fn all(
        load: &Load,
        address: SocketAddr,
        host: &str,
    ) -> Result<Vec<Self>, LoadError> {
        let place = (address, host);
        if load.sequence.is_empty() {
            return Ok(vec![Self::new(load, place, &load.request, &load.expected)?]);
        }
        let each = load.sequence.iter();
        each.map(|step| Self::new(load, place, &step.request, &step.expected))
            .collect()
    }

    fn new(
        load: &Load,
        (address, host): (SocketAddr, &str),
        request: &workloads::Request,
        expected: &Expectation,
    ) -> Result<Self, LoadError> {
        let bad = |what: &str, text: &str| LoadError::Request(format!("{what} {text:?}"));
        let mut headers = HeaderMap::new();
        let host = request.header("host").unwrap_or(host);
        let host = HeaderValue::from_str(host).map_err(|_| bad("the host", host))?;
        headers.insert(HOST, host);
        if !load.keep_alive {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| bad("the header's name", name))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| bad("the header's value", value))?;
            if name != HOST {
                headers.append(name, value);
            }
        }
        Ok(Self {
            address,
            method: Method::from_bytes(request.method.as_bytes())
                .map_err(|_| bad("the method", &request.method))?,
            target: request
                .target
                .parse()
                .map_err(|_| bad("the target", &request.target))?,
            headers,
            body: Bytes::from(request.body.clone()),
            keep_alive: load.keep_alive,
            expected: expected.clone(),
        })
    }

    /// The request, with its headers in the memory that an earlier answer's headers were in.
    fn build(&self, mut headers: HeaderMap) -> Request<Full<Bytes>> {
        headers.clear();
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        let mut request = Request::new(Full::new(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.target);
        *request.headers_mut() = headers;
        request
    }
}

/// One of a load's connections: open, or to be opened by the next request.
#[derive(Debug)]
pub(super) struct Connection {
    open: Option<Open>,
    headers: HeaderMap,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            open: None,
            headers: HeaderMap::new(),
        }
    }

    /// Opens the connection if it is not.
    ///
    /// # Errors
    /// The system does not accept it.
    pub(super) async fn open(&mut self, request: &PreparedRequest) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(Open::new(request).await?);
        }
        Ok(())
    }

    /// Closes the connection, with whatever goes on over it.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Waits for something else, and notices meanwhile if the system closes the connection.
    pub(super) async fn idle<F: Future>(&mut self, what: F) -> F::Output {
        let mut what = pin!(what);
        poll_fn(|context| {
            let polled = what.as_mut().poll(context);
            if let (Poll::Pending, Some(open)) = (&polled, &mut self.open) {
                open.socket.advance(context);
            }
            polled
        })
        .await
    }

    /// Sends the request once, over the open connection if there is one that the system has not
    /// closed, and checks the answer.
    ///
    /// # Errors
    /// Why there was no answer, or how it was wrong. The connection is of no use after that.
    pub(super) async fn send(&mut self, request: &PreparedRequest) -> Result<(), Failure> {
        if let Some(open) = &mut self.open
            && !open.is_ready().await
        {
            self.close();
        }
        self.open(request)
            .await
            .map_err(|error| format!("cannot connect: {error}"))?;
        let Some(open) = &mut self.open else {
            return Err("the connection is closed".into());
        };
        let request_with_headers = request.build(std::mem::take(&mut self.headers));
        let answer = open
            .send(request_with_headers)
            .await
            .map_err(|error| with_causes(&error))?;
        let (head, body) = answer.into_parts();
        let checked = open.check(&head, body, &request.expected).await;
        self.headers = head.headers;
        checked?;
        Ok(())
    }
}

/// An open connection with hyper's two ends of it. Both are driven by the task that sends: a second
/// task would be woken twice for each request.
#[derive(Debug)]
struct Open {
    sender: http1::SendRequest<Full<Bytes>>,
    socket: Socket,
}

impl Open {
    async fn new(request: &PreparedRequest) -> io::Result<Self> {
        let stream = TcpStream::connect(request.address).await?;
        stream.set_nodelay(true)?;
        if !request.keep_alive {
            // Closing is then a reset, which leaves nobody in TIME_WAIT: else the ports of a
            // minute's connections, 28,000, would be all that there are. By then the whole answer
            // was read, so the reset loses nothing.
            stream.set_zero_linger()?;
        }
        // A request is small: from one buffer it goes out by a cheaper call than from several.
        let hyper = http1::Builder::new()
            .writev(false)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = hyper.map_err(io::Error::other)?;
        Ok(Self {
            sender,
            socket: Socket {
                connection: Some(connection),
                muffled: Muffled::new(),
            },
        })
    }

    /// Whether it takes a request; not if the system has closed it.
    async fn is_ready(&mut self) -> bool {
        if self.sender.is_ready() {
            return true;
        }
        poll_fn(|context| {
            self.socket.advance(context);
            self.sender.poll_ready(context).map(|ready| ready.is_ok())
        })
        .await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let Self { sender, socket } = self;
        let answer = socket.muffled.during(|| sender.send_request(request));
        socket.bring(answer).await
    }

    /// Reads the body to its end and compares. What is right is never copied.
    async fn check(
        &mut self,
        head: &Parts,
        mut body: Incoming,
        expected: &Expectation,
    ) -> Result<(), Failure> {
        let code = i64::from(head.status.as_u16());
        let right_code = expected.code.is_none_or(|expected| expected == code);
        let needs_headers = expected.needs_headers();
        let whole = !expected.contained.is_empty() || expected.body_sha256.is_some();
        let any_body = expected.takes_any_body() && right_code && !needs_headers;
        let right = expected.body.as_deref().unwrap_or_default();
        let mut matched = 0;
        let mut wrong = Vec::new();
        while !body.is_end_stream() {
            let Some(frame) = self.socket.bring(body.frame()).await else {
                break;
            };
            let Ok(data) = frame.map_err(|error| with_causes(&error))?.into_data() else {
                continue;
            };
            if wrong.is_empty() && right[matched..].starts_with(&data) {
                matched += data.len();
            } else if !any_body {
                // Of a body that can only be told from the whole of it, all is kept.
                let most = if whole { WHOLE_BYTES } else { WRONG_BYTES };
                wrong.extend_from_slice(&data[..data.len().min(most.saturating_sub(wrong.len()))]);
            }
        }
        let right_body = wrong.is_empty() && matched == right.len() && !whole;
        if any_body || (right_body && right_code && !needs_headers) {
            return Ok(());
        }
        let headers = head.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let answer = Answer {
            code,
            headers: headers.collect(),
            body: [&right[..matched], &wrong].concat(),
        };
        expected
            .check(&answer)
            .map_err(|reason| Failure::new(FailureKind::WrongAnswer, reason))
    }
}

/// The end of a connection at which bytes come and go; nothing once it is closed, for whatever
/// reason. Dropping it then tells all who wait for something from it that nothing will come.
#[derive(Debug)]
struct Socket {
    connection: Option<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>,
    muffled: Muffled,
}

impl Socket {
    /// Moves bytes as far as they go.
    fn advance(&mut self, context: &Context<'_>) {
        let mut context = self.muffled.context(context);
        // Without hyper's own shutdown, since a connection that is shut is not reset any more.
        if self
            .connection
            .as_mut()
            .is_some_and(|open| open.poll_without_shutdown(&mut context).is_ready())
        {
            self.connection = None;
        }
    }

    /// Waits for something that moving bytes brings about.
    async fn bring<F: Future>(&mut self, what: F) -> F::Output {
        let mut what = pin!(what);
        poll_fn(|context| {
            // Nothing but moving bytes makes it ready, and it is looked at after each move: it need
            // not wake anybody.
            let mut unwoken = Context::from_waker(Waker::noop());
            // First what is there already: the body mostly comes with the head.
            if let Poll::Ready(output) = what.as_mut().poll(&mut unwoken) {
                return Poll::Ready(output);
            }
            self.advance(context);
            what.as_mut().poll(&mut unwoken)
        })
        .await
    }
}

/// The message of an error of hyper's with those that it came from.
fn with_causes(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
