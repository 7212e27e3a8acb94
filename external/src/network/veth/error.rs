//! Why there is no such network, and what to do about it.

use results::{Skip, SkipKind};

/// Why a network between client and service cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A program is not there.
    #[error("there is no program {0}; `./setup firewall` installs it")]
    NoProgram(&'static str),
    /// This process may not.
    #[error(
        "making a network namespace is not permitted to this process; be root, in a container \
            also with the capabilities NET_ADMIN and SYS_ADMIN"
    )]
    Denied,
    /// The kernel cannot hold packets back.
    #[error(
        "this kernel has no {kind}, so {what} cannot be made here: `tc` says {message:?}; it needs \
            CONFIG_NET_SCH_{}, and --path veth without it works all the same", kind.to_uppercase()
    )]
    NoQueue {
        /// What holds packets back.
        kind: &'static str,
        /// What it is for.
        what: &'static str,
        /// What tc printed.
        message: String,
    },
    /// Every network that could be taken is there already.
    #[error("no network of 198.19.0.0/16 is free")]
    Full,
    /// Something else.
    #[error("{0}")]
    Failed(String),
}

impl From<LinkError> for Skip {
    fn from(error: LinkError) -> Self {
        let kind = match error {
            LinkError::NoProgram(_) => SkipKind::NotInstalled,
            LinkError::Denied => SkipKind::NotPermitted,
            LinkError::NoQueue { .. } | LinkError::Full => SkipKind::MachineLimit,
            LinkError::Failed(_) => SkipKind::NotPrepared,
        };
        Self::new(kind, error.to_string())
    }
}
