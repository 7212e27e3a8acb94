//! `host phases`: where a Wasm cold start goes, measured one process at a time.

mod bench;
mod cli;
mod engine;
mod error;
mod evidence;
mod inspect;
mod launch;
mod options;
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
    // Arguments belong to the launch, as in C, where `main` is called with them; so does a probe's reading of its own.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(told) = probe::told(&mut arguments) {
        // The first statement of the start: where its `process` phase ends.
        let first_statement_ns = results::clock::now_ns();
        return told.perform(first_statement_ns);
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
