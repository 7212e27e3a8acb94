//! WasmEdge, embedded: its probe, its server, and commands run to their end.

mod args;
mod artifact;
mod command;
mod loopback;
mod output;
mod serve;
mod start;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use host_probe::child::{self, Request};
use host_wasmedge::vm;

fn main() -> ExitCode {
    machine::signals::establish();
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let request = child::parse_request(&mut arguments);
    // The first statement of the start: where its `process` phase ends.
    let first_statement_ns = machine::clock::now_ns();
    if let Some(request) = request {
        return respond(request, first_statement_ns);
    }
    let arguments = arguments.get(1..).unwrap_or_default();
    match command::run(arguments, first_statement_ns) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // A closed stream is no reason to fail.
            let message = results::text::lines(&error.message);
            let _ = writeln!(std::io::stderr(), "error: {message}");
            ExitCode::from(error.exit)
        }
    }
}

/// Does what the process that measures requests, and reports it.
fn respond(request: Request, first_statement_ns: u64) -> ExitCode {
    match request {
        Request::Probe(spec) => start::probe(&spec, first_statement_ns),
        Request::Prepare(preparation) => {
            child::respond(&start::prepare(&preparation, vm::OPTIMIZATION))
        }
        Request::Return => child::respond::<u64>(&Ok(first_statement_ns)),
        Request::Version => child::respond(&Ok(wasmedge_sdk::utils::CoreVersion::version_string())),
        Request::InstanceSet(_) | Request::Invalid => {
            child::respond::<()>(&Err(child::invalid_request()))
        }
    }
}
