//! Why there is no such network, and what to do about it.

use campaign::{Error, Exit};
use results::{Skip, SkipKind};

use crate::network::tun::TunError;

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
    /// Nor can this program hold packets back.
    #[error(
        "{}{why}", if *without_netem { "a delay cannot be made here: this kernel has no netem, and " } else { "" }
    )]
    NoTun {
        /// Why there are no TUN devices.
        why: TunError,
        /// Whether they were to be in the place of netem.
        without_netem: bool,
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
        let kind = match &error {
            LinkError::NoProgram(_) => SkipKind::NotInstalled,
            LinkError::Denied
            | LinkError::NoTun {
                why: TunError::Denied,
                ..
            } => SkipKind::NotPermitted,
            LinkError::NoQueue { .. }
            | LinkError::Full
            | LinkError::NoTun {
                why: TunError::Missing(_),
                ..
            } => SkipKind::MachineLimit,
            LinkError::Failed(_) | LinkError::NoTun { .. } => SkipKind::NotPrepared,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        let exit = match &error {
            LinkError::Failed(_)
            | LinkError::NoTun {
                why: TunError::Failed(_),
                ..
            } => Exit::Internal,
            _ => Exit::Nothing,
        };
        Self::new(exit, error.to_string())
    }
}
