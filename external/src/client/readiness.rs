//! The first answer of a server: requested until it comes, and dated.
//!
//! Where the kernel tells that a port is listened on ([`Listening`]), nothing is asked before; elsewhere
//! readiness has to come from retrying. How exactly an instant is known is a part of the measurement
//! either way: [`FirstAnswer::resolution_ns`].

use std::cell::Cell;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use machine::clock::now_ns;
use nix::sys::prctl::set_timerslack;
use results::{Failure, FailureKind};
use workloads::{Answer, Request};

use super::http::{After, Incoming, bytes};
use super::listening::Listening;
pub use super::retry::{RetryPolicy, Target};

/// The first complete answer, and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The clock when the connection that it came over was there: in the kernel, not yet accepted.
    pub connected_ns: u64,
    /// The clock when its last byte was there.
    pub answered_ns: u64,
    /// How many requests there were, this one included.
    pub attempts: u64,
    /// From the instant at which the port was listened on, as the kernel tells it, or from the beginning
    /// of the attempt before, to the beginning of this one: up to so much earlier the server may have
    /// been ready. `None` if the first attempt succeeded.
    pub resolution_ns: Option<u64>,
    /// Whether the kernel told that the port was listened on, before anybody asked.
    pub heard: bool,
    /// What was answered. Not judged here, but for its status if [`RetryPolicy::retry_statuses`]
    /// says so.
    pub answer: Answer,
}

/// Why there is no first answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The deadline passed, and no connection was ever taken.
    #[error(
        "nothing listened on {address} in time: the last of {attempts} attempts failed with: {last}"
    )]
    NeverListened {
        /// The address.
        address: SocketAddr,
        /// How many attempts there were.
        attempts: u64,
        /// What the last one failed of.
        last: String,
    },
    /// The process that should answer has ended.
    #[error(
        "the server ended before it answered, after {attempts} attempts; the last failed with: \
            {last}"
    )]
    Ended {
        /// How many attempts there were.
        attempts: u64,
        /// What the last one failed of.
        last: String,
    },
    /// The system does not let us connect: no attempt can succeed.
    #[error("cannot connect to {address}: {reason}")]
    CannotConnect {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// The connection was closed or reset within the answer, or before it.
    #[error("the connection broke off after {received} bytes of the answer: {reason}")]
    BrokeOff {
        /// How many bytes had come.
        received: usize,
        /// What the system says.
        reason: String,
    },
    /// A connection was taken, and the answer was not complete at the deadline.
    #[error("connected, and no complete answer in time: {received} bytes of it came; {last}")]
    TooLate {
        /// How many bytes had come.
        received: usize,
        /// What attempts before this one failed of.
        last: String,
    },
    /// What came is no HTTP.
    #[error("what was answered cannot be read: {0}")]
    Malformed(String),
}

impl From<NoAnswer> for Failure {
    fn from(error: NoAnswer) -> Self {
        let kind = match error {
            NoAnswer::NeverListened { .. } | NoAnswer::TooLate { .. } => FailureKind::TimeLimit,
            NoAnswer::Malformed(_) => FailureKind::WrongAnswer,
            NoAnswer::Ended { .. } | NoAnswer::CannotConnect { .. } | NoAnswer::BrokeOff { .. } => {
                FailureKind::SystemFailed
            }
        };
        Self::new(kind, error.to_string())
    }
}

/// One attempt that can be made again.
enum Failed {
    Again(String),
    Final(NoAnswer),
}

/// Sends requests to `target` until the first answer is complete.
///
/// `has_ended` says whether the process that should answer is no more, so that nobody waits for the
/// dead; it is called after each failed attempt. Between attempts the thread sleeps, with its timer
/// slack at the least, so that the core is left to a server which has only this one.
///
/// # Errors
/// [`NoAnswer`], with what was seen.
pub fn first_answer(
    target: &Target,
    request: &Request,
    policy: &RetryPolicy,
    has_ended: &mut dyn FnMut() -> bool,
) -> Result<FirstAnswer, NoAnswer> {
    first_answer_heard(target, request, policy, None, has_ended)
}

/// The same, without asking before the port is listened on, where that is heard of. What was heard before
/// the server's launch is to be [cleared](Listening::clear).
///
/// # Errors
/// [`NoAnswer`], with what was seen.
pub fn first_answer_heard(
    target: &Target,
    request: &Request,
    policy: &RetryPolicy,
    mut listening: Option<&mut Listening>,
    has_ended: &mut dyn FnMut() -> bool,
) -> Result<FirstAnswer, NoAnswer> {
    let bytes = bytes(request, &target.host, After::Closed);
    // Without it the kernel may wake us 50 µs late, as long as the whole period. A kernel that
    // refuses only costs resolution.
    let _ = set_timerslack(1);
    let connected = Cell::new(false);
    let mut previous_ns = None;
    let mut attempts = 0;
    let mut heard = false;
    let first_ns = now_ns();
    loop {
        let began_ns = now_ns();
        attempts += 1;
        let last = match attempt(target.address, (request, &bytes), policy, &connected) {
            Ok((connected_ns, answered_ns, answer)) => {
                let resolution_ns = previous_ns.map(|previous| began_ns - previous);
                return Ok(FirstAnswer {
                    connected_ns,
                    answered_ns,
                    attempts,
                    resolution_ns,
                    heard,
                    answer,
                });
            }
            Err(Failed::Final(reason)) => return Err(reason),
            Err(Failed::Again(last)) => last,
        };
        if has_ended() {
            return Err(NoAnswer::Ended { attempts, last });
        }
        if policy.is_over() {
            return Err(if connected.get() {
                NoAnswer::TooLate { received: 0, last }
            } else {
                NoAnswer::NeverListened {
                    address: target.address,
                    attempts,
                    last,
                }
            });
        }
        previous_ns = Some(began_ns);
        // Who was connected once, and was turned away, waits for something else.
        if connected.get() || heard {
            listening = None;
        }
        let passed_ns = began_ns - first_ns;
        if let Some(listening) = listening.as_deref_mut() {
            let timeout = Duration::from_nanos(policy.unheard_ns(passed_ns));
            if let Some(heard_ns) = listening.wait(target.address.port(), timeout) {
                (heard, previous_ns) = (true, Some(heard_ns.max(began_ns)));
            }
            continue;
        }
        let pause = (began_ns + policy.pause_ns(passed_ns)).saturating_sub(now_ns());
        if pause > 0 {
            std::thread::sleep(Duration::from_nanos(pause));
        }
    }
}

fn attempt(
    address: SocketAddr,
    request: (&Request, &[u8]),
    policy: &RetryPolicy,
    connected: &Cell<bool>,
) -> Result<(u64, u64, Answer), Failed> {
    let stream = connect(address, policy)?;
    let connected_ns = now_ns();
    connected.set(true);
    let (answered_ns, answer) = exchange(stream, request, policy)?;
    if policy.retry_statuses && answer.code != policy.status {
        return Err(Failed::Again(format!("HTTP status {}", answer.code)));
    }
    Ok((connected_ns, answered_ns, answer))
}

fn connect(address: SocketAddr, policy: &RetryPolicy) -> Result<TcpStream, Failed> {
    let stream = TcpStream::connect_timeout(&address, policy.left()).map_err(|error| {
        match error.kind() {
            // Nobody listens, nobody answers yet, or a container's network is not up yet.
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::Interrupted => Failed::Again(error.to_string()),
            _ => Failed::Final(NoAnswer::CannotConnect {
                address,
                reason: error.to_string(),
            }),
        }
    })?;
    // A client that nobody answers may be given the very port that it connects to, and then it
    // talks to itself.
    let itself = stream
        .local_addr()
        .and_then(|local| Ok(local == stream.peer_addr()?));
    match itself {
        Ok(false) => Ok(stream),
        Ok(true) => Err(Failed::Again(
            "nobody listened, and the client was connected to itself".into(),
        )),
        Err(error) => Err(Failed::Again(error.to_string())),
    }
}

fn exchange(
    mut stream: TcpStream,
    (request, bytes): (&Request, &[u8]),
    policy: &RetryPolicy,
) -> Result<(u64, Answer), Failed> {
    let mut incoming = Incoming::new(request, policy.max_body);
    let sent = stream.set_nodelay(true).and_then(|()| {
        stream.set_write_timeout(Some(policy.left()))?;
        stream.write_all(bytes)
    });
    let mut piece = [0; 16 * 1024];
    loop {
        let read = stream
            .set_read_timeout(Some(policy.left()))
            .and_then(|()| stream.read(&mut piece));
        let read_ns = now_ns();
        let (answer, over) = match read {
            Ok(0) => (Ok(incoming.over()), true),
            Ok(read) => (incoming.piece(&piece[..read]), false),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(&incoming, &error, policy)),
        };
        match answer.map_err(|reason| Failed::Final(NoAnswer::Malformed(reason)))? {
            Some(answer) => return Ok((read_ns, answer)),
            // A server may answer before it has read all, and close: so a request that was not sent
            // whole is no reason not to read. If there was no answer, what became of the request
            // explains more than the end does.
            None if over => {
                let error = sent
                    .err()
                    .unwrap_or_else(|| ErrorKind::UnexpectedEof.into());
                return Err(broken(&incoming, &error, policy));
            }
            None => {}
        }
    }
}

/// A connection that ended within an answer or before it.
fn broken(incoming: &Incoming, error: &io::Error, policy: &RetryPolicy) -> Failed {
    let received = incoming.len();
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        return Failed::Final(NoAnswer::TooLate {
            received,
            last: "the server was silent".into(),
        });
    }
    let reason = if error.kind() == ErrorKind::UnexpectedEof {
        "it was closed".into()
    } else {
        error.to_string()
    };
    if policy.retry_resets && received == 0 {
        Failed::Again(format!(
            "the connection broke off before the answer: {reason}"
        ))
    } else {
        Failed::Final(NoAnswer::BrokeOff { received, reason })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use machine::ports::free_port;

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// A server that reads a request and then says each of these, a connection each.
    fn server(port: u16, says: &'static [&'static str]) -> thread::JoinHandle<()> {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        thread::spawn(move || {
            for says in says {
                let (mut stream, _) = listener.accept().unwrap();
                let read = stream.read(&mut [0; 1024]).unwrap();
                assert!(read > 0);
                stream.write_all(says.as_bytes()).unwrap();
            }
        })
    }

    fn answer(port: u16, policy: &RetryPolicy) -> Result<FirstAnswer, NoAnswer> {
        first_answer(
            &Target::loopback(port),
            &Request::get("/"),
            policy,
            &mut || false,
        )
    }

    fn soon() -> RetryPolicy {
        // A hang, not a wait.
        RetryPolicy::until(now_ns() + 180_000_000_000)
    }

    #[test]
    fn retries_until_somebody_listens() {
        let port = free_port().unwrap();
        let (before, mut began) = (now_ns(), None);
        let (mut asked, mut serving) = (0, None);
        // Called after each attempt that has failed.
        let mut has_ended = || {
            asked += 1;
            if asked == 20 {
                began = Some(now_ns());
                serving = Some(server(port, &[OK]));
            }
            false
        };
        let first = first_answer(
            &Target::loopback(port),
            &Request::get("/"),
            &soon(),
            &mut has_ended,
        )
        .unwrap();
        serving.unwrap().join().unwrap();
        assert_eq!(
            (first.answer.code, &first.answer.body[..]),
            (200, &b"ok"[..])
        );
        assert_eq!(first.attempts, 21, "{first:?}");
        // Between the last two attempts, of which the second found somebody.
        let longest = first.connected_ns - before;
        assert!(
            first
                .resolution_ns
                .is_some_and(|ns| (40_000..longest).contains(&ns)),
            "{first:?}"
        );
        assert!(began.unwrap() <= first.connected_ns && first.connected_ns < first.answered_ns);
    }

    #[test]
    fn retrying_ends_with_the_process_and_at_the_deadline() {
        let port = free_port().unwrap();
        let (target, request) = (Target::loopback(port), Request::get("/"));
        let mut calls = 0;
        let ended = first_answer(&target, &request, &soon(), &mut || {
            calls += 1;
            calls == 3
        });
        assert!(
            matches!(ended, Err(NoAnswer::Ended { attempts: 3, .. })),
            "{ended:?}"
        );
        let late = answer(port, &RetryPolicy::until(now_ns() + 20_000_000)).unwrap_err();
        assert!(late.to_string().contains("Connection refused"), "{late}");
        assert!(matches!(late, NoAnswer::NeverListened { .. }));
    }

    #[test]
    fn missing_and_incomplete_answers_are_distinguished() {
        let port = free_port().unwrap();
        let silent = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let late = answer(port, &RetryPolicy::until(now_ns() + 1_000_000_000)).unwrap_err();
        assert!(
            matches!(late, NoAnswer::TooLate { received: 0, .. }),
            "{late:?}"
        );
        drop(silent);
        for (says, expected) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
                "broke off after 42 bytes of the answer: it was closed",
            ),
            ("", "broke off after 0 bytes"),
            ("220 mail.example ESMTP\r\n\r\n", "cannot be read"),
        ] {
            let port = free_port().unwrap();
            let server = server(port, Box::leak(Box::new([says])));
            let error = answer(port, &soon()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            server.join().unwrap();
        }
    }

    #[test]
    fn resets_and_statuses_are_retried_if_the_policy_says_so() {
        let port = free_port().unwrap();
        let server = server(
            port,
            &["", "HTTP/1.1 503 Not Yet\r\ncontent-length: 0\r\n\r\n", OK],
        );
        let policy = RetryPolicy {
            retry_resets: true,
            retry_statuses: true,
            ..soon()
        };
        let first = answer(port, &policy).unwrap();
        assert_eq!((first.attempts, first.answer.code), (3, 200));
        server.join().unwrap();
    }

    #[test]
    fn a_client_is_not_its_own_server() {
        let outgoing = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let (low, high) = outgoing.trim().split_once('\t').unwrap();
        let (low, high): (u64, u64) = (low.parse().unwrap(), high.parse().unwrap());
        let port = u16::try_from(low + now_ns() % (high - low)).unwrap();
        // Every attempt may be given its own port; within as many as there are ports, one is.
        let policy = RetryPolicy {
            period_ns: 0,
            growth: u64::MAX,
            ..RetryPolicy::until(now_ns() + 1_500_000_000)
        };
        let error = answer(port, &policy).unwrap_err();
        assert!(matches!(error, NoAnswer::NeverListened { .. }), "{error:?}");
    }
}
