//! A server that misbehaves as it is told, for tests of what drives servers: `mock-server BEHAVIOUR
//! IP:PORT`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// How often it was told to count.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// How many requests it has had.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// After so many requests it breaks, if it is to break under load.
const UNTIL_IT_BREAKS: u64 = 20;
/// How often it was asked for its health, and how often it says that it is not ready.
static COUNT_OF_HEALTH: AtomicU64 = AtomicU64::new(0);
const READY: u64 = 3;

/// What a right answer says.
const HELLO: &str = "Hello from coldphase";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [behaviour, address] = arguments.as_slice() else {
        return ExitCode::from(2);
    };
    match behaviour.as_str() {
        "never-listens" => forever(),
        "dies" => {
            let _ = writeln!(std::io::stderr(), "mock: cannot find my configuration");
            ExitCode::from(3)
        }
        "floods" => flood(),
        "wrong-port" => serve("127.0.0.1:0", behaviour),
        "alone" => {
            // A name that the kernel gives to one process at a time, of those that one program has
            // launched.
            let name = format!(
                "coldphase-mock-alone-{}",
                std::os::unix::process::parent_id()
            );
            let name = SocketAddr::from_abstract_name(name);
            let Ok(_held) = name.and_then(|name| UnixListener::bind_addr(&name)) else {
                let _ = writeln!(std::io::stderr(), "mock: there is one of me already");
                return ExitCode::from(3);
            };
            serve(address, behaviour)
        }
        "tells" => {
            let token = std::env::var("API_TOKEN").unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "mock: {token} is not accepted");
            ExitCode::from(3)
        }
        "daemonises" => {
            let this = std::env::current_exe().unwrap_or_default();
            let child = Command::new("setsid")
                .arg(this)
                .args(["answers", address])
                .spawn();
            if child.is_err() {
                return ExitCode::FAILURE;
            }
            while TcpStream::connect(address).is_err() {
                std::thread::yield_now();
            }
            ExitCode::SUCCESS
        }
        "six-alone" => serve(&address.replace("127.0.0.1", "[::1]"), behaviour),
        "leaves-a-child" => {
            // In a session of its own, it is in nobody's process group.
            let child = Command::new("setsid").args(["sleep", "1000"]).spawn();
            if child.is_err() {
                return ExitCode::FAILURE;
            }
            serve(address, behaviour)
        }
        _ => serve(address, behaviour),
    }
}

fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

/// A log without an end, and no socket.
fn flood() -> ExitCode {
    let line = [b"the same line again and again\n".as_slice(); 100].concat();
    while std::io::stderr().write_all(&line).is_ok() {}
    ExitCode::FAILURE
}

fn serve(address: &str, behaviour: &str) -> ExitCode {
    let Ok(listener) = TcpListener::bind(address) else {
        return ExitCode::FAILURE;
    };
    for stream in listener.incoming().flatten() {
        let behaviour = behaviour.to_owned();
        std::thread::spawn(move || converse(stream, &behaviour));
    }
    ExitCode::SUCCESS
}

/// A request: its head in lower case, and its body.
struct Asked {
    head: String,
    body: Vec<u8>,
}

/// Reads the next request, of a few kilobytes at most; nothing at the end of the connection.
fn next_request(stream: &mut TcpStream) -> Option<Asked> {
    let (mut buffer, mut read) = ([0; 4096], 0);
    loop {
        match stream.read(&mut buffer[read..]) {
            Ok(n) if n > 0 => read += n,
            _ => return None,
        }
        let received = &buffer[..read];
        let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let lines = head.lines();
        let mut lengths = lines.filter_map(|line| line.strip_prefix("content-length: "));
        let length = lengths.next().map_or(0, |it| it.parse().unwrap_or(0));
        if let Some(body) = received.get(end + 4..end + 4 + length) {
            let body = body.to_vec();
            return Some(Asked { head, body });
        }
    }
}

/// Requests, one after another.
fn converse(mut stream: TcpStream, behaviour: &str) {
    while let Some(asked) = next_request(&mut stream) {
        let head = &asked.head;
        let increments = head.starts_with("post");
        let counts = head.contains(" /state ");
        let asked_health = head.contains(" /health ");
        let asks = COUNT_OF_HEALTH.fetch_add(u64::from(asked_health), Relaxed);
        let count = COUNT.fetch_add(u64::from(increments), Relaxed) + u64::from(increments);
        let count = if behaviour == "forgets" {
            "1".to_owned()
        } else {
            count.to_string()
        };
        let sent = String::from_utf8_lossy(&asked.body);
        let is_typed = head.contains("\ncontent-type: application/json");
        let is_broken = REQUESTS.fetch_add(1, Relaxed) >= UNTIL_IT_BREAKS;
        let (status, body, promised) = match behaviour {
            "breaks-under-load" if is_broken => ("500 Internal Server Error", "it broke", 8),
            "ready-later" if asks < READY && asked_health => ("503 Service Unavailable", "", 0),
            "ready-later" if asks < READY => ("500 Internal Server Error", "too early", 9),
            "redirects" => ("302 Found\r\nlocation: /elsewhere", "", 0),
            "status-500" => ("500 Internal Server Error", "it broke", 8),
            "needs-type" if !is_typed => ("415 Unsupported Media Type", "", 0),
            "needs-type" => ("201 Created", &*sent, sent.len()),
            "wrong-body" => ("200 OK", "Hello from elsewhere", 20),
            "closes-mid-body" => ("200 OK", "Hello", 20),
            // Asked by its own path, each counts.
            _ if counts => ("200 OK", count.as_str(), count.len()),
            "counts" | "forgets" => ("200 OK", count.as_str(), count.len()),
            _ => ("200 OK", HELLO, HELLO.len()),
        };
        if behaviour == "slow" {
            forever();
        }
        if behaviour == "prior-knowledge" {
            // Settings, as servers of HTTP/2 begin with.
            let _ = stream.write_all(b"\0\0\0\x04\0\0\0\0\0");
            return;
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {promised}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() || behaviour == "closes-mid-body" {
            return;
        }
    }
}
