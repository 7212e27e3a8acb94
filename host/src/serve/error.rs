//! What keeps the server from serving, what to do about it, and with which code the program then
//! ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use host_probe::spec::{Cause, Failure};

/// Why there is no server, or no compiled file.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// The command line says something impossible.
    #[error("{message}")]
    Usage {
        /// What was said.
        message: String,
        /// What could be said instead.
        hint: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// The artifact cannot be used.
    #[error("{}: {reason}", path.display())]
    Artifact {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What would be right.
        hint: &'static str,
    },
    /// The machine cannot give what the configuration needs.
    #[error("{reason}")]
    Machine {
        /// What it cannot give.
        reason: String,
        /// What to look at.
        hint: &'static str,
    },
}

impl ServeError {
    /// A command line that says something impossible.
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// A machine that lacks something for the server itself.
    pub(super) fn machine(what: &str, error: &std::io::Error) -> Self {
        Self::Machine {
            reason: format!("{what}: {error}"),
            hint: "see ulimit -n and ulimit -u",
        }
    }

    /// A failure of loading `path`.
    pub(super) fn loading(path: &Path, failure: Failure) -> Self {
        match failure.cause {
            Cause::Machine => Self::Machine {
                reason: failure.reason,
                hint: "the machine lacks what the engine needs; see ulimit -v, free memory and \
                    the cache's folder",
            },
            _ => Self::Artifact {
                path: path.to_owned(),
                reason: failure.reason,
                hint: "a component that exports wasi:http/incoming-handler is served; `host \
                    compile` makes a precompiled one for this very version",
            },
        }
    }

    /// How the program ends: the numbers that README documents for all of its commands.
    pub(super) const fn exit(&self) -> u8 {
        match self {
            Self::Bind { .. } => 1,
            Self::Usage { .. } => 2,
            Self::Artifact { .. } => 3,
            Self::Machine { .. } => 8,
        }
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> &str {
        match self {
            Self::Usage { hint, .. } => hint,
            Self::Bind { .. } => {
                "--addr 127.0.0.1:0 takes any free port; `ss -ltnp` shows who has this one"
            }
            Self::Artifact { hint, .. } | Self::Machine { hint, .. } => hint,
        }
    }
}
