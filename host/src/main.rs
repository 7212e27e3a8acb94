//! `host phases`: where a Wasm cold start goes, measured one process at a time.

mod bench;
mod cli;
mod density;
mod evidence;
mod inspect;
mod launch;
mod options;
mod overhead;
mod phases;
mod plan;
mod programs;
mod target;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use host::engine;
use host_probe::told::{self, Told};
use machine::Timeline;
use machine::timeline::Begun;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    // Arguments belong to the launch, as in C, where `main` is called with them; so does a probe's
    // reading of its own.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // By hand and before everything else: a server's start pays for the parser too.
    if arguments.get(1).is_some_and(|command| command == "serve") {
        return host::serve::run(&arguments[2..], machine::clock::now_ns());
    }
    if arguments.get(1).is_some_and(|command| command == "compile") {
        return host::serve::compile(&arguments[2..]);
    }
    if arguments.get(1).is_some_and(|command| command == "run") {
        return host::serve::run_command(&arguments[2..]);
    }
    if let Some(told) = told::told(&mut arguments) {
        // The first statement of the start: where its `process` phase ends, and `engine` begins.
        let first_statement_ns = machine::clock::now_ns();
        let timeline = Timeline::new(first_statement_ns);
        let begun = timeline.begin();
        return perform(told, first_statement_ns, timeline, begun);
    }
    let done = match Cli::parse_from(arguments).command {
        Command::Phases(arguments) => phases::run(&arguments),
        Command::Density(arguments) => density::run(&arguments),
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

/// Does what the process that measures told this one.
fn perform(told: Told, first_statement_ns: u64, mut timeline: Timeline, begun: Begun) -> ExitCode {
    match told {
        Told::Probe(spec) => told::answer(&engine::wasmtime::start(&spec, &mut timeline, begun)),
        Told::Crowd(crowd) => told::answer(&engine::wasmtime::crowd(&crowd)),
        Told::Prepare(preparation) => told::answer(&engine::wasmtime::prepare(&preparation)),
        Told::Return => told::answer::<u64>(&Ok(first_statement_ns)),
        Told::Version => told::answer(&Ok(engine::wasmtime::VERSION)),
        Told::Nonsense => told::answer::<()>(&Err(told::nonsense())),
    }
}
