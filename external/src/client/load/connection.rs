//! One connection, and requests over it one after another.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Uri};
use results::{Failure, FailureKind};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use workloads::{Answer, Expectation, Request};

use super::super::http::{self, After, Decoder, End, Head, Sink};
use super::{Load, LoadError};

/// How much of a wrong body is kept for the reason.
const WRONG_BYTES: usize = 16 * 1024;

/// How much of a body is kept where it can only be told from the whole of it whether it is right:
/// as much as a guest's answer may have elsewhere.
const WHOLE_BYTES: usize = host_probe::limits::OUTPUT_BYTES;

/// How much is read at once.
const PIECE_BYTES: usize = 16 * 1024;

/// The request of a load, as it goes over the wire.
#[derive(Debug)]
pub(super) struct PreparedRequest {
    address: SocketAddr,
    request: Request,
    bytes: Vec<u8>,
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
        request: &Request,
        expected: &Expectation,
    ) -> Result<Self, LoadError> {
        let host = request.header("host").unwrap_or(host);
        check_parts(request, host)?;
        let after = if load.keep_alive {
            After::Kept
        } else {
            After::Closed
        };
        Ok(Self {
            address,
            bytes: http::bytes(request, host, after),
            request: request.clone(),
            keep_alive: load.keep_alive,
            expected: expected.clone(),
        })
    }
}

/// Whether each part of a request can stand where it is written.
fn check_parts(request: &Request, host: &str) -> Result<(), LoadError> {
    let bad = |what: &str, text: &str| LoadError::Request(format!("{what} {text:?}"));
    HeaderValue::from_str(host).map_err(|_| bad("the host", host))?;
    for (name, value) in &request.headers {
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("the header's name", name))?;
        HeaderValue::from_str(value).map_err(|_| bad("the header's value", value))?;
    }
    Method::from_bytes(request.method.as_bytes())
        .map_err(|_| bad("the method", &request.method))?;
    let target = request.target.parse::<Uri>();
    target.map_err(|_| bad("the target", &request.target))?;
    Ok(())
}

/// One of a load's connections: open, or to be opened by the next request.
#[derive(Debug)]
pub(super) struct Connection {
    open: Option<TcpStream>,
    decoder: Decoder,
    piece: Box<[u8]>,
    /// The last answer's head and what of its body was wrong: memory for the next one's.
    head: Vec<u8>,
    wrong: Vec<u8>,
}

impl Connection {
    pub(super) fn new(request: &PreparedRequest) -> Self {
        Self {
            open: None,
            decoder: Decoder::new(&request.request),
            piece: vec![0; PIECE_BYTES].into(),
            head: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Opens the connection if it is not.
    ///
    /// # Errors
    /// The system does not accept it.
    pub(super) async fn open(&mut self, request: &PreparedRequest) -> io::Result<()> {
        if self.open.is_none() {
            let stream = TcpStream::connect(request.address).await?;
            stream.set_nodelay(true)?;
            if !request.keep_alive {
                // Closing is then a reset, which leaves nobody in TIME_WAIT: else the ports of a
                // minute's connections, 28,000, would be all that there are. By then the whole answer
                // was read, so the reset loses nothing.
                stream.set_zero_linger()?;
            }
            self.open = Some(stream);
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
            if polled.is_pending() {
                self.close_if_over(context);
            }
            polled
        })
        .await
    }

    /// Closes the connection if the system has, or says what nobody has asked for. While nothing comes, that
    /// takes no system call.
    fn close_if_over(&mut self, context: &mut Context<'_>) {
        let Some(stream) = &mut self.open else {
            return;
        };
        let mut piece = ReadBuf::new(&mut self.piece);
        if Pin::new(stream).poll_read(context, &mut piece).is_ready() {
            self.close();
        }
    }

    /// Sends the request once, over the open connection if there is one that the system has not
    /// closed, and checks the answer.
    ///
    /// # Errors
    /// Why there was no answer, or how it was wrong. The connection is of no use after that.
    pub(super) async fn send(&mut self, request: &PreparedRequest) -> Result<(), Failure> {
        poll_fn(|context| {
            self.close_if_over(context);
            Poll::Ready(())
        })
        .await;
        self.open(request)
            .await
            .map_err(|error| format!("cannot connect: {error}"))?;
        let Some(stream) = &mut self.open else {
            return Err("the connection is closed".into());
        };
        self.decoder.begin(&request.request);
        let mut check = Check::new(&request.expected, &mut self.head, &mut self.wrong);
        let mut exchange = Exchange {
            stream,
            unsent: &request.bytes,
            send_failed: None,
            received: 0,
            decoder: &mut self.decoder,
            piece: &mut self.piece,
            check: &mut check,
        };
        let ended = poll_fn(|context| exchange.poll(context)).await?;
        let is_sent = exchange.unsent.is_empty();
        check.finish()?;
        if !(ended.keeps && is_sent) {
            self.close();
        }
        Ok(())
    }
}

/// A request on its way, and what comes of its answer: both at once, since a server may answer before it
/// has read everything.
struct Exchange<'a, 'b> {
    stream: &'a mut TcpStream,
    unsent: &'a [u8],
    send_failed: Option<io::Error>,
    received: usize,
    decoder: &'a mut Decoder,
    piece: &'a mut [u8],
    check: &'a mut Check<'b>,
}

impl Exchange<'_, '_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<End, Failure>> {
        self.poll_send(context);
        loop {
            let mut piece = ReadBuf::new(self.piece);
            let read = ready!(Pin::new(&mut *self.stream).poll_read(context, &mut piece));
            let piece = piece.filled();
            let reason = match read {
                Ok(()) if !piece.is_empty() => {
                    self.received += piece.len();
                    let taken = self.decoder.take(piece, self.check);
                    match taken.map_err(|reason| Failure::new(FailureKind::WrongAnswer, reason))? {
                        Some(end) => return Poll::Ready(Ok(end)),
                        None => continue,
                    }
                }
                Ok(()) if self.decoder.is_complete_when_closed() => {
                    return Poll::Ready(Ok(End { keeps: false }));
                }
                Ok(()) => "it was closed".to_owned(),
                Err(error) => error.to_string(),
            };
            // What became of a request that was not sent whole explains more than the end does.
            let reason = self.send_failed.take().map_or(reason, |it| it.to_string());
            let received = self.received;
            return Poll::Ready(Err(format!(
                "the connection broke off after {received} bytes of the answer: {reason}"
            )
            .into()));
        }
    }

    /// Sends as far as it goes. A request that cannot be sent whole may be answered all the same.
    fn poll_send(&mut self, context: &mut Context<'_>) {
        while !self.unsent.is_empty() && self.send_failed.is_none() {
            match Pin::new(&mut *self.stream).poll_write(context, self.unsent) {
                Poll::Ready(Ok(sent)) => self.unsent = &self.unsent[sent..],
                Poll::Ready(Err(error)) => self.send_failed = Some(error),
                Poll::Pending => return,
            }
        }
    }
}

/// An answer that is compared with what is expected while it comes. What is right is never copied.
struct Check<'a> {
    expected: &'a Expectation,
    /// The body that is right, and how much of it has come.
    right: &'a [u8],
    matched: usize,
    /// How much of a body that is not right is kept: nothing where any will do.
    most: usize,
    /// Whether it takes the whole body to tell whether it is right.
    takes_whole: bool,
    code: i64,
    head: &'a mut Vec<u8>,
    wrong: &'a mut Vec<u8>,
}

impl<'a> Check<'a> {
    fn new(expected: &'a Expectation, head: &'a mut Vec<u8>, wrong: &'a mut Vec<u8>) -> Self {
        head.clear();
        wrong.clear();
        let takes_whole = !expected.contained.is_empty() || expected.body_sha256.is_some();
        Self {
            expected,
            right: expected.body.as_deref().unwrap_or_default(),
            matched: 0,
            most: 0,
            takes_whole,
            code: 0,
            head,
            wrong,
        }
    }

    fn is_code_right(&self) -> bool {
        self.expected
            .code
            .is_none_or(|expected| expected == self.code)
    }

    /// Whether the answer is right.
    ///
    /// # Errors
    /// How it is wrong.
    fn finish(self) -> Result<(), Failure> {
        let any_body = self.expected.takes_any_body();
        let is_whole = self.wrong.is_empty() && self.matched == self.right.len();
        let is_body_right = any_body || (is_whole && !self.takes_whole);
        if is_body_right && self.is_code_right() && !self.expected.needs_headers() {
            return Ok(());
        }
        let answer = Answer {
            code: self.code,
            headers: http::headers(self.head),
            body: [&self.right[..self.matched], self.wrong].concat(),
        };
        let checked = self.expected.check(&answer);
        checked.map_err(|reason| Failure::new(FailureKind::WrongAnswer, reason))
    }
}

impl Sink for Check<'_> {
    fn head(&mut self, head: Head, bytes: &[u8]) -> Result<(), String> {
        self.code = i64::from(head.status);
        if self.expected.needs_headers() {
            self.head.extend_from_slice(bytes);
        }
        // A body of which any will do is kept only to show it, beside a wrong code.
        self.most = match () {
            () if self.takes_whole => WHOLE_BYTES,
            () if self.expected.takes_any_body() && self.is_code_right() => 0,
            () => WRONG_BYTES,
        };
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.wrong.is_empty() && self.right[self.matched..].starts_with(bytes) {
            self.matched += bytes.len();
        } else {
            let room = self.most.saturating_sub(self.wrong.len());
            self.wrong
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        Ok(())
    }
}
