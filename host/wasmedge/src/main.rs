//! WasmEdge, embedded: its probe, its server, and commands run to their end.

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
    match told::told(&mut arguments) {
        Some(told) => {
            // The first statement of the start: where its `process` phase ends.
            let first_statement_ns = results::clock::now_ns();
            perform(told, first_statement_ns)
        }
        None => {
            let arguments = arguments.get(1..).unwrap_or_default();
            command::perform(arguments).unwrap_or_else(|| serve::run(arguments))
        }
    }
}

/// The exit codes are those of `host`: README has the table.
pub(crate) const USAGE_EXIT: u8 = 2;
pub(crate) const ARTIFACT_EXIT: u8 = 3;
pub(crate) const GUEST_EXIT: u8 = 4;

/// Does what the process that measures told this one.
fn perform(told: Told, first_statement_ns: u64) -> ExitCode {
    match told {
        Told::Probe(spec) => start::probe(&spec, first_statement_ns),
        Told::Prepare(preparation) => told::answer(&start::prepare(&preparation)),
        Told::Return => told::answer::<u64>(&Ok(first_statement_ns)),
        Told::Version => told::answer(&Ok(wasmedge_sdk::utils::CoreVersion::version_string())),
        Told::Nonsense => told::answer::<()>(&Err(told::nonsense())),
    }
}
