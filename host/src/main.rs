//! The program `host`: parse, run, and map what came of it to an exit code, in [`host::enter`].

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    machine::signals::establish();
    // Arguments belong to the launch, as in C, where `main` is called with them.
    let arguments: Vec<OsString> = std::env::args_os().collect();
    host::enter(arguments)
}
