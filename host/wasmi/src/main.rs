//! Wasmi, embedded: the program that performs its starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_command::main::<host_wasmi::Wasmi>()
}
