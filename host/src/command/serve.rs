//! `host serve`: a wasi:http component behind an HTTP server that is built to start fast.

use std::ffi::OsString;

use campaign::{Error, Exit};
use host_probe::files;

use crate::bench::programs::WASMEDGE;
use crate::cli::args::ServeArgs;
use crate::{error, server};

/// Serves until SIGTERM or Ctrl-C. `began_ns` is when `main` began.
pub(super) fn run(arguments: &ServeArgs, began_ns: u64) -> Result<Exit, Error> {
    let milestones = arguments.milestones.as_deref();
    if let Some(file) = milestones.filter(|it| files::is_same(it, &arguments.artifact)) {
        return Err(error::usage(
            format!("--milestones {} is the artifact itself", file.display()),
            "give another file: what is there is replaced",
        ));
    }
    server::serve(arguments, began_ns).map(|()| Exit::Ok)
}

/// Becomes the program that serves with `WasmEdge`. Returns only if that is not possible.
pub(super) fn become_wasmedge(arguments: &[OsString]) -> Error {
    use std::os::unix::process::CommandExt as _;

    let program = match std::env::current_exe() {
        Ok(this) => this.with_file_name(WASMEDGE.name),
        Err(error) => return error::machine_limit("cannot find this program's folder", &error),
    };
    let error = std::process::Command::new(&program)
        .arg("serve")
        .args(arguments)
        .exec();
    Error::new(
        Exit::Nothing,
        format!("cannot run {}: {error}", program.display()),
    )
    .hint(format!(
        "WasmEdge is a program of its own: `./setup wasmedge` installs the library; {}",
        WASMEDGE.remedy()
    ))
}
