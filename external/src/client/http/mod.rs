//! Enough of HTTP/1.1 to send requests and to know when their answers are complete.
//!
//! `httparse` reads heads and sizes of chunks. The loop around it is ours: a first answer is timed and must
//! not pay for a client that is made for many, and a load generator that is to find the limit of a server
//! on one core may cost hardly more than its system calls.

mod decoder;
mod whole;

pub(super) use decoder::{Decoder, End, Head, Sink, headers};
pub(super) use whole::Incoming;

use workloads::Request;

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

#[cfg(test)]
mod tests {
    use super::*;

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
