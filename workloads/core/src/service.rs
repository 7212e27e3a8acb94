use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::{DEFAULT_ITERATIONS, HELLO, cpu_hash_hex, parse_iterations};

/// The largest body that `POST /echo` sends back.
pub const MAX_ECHO_BYTES: usize = 1024 * 1024;

/// The state behind `/state`: lives as long as the process or instance that holds it.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn add_one(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the service answers to one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
        }
    }

    fn error(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
        }
    }
}

/// The service: `target` is the path with its query, `body` the whole request body.
///
/// `GET /`, `GET /cpu?iterations=N`, `POST /echo` (up to [`MAX_ECHO_BYTES`]), `GET /state`, `POST
/// /state`. Anything else is 404, a known path with another method 405, a body or a count over its
/// bound 413 or 400.
pub fn answer(method: &str, target: &str, body: Vec<u8>, counter: &Counter) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (method, path) {
        ("GET", "/") => Answer::ok(HELLO),
        ("GET", "/cpu") => match iterations(query) {
            Ok(iterations) => Answer::ok(cpu_hash_hex(iterations)),
            Err(message) => Answer::error(400, message),
        },
        ("POST", "/echo") if body.len() > MAX_ECHO_BYTES => Answer::error(
            413,
            format!("the body may have {MAX_ECHO_BYTES} bytes at most"),
        ),
        ("POST", "/echo") => Answer::ok(body),
        ("GET", "/state") => Answer::ok(counter.get().to_string()),
        ("POST", "/state") => Answer::ok(counter.add_one().to_string()),
        (_, "/" | "/cpu" | "/echo" | "/state") => Answer::error(405, "method not allowed"),
        _ => Answer::error(404, "not found"),
    }
}

fn iterations(query: &str) -> Result<u32, String> {
    let asked = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("iterations="));
    asked.map_or(Ok(DEFAULT_ITERATIONS), parse_iterations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, target: &str, body: &[u8]) -> (u16, String) {
        let answer = answer(method, target, body.to_vec(), &Counter::new());
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn says_hello() {
        assert_eq!(call("GET", "/", b""), (200, HELLO.to_owned()));
    }

    #[test]
    fn hashes_as_often_as_asked() {
        assert_eq!(
            call("GET", "/cpu?iterations=7", b""),
            (200, cpu_hash_hex(7))
        );
        assert_eq!(
            call("GET", "/cpu?x=1&iterations=7", b""),
            (200, cpu_hash_hex(7))
        );
        assert_eq!(
            call("GET", "/cpu", b""),
            (200, cpu_hash_hex(DEFAULT_ITERATIONS))
        );
        assert_eq!(call("GET", "/cpu?iterations=lots", b"").0, 400);
    }

    #[test]
    fn echoes_up_to_its_bound() {
        assert_eq!(call("POST", "/echo", b"abc"), (200, "abc".to_owned()));
        assert_eq!(call("POST", "/echo", &vec![b'x'; MAX_ECHO_BYTES]).0, 200);
        assert_eq!(
            call("POST", "/echo", &vec![b'x'; MAX_ECHO_BYTES + 1]).0,
            413
        );
    }

    #[test]
    fn counts() {
        let counter = Counter::new();
        let call = |method: &str| {
            String::from_utf8(answer(method, "/state", vec![], &counter).body).unwrap()
        };
        assert_eq!(
            [call("GET"), call("POST"), call("POST"), call("GET")],
            ["0", "1", "2", "2"]
        );
    }

    #[test]
    fn knows_what_it_does_not_serve() {
        assert_eq!(call("GET", "/nothing", b"").0, 404);
        assert_eq!(call("DELETE", "/state", b"").0, 405);
    }
}
