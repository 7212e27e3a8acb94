//! The program `host`: parse, run, and map what came of it to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use machine::clock::now_ns;

fn main() -> ExitCode {
    machine::signals::establish();
    // Arguments belong to the launch, as in C, where `main` is called with them; so does a probe's
    // parsing of its own.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let began_ns = now_ns();
    if let Some(request) = host::child::parse_request(&mut arguments) {
        // The first statement of the start: where its `process` phase ends, and `engine` begins.
        let first_statement_ns = now_ns();
        return host::child::respond(request, first_statement_ns);
    }
    match host::run(arguments, began_ns) {
        Ok(status) => status.into(),
        Err(error) => {
            campaign::terminal::say(&error.to_string());
            error.exit.into()
        }
    }
}
