//! The service as a native server on hyper and tokio.
//!
//! `native-http [ADDR]` (default `127.0.0.1:0`) prints the address it listens on and serves until SIGTERM or Ctrl-C.

use std::convert::Infallible;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use workload_core::{Counter, MAX_ECHO_BYTES, answer};

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    // One thread: a worker pool would be started before the first request needs it, and the start is what is measured.
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .and_then(|runtime| runtime.block_on(serve(&address)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "native-http: cannot serve on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
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
        tokio::spawn(async move {
            let service = service_fn(move |request| handle(request, Arc::clone(&counter)));
            // A connection that its client breaks off is the client's business.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn handle(request: Request<Incoming>, counter: Arc<Counter>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    // One byte more than is taken lets the service itself see that the body is too long.
    let body = match Limited::new(body, MAX_ECHO_BYTES + 1).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(_) => vec![0; MAX_ECHO_BYTES + 1],
    };
    let answer = answer(head.method.as_str(), target, body, &counter);
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(answer.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response)
}
