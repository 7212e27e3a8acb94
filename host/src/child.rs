//! This program as a child of itself: one cold start, one set of instances, or compiled code.

use std::process::ExitCode;

use host_probe::child::{self, Request};
use machine::Timeline;

pub use host_probe::child::parse_request;

use crate::engine::wasmtime;

/// Does what the process that measures requests, and reports it on standard output.
pub fn respond(request: Request, first_statement_ns: u64) -> ExitCode {
    let mut timeline = Timeline::new(first_statement_ns);
    let begun = timeline.follow();
    match request {
        Request::Probe(spec) => child::respond(&wasmtime::start(&spec, &mut timeline, begun)),
        Request::InstanceSet(set) => child::respond(&wasmtime::density::measure(&set)),
        Request::Prepare(preparation) => child::respond(&wasmtime::prepare(&preparation)),
        Request::Return => child::respond::<u64>(&Ok(first_statement_ns)),
        Request::Version => child::respond(&Ok(wasmtime::VERSION)),
        Request::Invalid => child::respond::<()>(&Err(child::invalid_request())),
    }
}
