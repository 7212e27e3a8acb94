//! What keeps a command from doing its work, each with its exit code and what to do about it.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

use campaign::{Error, Exit};
use host_probe::report::{Cause, Failure};
use host_probe::trust::Untrusted;

use crate::inspect;

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
    Error::new(Exit::Nothing, format!("{what}: {error}")).hint(machine::limits::hint())
}

/// What a command advises where its artifact or its guest is at fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advice {
    artifact: &'static str,
    guest: &'static str,
    /// What has come of it where a limit was reached, before what allows more.
    limit: &'static str,
}

impl Advice {
    /// Of the commands that measure.
    pub(crate) const MEASURED: Self = Self {
        artifact: "is it built for WASI 0.1 (core module) or WASI 0.2 (component)?",
        guest: "nothing was recorded; run the guest alone, or set the expected answer with \
            --expect",
        limit: "nothing was recorded; ",
    };
    /// Of `host run`.
    pub(crate) const RUN: Self = Self {
        artifact: "a core module with `_start`, or a component that exports wasi:cli/run, is run; \
            `host compile` makes a precompiled one for this very version",
        guest: "it started and then failed by itself; what it printed is above",
        limit: "",
    };
    /// Of `host serve`.
    pub(crate) const SERVED: Self = Self {
        artifact: "a component that exports wasi:http/incoming-handler is served; `host compile` \
            makes a precompiled one for this very version",
        guest: "it was loaded and then failed by itself",
        limit: "",
    };
    /// Of `host compile`.
    pub(crate) const COMPILED: Self = Self {
        artifact: "a core module or a component is compiled",
        guest: Self::SERVED.guest,
        limit: "",
    };
}

/// The exit code of a failure, whichever command met it.
const fn exit(cause: Cause) -> Exit {
    match cause {
        Cause::Artifact => Exit::Artifact,
        Cause::Guest | Cause::TimeLimit | Cause::MemoryLimit | Cause::OutputLimit => Exit::Samples,
        Cause::Machine => Exit::Nothing,
        Cause::Harness => Exit::Internal,
    }
}

/// A failure of `subject` before anything was recorded of it: the one way from a failure to an exit
/// code and its hint.
pub(crate) fn failed(subject: &str, failure: &Failure, advice: Advice) -> Error {
    let message = format!("{subject}: {failure}");
    let error = Error::new(exit(failure.cause), message);
    match failure.cause {
        Cause::Artifact => error.hint(advice.artifact),
        Cause::Guest => error.hint(advice.guest),
        Cause::TimeLimit => error.hint(format!(
            "{}--time-limit SECONDS allows more",
            advice.limit
        )),
        Cause::MemoryLimit => error.hint(format!(
            "{}--memory-limit MIB allows more",
            advice.limit
        )),
        Cause::OutputLimit => error.hint(format!(
            "{}the output of a guest is its answer, and an answer that is cut would be a wrong one: \
                print less",
            advice.limit
        )),
        Cause::Machine => error.hint(machine::limits::hint()),
        Cause::Harness => {
            error.hint("this is a fault of the harness: please report it with the command line")
        }
    }
}

/// A failure of the artifact that was `given` so and can be read at `readable`. What its sections
/// say about it is told in place of an engine's own words.
pub(crate) fn artifact_failed(
    given: &Path,
    readable: &Path,
    failure: &Failure,
    advice: Advice,
) -> Error {
    let explained = match failure.cause {
        Cause::Artifact => inspect::explain(given, readable),
        _ => None,
    };
    explained.unwrap_or_else(|| failed(&given.display().to_string(), failure, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_ends_with_the_same_code_for_the_same_cause() {
        for cause in Cause::ALL {
            assert_eq!(exit(cause).code(), host_probe::exit::of(cause), "{cause:?}");
            let failure = Failure::new(cause, "x");
            let error = failed("y", &failure, Advice::RUN);
            assert_eq!(error.exit, exit(cause));
            assert!(error.to_string().contains("hint: "), "{error}");
        }
    }
}
