//! `http-sockets ADDR [REQUESTS]`: the service on WasmEdge's sockets.
//!
//! Prints the address it listens on and serves; with REQUESTS, until it has given so many answers
//! completely. One thread and nothing that waits but one poll: a client that stalls keeps nobody
//! waiting. The protocol is `workload_core::http1`.

mod client;
mod server;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::process::ExitCode;

use server::Server;

const USAGE: &str = "usage: http-sockets IP:PORT [REQUESTS], with REQUESTS a whole number from 1";

fn main() -> ExitCode {
    let Some((address, requests)) = arguments() else {
        eprintln!("http-sockets: {USAGE}");
        return ExitCode::from(2);
    };
    match serve(address, requests) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http-sockets: cannot serve on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<(SocketAddr, Option<NonZeroU64>)> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next()?.parse().ok()?;
    let requests = arguments.next().map(|text| text.parse()).transpose().ok()?;
    arguments.next().is_none().then_some((address, requests))
}

fn serve(address: SocketAddr, requests: Option<NonZeroU64>) -> io::Result<()> {
    let mut server = Server::bind(address)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.address())?;
    stdout.flush()?;
    let mut answers = 0;
    while requests.is_none_or(|requests| answers < requests.get()) {
        answers += server.turn()?;
    }
    Ok(())
}
