//! From a run to its report: reads what was measured, starts nothing, connects nowhere.

use std::process::ExitCode;

fn main() -> ExitCode {
    analysis::cli::main()
}
