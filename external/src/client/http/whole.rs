//! An answer that is taken in whole.

use workloads::{Answer, Request};

use super::decoder::{Decoder, Head, Sink, headers};

/// An answer that arrives piece by piece.
#[derive(Debug)]
pub(in crate::client) struct Incoming {
    decoder: Decoder,
    whole: Whole,
    received: usize,
}

/// What has come of it.
#[derive(Debug)]
struct Whole {
    max_body: usize,
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Sink for Whole {
    fn head(&mut self, head: Head, bytes: &[u8]) -> Result<(), String> {
        if let Some(length) = head.length()
            && length > self.max_body
        {
            return Err(format!("a body of {length} bytes is too long"));
        }
        self.status = head.status;
        self.head.extend_from_slice(bytes);
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.body.len() + bytes.len() > self.max_body {
            return Err(format!("the body is longer than {} bytes", self.max_body));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }
}

impl Whole {
    fn answer(&mut self) -> Answer {
        Answer {
            code: i64::from(self.status),
            headers: headers(&self.head),
            body: std::mem::take(&mut self.body),
        }
    }
}

impl Incoming {
    /// Takes the answer to a request, with a body of up to `max_body` bytes.
    pub(in crate::client) fn new(request: &Request, max_body: usize) -> Self {
        Self {
            decoder: Decoder::new(request),
            whole: Whole {
                max_body,
                status: 0,
                head: Vec::new(),
                body: Vec::new(),
            },
            received: 0,
        }
    }

    /// How many bytes have arrived.
    pub(in crate::client) const fn len(&self) -> usize {
        self.received
    }

    /// Takes the next piece; the answer, once it is complete.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub(in crate::client) fn piece(&mut self, piece: &[u8]) -> Result<Option<Answer>, String> {
        self.received += piece.len();
        let end = self.decoder.take(piece, &mut self.whole)?;
        Ok(end.map(|_| self.whole.answer()))
    }

    /// The connection is over: the answer, if that completes it.
    pub(in crate::client) fn over(&mut self) -> Option<Answer> {
        self.decoder
            .is_complete_when_closed()
            .then(|| self.whole.answer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fed byte by byte: the answer and after how many bytes it was complete.
    fn fed(text: &str) -> Result<Option<(Answer, usize)>, String> {
        let mut incoming = Incoming::new(&Request::get("/"), 1_000);
        for (at, byte) in text.bytes().enumerate() {
            if let Some(answer) = incoming.piece(&[byte])? {
                return Ok(Some((answer, at + 1)));
            }
        }
        Ok(incoming.over().map(|answer| (answer, text.len())))
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
        let head = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(64 * 1024));
        let error = Incoming::new(&Request::get("/"), 1_000)
            .piece(head.as_bytes())
            .unwrap_err();
        assert!(error.contains("the head is longer"), "{error}");
    }
}
