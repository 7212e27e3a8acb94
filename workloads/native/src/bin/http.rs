//! The service as a native server on hyper and tokio.
//!
//! `native-http [--milestones FILE] [--no-date] [ADDR]` (default `127.0.0.1:0`) prints the address it
//! listens on and serves until SIGTERM or Ctrl-C.
//!
//! With `--no-date` answers have no `date`, as those of some systems that this one is compared with:
//! the price of that field is the difference of the two.
//!
//! With `--milestones` it is the ground truth for an observer from outside: once the first
//! connection is over, or at the end, FILE is there and holds
//! `{"first_statement_ns":…,"listening_ns":…,"first_accepted_ns":…}`, the clock at the first
//! statement of the program, right after listen(2), and right after the first accept(2) returned.

use std::convert::Infallible;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use nix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use workload_core::{Counter, MAX_ECHO_BYTES, answer};

fn main() -> ExitCode {
    let first_statement_ns = now_ns();
    let mut arguments = std::env::args_os().skip(1).peekable();
    let milestones = arguments
        .next_if(|argument| argument == "--milestones")
        .and_then(|_| arguments.next());
    let dated = arguments
        .next_if(|argument| argument == "--no-date")
        .is_none();
    let address = arguments.next().map_or_else(
        || "127.0.0.1:0".into(),
        |address| address.to_string_lossy().into_owned(),
    );
    // One thread: a worker pool would be started before the first request needs it, and the start
    // is what is measured.
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .and_then(|runtime| {
            runtime.block_on(serve(
                &address,
                dated,
                milestones.map(|file| (PathBuf::from(file), first_statement_ns)),
            ))
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "native-http: cannot serve on {address}: {error}"
            );
            ExitCode::FAILURE
        }
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds: the reading of `machine::clock::now_ns`, whose crate would
/// double what this one builds.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec());
    u64::try_from(now).unwrap_or(0)
}

/// The instants, which are written when this is dropped.
struct Milestones {
    file: PathBuf,
    first_statement_ns: u64,
    listening_ns: u64,
    first_accepted_ns: Option<u64>,
}

impl Milestones {
    fn accepted(mut self) -> Self {
        self.first_accepted_ns = Some(now_ns());
        self
    }
}

impl Drop for Milestones {
    fn drop(&mut self) {
        let accepted = self
            .first_accepted_ns
            .map_or("null".to_owned(), |ns| ns.to_string());
        let line = format!(
            "{{\"first_statement_ns\":{},\"listening_ns\":{},\"first_accepted_ns\":{accepted}}}\n",
            self.first_statement_ns, self.listening_ns
        );
        // Renamed, so that whoever waits for the file sees all of it or nothing.
        let unfinished = self.file.with_added_extension("part");
        let written = std::fs::write(&unfinished, line)
            .and_then(|()| std::fs::rename(&unfinished, &self.file));
        if let Err(error) = written {
            let _ = writeln!(
                std::io::stderr(),
                "native-http: cannot write {}: {error}",
                self.file.display()
            );
        }
    }
}

async fn serve(
    address: &str,
    dated: bool,
    milestones: Option<(PathBuf, u64)>,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut milestones = milestones.map(|(file, first_statement_ns)| Milestones {
        file,
        first_statement_ns,
        listening_ns: now_ns(),
        first_accepted_ns: None,
    });
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    let counter = Arc::new(Counter::new());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        let counter = Arc::clone(&counter);
        // The first connection takes them with it.
        let milestones = milestones.take().map(Milestones::accepted);
        tokio::spawn(async move {
            let _milestones = milestones;
            let service = service_fn(move |request| handle(request, Arc::clone(&counter)));
            // A connection that its client breaks off is the client's business.
            let _ = http1::Builder::new()
                .auto_date_header(dated)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn handle(
    request: Request<Incoming>,
    counter: Arc<Counter>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    // One byte more than is taken lets the service itself see that the body is too long.
    let body = match Limited::new(body, MAX_ECHO_BYTES + 1).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(_) => vec![0; MAX_ECHO_BYTES + 1],
    };
    let answer = answer(head.method.as_str(), target, body, &counter);
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = hyper::StatusCode::from_u16(answer.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response)
}
