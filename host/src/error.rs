//! What keeps `host serve`, `host run` and `host compile` from doing their work, each with its exit
//! code and what to do about it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

use campaign::{Error, Exit};
use host_probe::report::{Cause, Failure};
use host_probe::trust::Untrusted;

/// The command line asks for something impossible.
pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(Exit::Usage, message).hint(hint)
}

/// The address cannot be listened on.
pub(crate) fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Error {
    Error::new(
        Exit::Internal,
        format!("cannot listen on {address}: {error}"),
    )
    .hint("--addr 127.0.0.1:0 takes any free port; `ss -ltnp` shows who has this one")
}

/// The artifact cannot be used.
pub(crate) fn unusable_artifact(path: &Path, reason: impl Display, hint: &str) -> Error {
    Error::new(Exit::Artifact, format!("{}: {reason}", path.display())).hint(hint)
}

/// Native code that somebody else could have written.
pub(crate) fn not_trusted(path: &Path, untrusted: &Untrusted) -> Error {
    unusable_artifact(path, untrusted, untrusted.hint())
}

/// The machine cannot give what the program itself needs.
pub(crate) fn machine_limit(what: &str, error: &std::io::Error) -> Error {
    Error::new(Exit::Nothing, format!("{what}: {error}")).hint("see ulimit -n and ulimit -u")
}

/// The artifact at `path` could not be loaded.
pub(crate) fn cannot_load(path: &Path, failure: Failure) -> Error {
    match failure.cause {
        Cause::Machine => Error::new(Exit::Nothing, failure.reason).hint(
            "the machine lacks what the engine needs; see ulimit -v, free memory and the cache's \
                folder",
        ),
        Cause::TimeLimit => guest_limit(path, &failure, "--time-limit SECONDS allows more"),
        Cause::MemoryLimit => guest_limit(path, &failure, "--memory-limit MIB allows more"),
        _ => unusable_artifact(
            path,
            failure.reason,
            "a component that exports wasi:http/incoming-handler is served; `host compile` makes \
                a precompiled one for this very version",
        ),
    }
}

/// The guest in `path` ran into one of its limits.
fn guest_limit(path: &Path, failure: &Failure, hint: &str) -> Error {
    Error::new(Exit::Samples, format!("{}: {failure}", path.display())).hint(hint)
}
