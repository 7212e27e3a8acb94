//! Enough of HTTP/1.1 to send one request and to know when its answer is complete.

use workloads::{Answer, Request};

/// The longest head of an answer that is taken.
const MAX_HEAD: usize = 64 * 1024;

/// The request as it goes over the wire. The connection is to be closed after the answer: it is the
/// only one on it.
pub(super) fn bytes(request: &Request, host: &str) -> Vec<u8> {
    let Request {
        method,
        target,
        body,
    } = request;
    let length = if body.is_empty() && method == "GET" {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let head =
        format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{length}\r\n");
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
            body,
        }))
    }

    /// The head, once it is there. Those that only say that another follows are dropped.
    fn head(&mut self) -> Result<Option<Head>, String> {
        while self.head.is_none() {
            let Some(end) = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            else {
                let fits = self.received.len() <= MAX_HEAD;
                return if fits {
                    Ok(None)
                } else {
                    Err(format!("the head is longer than {MAX_HEAD} bytes"))
                };
            };
            let head = parse(&self.received[..end], end + 4)?;
            if (100..200).contains(&head.status) {
                self.received.drain(..head.body);
            } else {
                self.head = Some(head);
            }
        }
        Ok(self.head)
    }
}

fn parse(head: &[u8], body: usize) -> Result<Head, String> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let malformed = || {
        format!(
            "the answer does not begin as HTTP/1.1 does: {:?}",
            first.chars().take(60).collect::<String>()
        )
    };
    let status = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .ok_or_else(malformed)?;
    let status = status
        .parse()
        .ok()
        .filter(|status| (100..600).contains(status))
        .ok_or_else(malformed)?;
    let mut ends = if matches!(status, 204 | 304) {
        Ends::After(0)
    } else {
        Ends::WithConnection
    };
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("a header without a colon: {line:?}"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            ends = Ends::WithLastChunk;
        } else if name.eq_ignore_ascii_case("content-length") && ends == Ends::WithConnection {
            ends = Ends::After(
                value
                    .parse()
                    .map_err(|_| format!("a content-length that is none: {value:?}"))?,
            );
        }
    }
    Ok(Head { status, body, ends })
}

/// The bytes in the chunks, if the last one has come, and what follows it.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return if rest.len() > 1024 {
                Err("a chunk without a size".into())
            } else {
                Ok(None)
            };
        };
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = size.split(';').next().unwrap_or_default().trim();
        let size =
            usize::from_str_radix(size, 16).map_err(|_| format!("a chunk of the size {size:?}"))?;
        rest = &rest[end + 2..];
        if size == 0 {
            // Trailers, if any, end with an empty line.
            let done = rest.starts_with(b"\r\n") || rest.windows(4).any(|four| four == b"\r\n\r\n");
            return Ok(done.then_some(body));
        }
        let whole = size
            .checked_add(2)
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
        let (answer, _) = fed("HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((answer.code, answer.body.len()), (204, 0));
    }

    #[test]
    fn an_answer_that_breaks_off_is_none() {
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
    fn what_is_no_answer_is_said() {
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
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "without a colon"),
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
        assert!(
            fed(&"x".repeat(MAX_HEAD + 1))
                .unwrap_err()
                .contains("the head")
        );
    }

    #[test]
    fn writes_a_request() {
        let get = String::from_utf8(bytes(&Request::get("/a?b"), "localhost:1")).unwrap();
        assert_eq!(
            get,
            "GET /a?b HTTP/1.1\r\nhost: localhost:1\r\nconnection: close\r\n\r\n"
        );
        let post = String::from_utf8(bytes(&Request::post("/", "body"), "x")).unwrap();
        assert!(post.ends_with("content-length: 4\r\n\r\nbody"), "{post}");
    }
}
