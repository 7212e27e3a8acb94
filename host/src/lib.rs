//! The program `host`: embeds Wasmtime, measures cold starts of embedded engines, and serves.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | every command as `clap` describes it: help, completions, man pages |
//! | `command` | one file a command |
//! | `bench` | cold starts and sets of instances, each in a process of its own |
//! | `inspect` | what a file is and what it would need, by its own sections |
//! | [`engine`] | the engine: one cold start, phase by phase; what the microbenchmarks run too |
//! | `server` | the HTTP server of `host serve` |

mod artifact;
mod bench;
pub mod child;
pub mod cli;
mod command;
pub mod engine;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inspect;
mod server;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use campaign::{Error, Exit};
use machine::clock::now_ns;

/// How the program ends when nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// With a code of the table.
    Exit(Exit),
    /// With the exit code of the guest that it ran.
    Guest(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Exit(exit) => exit.into(),
            Status::Guest(code) => code.into(),
        }
    }
}

/// The whole program: parses its arguments, its own name first, runs the command, and maps what came of it
/// to an exit code.
pub fn enter(mut arguments: Vec<OsString>) -> ExitCode {
    let began_ns = now_ns();
    // Parsing belongs to the launch of a probe.
    if let Some(request) = child::parse_request(&mut arguments) {
        // The first statement of the start: where its `process` phase ends, and the next begins.
        let first_statement_ns = now_ns();
        return child::respond(request, first_statement_ns);
    }
    match run(arguments, began_ns) {
        Ok(status) => status.into(),
        Err(error) => {
            campaign::terminal::say(&error.to_string());
            error.exit.into()
        }
    }
}

/// Parses a command line, the program's name first, and runs its command. `began_ns` is when `main`
/// began.
///
/// # Errors
/// What keeps the command from being run, with the exit code that stands for it.
fn run(arguments: Vec<OsString>, began_ns: u64) -> Result<Status, Error> {
    command::run(cli::parse(arguments)?, began_ns)
}
