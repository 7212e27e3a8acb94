//! Bytes that are no HTTP, and clients that behave badly.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use crate::{NEVER, Server};

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

/// Sends these bytes, and reads all that comes back.
fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn whom_a_request_is_for_is_said_once_or_it_does_not_reach_the_guest() {
    let mut server = Server::start(&[]);
    for (head, status) in [
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nHost: y\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a b\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: user@x\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: x:port\r\n", 400),
        ("GET / HTTP/1.1\r\nhost:\r\n", 400),
        ("GET http://y/ HTTP/1.1\r\n", 400),
        ("GET https://y/ HTTP/1.1\r\nhost: y\r\n", 400),
        ("GET http://y/ HTTP/1.1\r\nhost: x\r\n", 200),
        ("GET / HTTP/1.1\r\nhost: [::1]:80\r\n", 200),
        ("GET / HTTP/1.0\r\n", 200),
        ("GET / HTTP/1.0\r\nhost: x\r\nhost: y\r\n", 400),
        ("CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n", 501),
    ] {
        let mut stream = server.connect();
        stream
            .write_all(format!("{head}connection: close\r\n\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let said = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(said, status.to_string(), "{head:?}: {answer:?}");
    }
    server.is_well();
}

/// What one reader takes for a body and another one for the next request.
#[test]
fn no_request_is_hidden_in_another() {
    let mut server = Server::start(&[]);
    let hidden = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    for (head, body, status) in [
        (
            "content-length: 5\r\ntransfer-encoding: chunked",
            "0\r\n\r\n",
            200,
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 5",
            "0\r\n\r\n",
            200,
        ),
        ("content-length: 0\r\ncontent-length: 5", "", 400),
        ("content-length: +5", "", 400),
        ("content-length: 5, 5", "", 400),
        ("content-length : 5", "", 400),
        ("transfer-encoding : chunked", "", 400),
        ("transfer-encoding: gzip, chunked", "0\r\n\r\n", 501),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "0\r\n\r\n",
            501,
        ),
        ("transfer-encoding: chunked, identity", "0\r\n\r\n", 400),
        ("transfer-encoding: chunked", "0x0\r\n\r\n", 400),
        ("transfer-encoding: chunked", "-1\r\n\r\n", 400),
        (
            "transfer-encoding: chunked",
            "ffffffffffffffff1\r\n\r\n",
            400,
        ),
        ("x: y\r\n z: folded", "", 400),
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}{hidden}");
        let answer = exchange(&server, request.as_bytes());
        let said = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(said, status.to_string(), "{head:?}: {answer:?}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{head:?}: {answer:?}"
        );
    }
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

const BOTH: [&str; 2] = ["per-request", "reused"];

/// Begins a request whose body stops coming.
fn begin(server: &Server) -> std::net::TcpStream {
    let mut stream = server.connect();
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \
                10\r\n\r\nx",
        )
        .unwrap();
    stream
}

#[test]
fn a_body_that_stops_coming_is_408_and_no_failure_of_the_guest() {
    for instances in BOTH {
        let mut server = Server::start(&["--instances", instances, "--read-limit", "0.3"]);
        let answer = crate::answered(begin(&server));
        assert_eq!(answer.status, 408, "{instances}");
        server.is_well();
        assert_eq!(server.terminate(), (Some(0), String::new()), "{instances}");
    }
}

#[test]
fn clients_that_send_slowly_keep_nobody_from_an_instance_that_is_kept() {
    let limits = ["--read-limit", NEVER, "--time-limit", NEVER];
    let mut server =
        Server::start(&[&["--instances", "reused", "--threads", "1"], &limits[..]].concat());
    let one = begin(&server);
    for _ in 0..3 {
        server.is_well();
    }
    // More than there may be requests at once.
    let many: Vec<_> = (0..520).map(|_| begin(&server)).collect();
    for _ in 0..3 {
        server.is_well();
    }
    drop((one, many));
    server.is_well();
    assert_eq!(server.terminate(), (Some(0), String::new()));
}

#[test]
fn a_client_that_does_not_read_keeps_nobody_from_an_instance_that_is_kept() {
    let mut server = Server::start(&[
        "--instances",
        "reused",
        "--threads",
        "1",
        "--write-limit",
        NEVER,
        "--time-limit",
        NEVER,
    ]);
    let mut stream = server.connect();
    let body = vec![b'x'; 1024 * 1024];
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream
        .set_write_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    // Until the kernel has no room for another answer, and the server reads no further.
    let blocked = (0..64)
        .find_map(|_| {
            let asked = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
            asked.err()
        })
        .expect("64 MiB of answers that nobody reads");
    assert_eq!(blocked.kind(), std::io::ErrorKind::WouldBlock, "{blocked}");
    for _ in 0..3 {
        server.is_well();
    }
}

#[test]
fn requests_that_are_broken_off_are_no_failures_of_the_guest() {
    for instances in BOTH {
        let mut server = Server::start(&["--instances", instances]);
        for nth in 0..150 {
            let stream = begin(&server);
            stream.shutdown(Shutdown::Write).unwrap();
            if nth % 2 == 0 {
                assert_eq!(crate::answered(stream).status, 400, "{instances}");
            }
        }
        server.is_well();
        assert_eq!(server.terminate(), (Some(0), String::new()), "{instances}");
    }
}
