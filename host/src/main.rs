//! `host phases`: where a Wasm cold start goes, measured one process at a time.

mod bench;
mod cli;
mod engine;
mod error;
mod evidence;
mod inspect;
mod launch;
mod overhead;
mod pages;
mod phases;
mod plan;
mod probe;
mod progress;
mod resources;
mod settings;
mod spec;
mod target;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    // Arguments belong to the launch, as in C, where `main` is called with them.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // The first statement: where a probe's `process` phase ends.
    let first_statement_ns = results::clock::now_ns();
    if let Some(code) = probe::hidden(first_statement_ns, &mut arguments) {
        return code;
    }
    let done = match Cli::parse_from(arguments).command {
        Command::Phases(arguments) => phases::run(&arguments),
        Command::Overhead(arguments) => overhead::run(&arguments),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            error.exit.into()
        }
    }
}
