//! Enough of HTTP/1.1 to send one request and to know when its answer is complete.
//!
//! `httparse` reads heads and sizes of chunks. The loop around it is ours, since a first answer is
//! timed and must not pay for a client that is made for many.

use httparse::{EMPTY_HEADER, Status};
use workloads::{Answer, Request};

/// The longest head of an answer that is taken.
const MAX_HEAD: usize = 64 * 1024;

/// The most headers of an answer that are taken.
const MAX_HEADERS: usize = 128;

/// The longest line with the size of a chunk that is taken.
const MAX_CHUNK_LINE: usize = 1024;

/// What becomes of the connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It is to be closed: this request is the only one on it.
    Closed,
    /// It is kept.
    Kept,
}

/// The request as it goes over the wire.
pub(super) fn bytes(request: &Request, host: &str, after: After) -> Vec<u8> {
    let Request {
        method,
        target,
        headers,
        body,
    } = request;
    let length = if body.is_empty() && method == "GET" {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let close = match after {
        After::Closed => "connection: close\r\n",
        After::Kept => "",
    };
    let host = request.header("host").unwrap_or(host);
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{close}");
    for (name, value) in headers {
        // That one was written already.
        if !name.eq_ignore_ascii_case("host") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&length);
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// An answer that arrives piece by piece.
#[derive(Debug)]
pub(super) struct Incoming {
    max_body: usize,
    received: Vec<u8>,
    head: Option<Head>,
}

/// What the head says: the status, where the body begins, and how its end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    body: usize,
    ends: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    After(usize),
    WithLastChunk,
    WithConnection,
}

impl Incoming {
    /// Takes bodies of up to `max_body` bytes.
    pub(super) const fn new(max_body: usize) -> Self {
        Self {
            max_body,
            received: Vec::new(),
            head: None,
        }
    }

    /// How many bytes have arrived.
    pub(super) fn len(&self) -> usize {
        self.received.len()
    }

    /// Takes the next piece; the answer, once it is complete.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(super) fn piece(&mut self, piece: &[u8]) -> Result<Option<Answer>, String> {
        self.received.extend_from_slice(piece);
        self.complete(false)
    }

    /// The connection is over: the answer, if that completes it.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(super) fn over(&mut self) -> Result<Option<Answer>, String> {
        self.complete(true)
    }

    fn complete(&mut self, over: bool) -> Result<Option<Answer>, String> {
        let Some(head) = self.head()? else {
            return Ok(None);
        };
        let body = &self.received[head.body..];
        let body = match head.ends {
            Ends::After(length) if length > self.max_body => {
                return Err(format!("a body of {length} bytes is too long"));
            }
            Ends::After(length) => body.get(..length).map(<[u8]>::to_vec),
            Ends::WithLastChunk => unchunked(body)?,
            Ends::WithConnection => over.then(|| body.to_vec()),
        };
        // Chunks and their sizes too: no answer takes more than twice what it says, but in chunks
        // of a few bytes.
        if body.is_none() && self.received.len() - head.body > self.max_body.saturating_mul(2) {
            return Err(format!("the body is longer than {} bytes", self.max_body));
        }
        Ok(body.map(|body| Answer {
            code: i64::from(head.status),
            headers: headers(&self.received[..head.body]),
            body,
        }))
    }

    /// The head, once it is there. Those that only announce another one are dropped.
    fn head(&mut self) -> Result<Option<Head>, String> {
        while self.head.is_none() {
            let Some(head) = parse_head(&self.received)? else {
                let fits = self.received.len() <= MAX_HEAD;
                return if fits {
                    Ok(None)
                } else {
                    Err(format!("the head is longer than {MAX_HEAD} bytes"))
                };
            };
            if (100..200).contains(&head.status) {
                self.received.drain(..head.body);
            } else {
                self.head = Some(head);
            }
        }
        Ok(self.head)
    }
}

/// The head at the beginning of what has been received; nothing if it is not complete.
fn parse_head(received: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let body = match response.parse(received) {
        Ok(Status::Complete(body)) => body,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(malformed(error, received)),
    };
    let status = response
        .code
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| malformed(httparse::Error::Status, received))?;
    let mut ends = if matches!(status, 204 | 304) {
        Ends::After(0)
    } else {
        Ends::WithConnection
    };
    for header in response.headers {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("transfer-encoding")
            && value.eq_ignore_ascii_case(b"chunked")
        {
            ends = Ends::WithLastChunk;
        } else if header.name.eq_ignore_ascii_case("content-length") && ends == Ends::WithConnection
        {
            ends = Ends::After(parse_length(value)?);
        }
    }
    Ok(Some(Head { status, body, ends }))
}

/// The headers of a head that was parsed before: read once the answer is complete, and dated.
fn headers(head: &[u8]) -> Vec<(String, String)> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    if response.parse(head).is_err() {
        return Vec::new();
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = response.headers.iter();
    headers
        .map(|header| (header.name.to_owned(), text(header.value.trim_ascii())))
        .collect()
}

fn parse_length(value: &[u8]) -> Result<usize, String> {
    let text = String::from_utf8_lossy(value);
    text.parse()
        .map_err(|_| format!("a content-length that is no number: {text:?}"))
}

fn malformed(error: httparse::Error, received: &[u8]) -> String {
    let first = received.split(|byte| *byte == b'\r').next();
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    let first: String = first.chars().take(60).collect();
    match error {
        httparse::Error::Version | httparse::Error::Status | httparse::Error::Token => {
            format!("the answer does not begin as HTTP/1.1 does: {first:?}")
        }
        error => format!("the head of the answer is malformed: {error}"),
    }
}

/// The bytes in the chunks, if the last one has come, and what follows it.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) if rest.len() > MAX_CHUNK_LINE => {
                return Err("a chunk without a size".into());
            }
            Ok(Status::Partial) => return Ok(None),
            Err(_) => {
                let line = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
                let line = String::from_utf8_lossy(&line[..line.len().min(60)]);
                return Err(format!("a chunk of the size {line:?}"));
            }
        };
        rest = &rest[start..];
        if size == 0 {
            return after_last_chunk(rest).map(|complete| complete.then_some(body));
        }
        let (size, whole) = usize::try_from(size)
            .ok()
            .and_then(|size| Some((size, size.checked_add(2)?)))
            .ok_or_else(|| format!("a chunk of the size {size}"))?;
        if rest.len() < whole {
            return Ok(None);
        }
        if &rest[size..whole] != b"\r\n" {
            return Err(format!("a chunk longer than the {size} bytes it says"));
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[whole..];
    }
}

/// Whether what follows the last chunk is complete: trailers, if any, and an empty line.
fn after_last_chunk(rest: &[u8]) -> Result<bool, String> {
    let mut trailers = [EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(rest, &mut trailers) {
        Ok(status) => Ok(status.is_complete()),
        Err(error) => Err(format!("a trailer of the answer is malformed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fed byte by byte: the answer and after how many bytes it was complete.
    fn fed(text: &str) -> Result<Option<(Answer, usize)>, String> {
        let mut incoming = Incoming::new(1_000);
        for (at, byte) in text.bytes().enumerate() {
            if let Some(answer) = incoming.piece(&[byte])? {
                return Ok(Some((answer, at + 1)));
            }
        }
        Ok(incoming.over()?.map(|answer| (answer, text.len())))
    }

    fn whole(text: &str, body: &str) {
        let (answer, at) = fed(text).unwrap().unwrap();
        assert_eq!(
            (answer.code, answer.body.as_slice(), at),
            (200, body.as_bytes(), text.len())
        );
    }

    #[test]
    fn knows_the_end_of_an_answer() {
        whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello");
        whole("HTTP/1.0 200 \r\n\r\nuntil the end", "until the end");
        whole(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: \
                Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
            "hello",
        );
        whole(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ntrailer: \
                1\r\n\r\n",
            "ok",
        );
        whole(
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: \
                0\r\n\r\n",
            "",
        );
        let (answer, _) = fed("HTTP/1.1 204 No Content\r\nX-A:  b \r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!((answer.code, answer.body.len()), (204, 0));
        assert_eq!(answer.headers, [("X-A".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn an_incomplete_answer_is_none() {
        assert_eq!(
            fed("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"),
            Ok(None)
        );
        assert_eq!(
            fed("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
            Ok(None)
        );
        assert_eq!(fed("HTTP/1.1 200 OK\r\nconte"), Ok(None));
        assert_eq!(fed(""), Ok(None));
    }

    #[test]
    fn a_malformed_answer_is_an_error_that_says_why() {
        for (text, word) in [
            ("SSH-2.0-OpenSSH\r\n\r\n", "does not begin"),
            ("HTTP/1.1 nothing\r\n\r\n", "does not begin"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
                "content-length",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
                "too long",
            ),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "is malformed"),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
                "a chunk of the size",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc",
                "longer than the 1 bytes",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                "a chunk of the size",
            ),
        ] {
            let error = fed(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3_000));
        assert!(fed(&endless).unwrap_err().contains("longer than"));
        let head = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(MAX_HEAD));
        let error = Incoming::new(1_000).piece(head.as_bytes()).unwrap_err();
        assert!(error.contains("the head is longer"), "{error}");
    }

    #[test]
    fn writes_a_request() {
        let get =
            String::from_utf8(bytes(&Request::get("/a?b"), "localhost:1", After::Closed)).unwrap();
        assert_eq!(
            get,
            "GET /a?b HTTP/1.1\r\nhost: localhost:1\r\nconnection: close\r\n\r\n"
        );
        let post = String::from_utf8(bytes(&Request::post("/", "body"), "x", After::Kept)).unwrap();
        assert!(post.ends_with("content-length: 4\r\n\r\nbody"), "{post}");
        let own = ["Host: a", "Content-Type: text/plain"];
        let own = Request::get("/").with_headers(&own).unwrap();
        assert_eq!(
            String::from_utf8(bytes(&own, "localhost:1", After::Closed)).unwrap(),
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nContent-Type: text/plain\r\n\r\n"
        );
    }
}
