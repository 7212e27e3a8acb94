//! Why there is no firewall, and what to do about it.

use campaign::{Error, Exit};
use results::{Skip, SkipKind};

/// Why a firewall cannot be put up, looked at or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FirewallError {
    /// The program is not there.
    #[error("there is no program nft")]
    NoProgram,
    /// This process may not.
    #[error("changing the firewall is not permitted to this process")]
    Denied,
    /// The kernel has no nftables, or lacks a part of them.
    #[error("this kernel has no nftables of the family inet with the expression fib: {0}")]
    NoKernel(String),
    /// A table of the name is somebody else's.
    #[error("there is a table inet coldphase that coldphase did not make; it is left alone")]
    Foreign,
    /// The table belongs to a suite that runs.
    #[error("the table inet coldphase belongs to a suite that runs, process {0}")]
    InUse(u32),
    /// The table was put up by a person, and a suite must not take it down.
    #[error(
        "the firewall was enabled by `external firewall enable`, and a suite that changes it \
            would take it away"
    )]
    Enabled,
    /// No port is left to be blocked.
    #[error("{0}")]
    Ports(String),
    /// nft says something else.
    #[error("nft failed: {0}")]
    Nft(String),
}

impl FirewallError {
    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NoProgram => "`./setup firewall` installs it",
            Self::Denied => {
                "be root; in a container also with the capability NET_ADMIN, or in a namespace of \
                    your own: unshare --map-root-user --net COMMAND"
            }
            Self::NoKernel(_) => {
                "it needs CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET and CONFIG_NFT_FIB_INET"
            }
            Self::Foreign => {
                "`nft list table inet coldphase` shows it; rename or remove it yourself"
            }
            Self::InUse(_) => "wait for it to end; it removes its table itself",
            Self::Enabled => "`external firewall disable` removes it",
            Self::Ports(_) => "--ports FIRST-LAST says which",
            Self::Nft(_) => "`nft list ruleset` shows what there is",
        }
    }
}

impl From<FirewallError> for Skip {
    fn from(error: FirewallError) -> Self {
        let kind = match &error {
            FirewallError::NoProgram => SkipKind::NotInstalled,
            FirewallError::Denied => SkipKind::NotPermitted,
            FirewallError::NoKernel(_) => SkipKind::MachineLimit,
            FirewallError::Foreign
            | FirewallError::InUse(_)
            | FirewallError::Enabled
            | FirewallError::Ports(_)
            | FirewallError::Nft(_) => SkipKind::NotPrepared,
        };
        let reason = format!("there can be no firewall of this suite's here: {error}");
        Self::new(kind, reason).remedy(error.remedy())
    }
}

impl From<FirewallError> for Error {
    fn from(error: FirewallError) -> Self {
        let exit = match error {
            FirewallError::NoProgram | FirewallError::Denied | FirewallError::NoKernel(_) => {
                Exit::Nothing
            }
            FirewallError::Foreign
            | FirewallError::InUse(_)
            | FirewallError::Enabled
            | FirewallError::Ports(_) => Exit::Usage,
            FirewallError::Nft(_) => Exit::Internal,
        };
        Self::new(exit, error.to_string()).hint(error.remedy())
    }
}
