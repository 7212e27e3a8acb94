//! WasmEdge, embedded: its probe, its server, and commands run to their end.

mod asked;
mod command;
mod loopback;
mod output;
mod serve;
mod start;

use std::ffi::OsString;
use std::process::ExitCode;

use host_probe::told::{self, Told};

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let told = told::told(&mut arguments);
    // The first statement of the start: where its `process` phase ends.
    let first_statement_ns = machine::clock::now_ns();
    if let Some(told) = told {
        return perform(told, first_statement_ns);
    }
    let arguments = arguments.get(1..).unwrap_or_default();
    command::perform(arguments).unwrap_or_else(|| serve::run(arguments, first_statement_ns))
}

/// Does what the process that measures told this one.
fn perform(told: Told, first_statement_ns: u64) -> ExitCode {
    match told {
        Told::Probe(spec) => start::probe(&spec, first_statement_ns),
        Told::Prepare(preparation) => told::answer(&start::prepare(&preparation)),
        Told::Return => told::answer::<u64>(&Ok(first_statement_ns)),
        Told::Version => told::answer(&Ok(wasmedge_sdk::utils::CoreVersion::version_string())),
        Told::Crowd(_) | Told::Nonsense => told::answer::<()>(&Err(told::nonsense())),
    }
}
