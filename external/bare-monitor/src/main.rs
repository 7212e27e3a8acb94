//! The command line of the [`bare_monitor`].

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match bare_monitor::run(std::env::args_os()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
