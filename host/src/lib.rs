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
mod inspect;
mod server;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use campaign::{Error, Exit};

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

/// Parses a command line, the program's name first, and runs its command. `began_ns` is when `main`
/// began.
///
/// # Errors
/// What keeps the command from being run, with the exit code that stands for it.
pub fn run(arguments: Vec<OsString>, began_ns: u64) -> Result<Status, Error> {
    command::run(cli::parse(arguments)?, began_ns)
}
