//! Bytes that are no HTTP, and clients that behave badly.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use crate::Server;

/// Numbers that are the same in every run: what broke the server once breaks it again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

#[test]
fn requests_that_are_damaged_in_any_way_harm_nobody() {
    const TRIES: usize = 400;
    let valid: [&[u8]; 3] = [
        b"GET /cpu?iterations=10 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: \
            chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    let mut server = Server::start(&["--time-limit", "2"]);
    let mut numbers = Numbers(0x5eed);
    for round in 0..TRIES {
        let mut bytes = valid[numbers.below(valid.len())].to_vec();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len());
            let byte = u8::try_from(numbers.below(256)).unwrap();
            match numbers.below(5) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => _ = bytes.remove(at),
                3 => bytes.truncate(at + 1),
                _ => {
                    let copy = bytes[at..].to_vec();
                    bytes.extend(copy);
                }
            }
        }
        let mut stream = server.connect();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.take(1 << 20).read_to_end(&mut answer);
        // An answer if there is one, and never half of something else.
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1."),
            "round {round}: {answer:?}"
        );
    }
    server.is_well();
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn a_request_without_a_host_is_refused_and_does_not_reach_the_guest() {
    let mut server = Server::start(&[]);
    let mut stream = server.connect();
    stream
        .write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        .unwrap();
    assert_eq!(crate::answered(stream).status, 400);
    server.is_well();
}

#[test]
fn a_body_that_never_comes_ends_at_the_time_limit() {
    let mut server = Server::start(&["--time-limit", "2", "--threads", "1"]);
    let mut stream = server.connect();
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \
                100\r\n\r\nhalf",
        )
        .unwrap();
    assert_eq!(server.get("/").status, 200);
    assert_eq!(crate::answered(stream).status, 504);
    server.is_well();
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let mut server = Server::start(&["--threads", "1"]);
    let silent: Vec<_> = (0..100).map(|_| server.connect()).collect();
    server.is_well();
    drop(silent);
    server.is_well();
}
