//! `external`: the same start from outside, and under load.

use std::process::ExitCode;

fn main() -> ExitCode {
    machine::signals::establish();
    external::cli::main()
}
