//! `host serve`: a wasi:http component behind an HTTP server that is built to start fast; `host
//! run`, the same for a command; and `host compile`, which makes what both start fastest from.
//!
//! Nothing is made before it is needed. The socket is opened first, so that clients wait in the
//! kernel's queue and not for a refused connection to be tried again; threads beyond the first are
//! started when the first answer is out.

mod command;
mod epoch;
mod error;
mod instance;
mod limits;
mod load;
mod milestones;
mod options;
mod patience;
mod server;
mod service;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use host_probe::settings::{Allocator, Configuration, EngineSettings};

use self::error::ServeError;
use self::options::{Asked, AskedToRun};

/// The program in which `WasmEdge` is, beside this one.
const WASMEDGE_PROGRAM: &str = "host-wasmedge";

/// Serves until SIGTERM or Ctrl-C. `arguments` are what follows `serve`; `first_statement_ns` is
/// when `main` began.
pub fn run(arguments: &[OsString], first_statement_ns: u64) -> ExitCode {
    let done = match options::serve(arguments) {
        Ok(Asked::Help) => return help(options::SERVE_HELP),
        Ok(Asked::Serve(options)) => server::serve(&options, first_statement_ns),
        Ok(Asked::WasmEdge(others)) => Err(become_wasmedge(&others)),
        Err(error) => Err(error),
    };
    exit(done)
}

/// Compiles a guest into a file. `arguments` are what follows `compile`.
pub fn compile(arguments: &[OsString]) -> ExitCode {
    let done = match options::compile(arguments) {
        Ok(None) => return help(options::COMPILE_HELP),
        Ok(Some(options)) => load::compile_to_file(&options),
        Err(error) => Err(error),
    };
    exit(done)
}

/// Runs a command to its end. `arguments` are what follows `run`.
pub fn run_command(arguments: &[OsString]) -> ExitCode {
    let done = match options::run(arguments) {
        Ok(AskedToRun::Help) => return help(options::RUN_HELP),
        Ok(AskedToRun::Version) => {
            return help(&format!("wasmtime {}\n", crate::engine::wasmtime::VERSION));
        }
        Ok(AskedToRun::Run(options)) => command::run(&options),
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| exit(Err(error)))
}

/// The engine of a server: one that can take a guest's turn away.
fn engine_settings(allocator: Allocator) -> EngineSettings {
    EngineSettings {
        allocator,
        ..Configuration::BASELINE.engine
    }
}

fn help(text: &str) -> ExitCode {
    // If nobody reads, nobody is left to be told.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn exit(done: Result<(), ServeError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "error: {error}\n  hint: {}",
                error.hint()
            );
            error.exit().into()
        }
    }
}

/// Becomes the program that serves with `WasmEdge`. Returns only if that is not possible.
fn become_wasmedge(arguments: &[OsString]) -> ServeError {
    use std::os::unix::process::CommandExt as _;

    let program = match std::env::current_exe() {
        Ok(this) => this.with_file_name(WASMEDGE_PROGRAM),
        Err(error) => return ServeError::machine("cannot tell where this program is", &error),
    };
    let error = std::process::Command::new(&program)
        .arg("serve")
        .args(arguments)
        .exec();
    ServeError::Machine {
        reason: format!("cannot run {}: {error}", program.display()),
        hint: "WasmEdge is a program of its own: `./setup wasmedge` installs the library, `cargo \
            build -p host-wasmedge --features wasmedge` builds it",
    }
}
