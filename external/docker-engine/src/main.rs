//! `docker-engine`: starts, stops and restarts a Docker engine of coldphase's own.

use std::io::Write as _;
use std::process::ExitCode;

use docker_engine::{EngineError, folder, restart, running, socket, start, stop};

fn usage() -> String {
    format!(
        "usage: docker-engine start|stop|restart|status\n\n\
         Starts, stops and restarts a Docker engine of coldphase's own, which answers on\n\
         {}\nand keeps its images in {}/data. `stop` leaves the images; it takes back\n\
         what the engine had changed in this machine's network.\n\
         Exit codes: 0 done, 1 it could not be done, 2 the command line is wrong, 3 `status`: it \
         does not run.\n",
        socket().display(),
        folder().display()
    )
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["start"] => start(),
        ["stop"] => stop(),
        ["restart"] => restart(),
        ["status"] => return status(),
        ["--help" | "-h"] => {
            print(&usage());
            return ExitCode::SUCCESS;
        }
        _ => {
            say(&usage());
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(remarks) => {
            for remark in remarks {
                say(&format!("docker-engine: {remark}\n"));
            }
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn status() -> ExitCode {
    match running() {
        Ok(Some(pid)) => {
            print(&format!("runs as {pid} on {}\n", socket().display()));
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::from(3),
        Err(error) => failed(&error),
    }
}

fn failed(error: &EngineError) -> ExitCode {
    say(&format!(
        "docker-engine: {error}\nhint: {}\n",
        error.remedy()
    ));
    ExitCode::FAILURE
}

/// A reader that has gone away is no failure.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
