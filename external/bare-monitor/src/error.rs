//! What goes wrong, and the code that the program ends with.

use std::io;
use std::path::PathBuf;

#[cfg(target_arch = "x86_64")]
use kvm_ioctls::Error as Kvm;

/// Why there is no machine, or no machine any more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The guests are built for x86-64.
    #[error("virtual machines are measured on x86-64 only")]
    OtherMachine,
    /// The command line is wrong.
    #[error(
        "{0}\n  hint: bare-monitor kind; bare-monitor run --image FILE --tap NAME --mac MAC --command-line TEXT"
    )]
    Usage(String),
    /// There is no KVM, or not for this process.
    #[cfg(target_arch = "x86_64")]
    #[error("/dev/kvm cannot be opened: {0}")]
    NoKvm(Kvm),
    /// KVM refuses something.
    #[cfg(target_arch = "x86_64")]
    #[error("{what}: {source}")]
    Kvm {
        /// What was tried.
        what: &'static str,
        /// What KVM says.
        source: Kvm,
    },
    /// The system refuses something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no image.
    #[error("{} is no image that can be entered by the PVH protocol: {why}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The guest cannot go on.
    #[error("the machine stopped: {0}")]
    Stopped(String),
}

impl Error {
    /// 2: the command line is wrong. 3: the guest's machine stopped. 4: there is no KVM here. 1: anything
    /// else.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Stopped(_) => 3,
            Self::OtherMachine => 4,
            #[cfg(target_arch = "x86_64")]
            Self::NoKvm(_) => 4,
            _ => 1,
        }
    }
}

#[cfg(target_arch = "x86_64")]
/// Makes an error of KVM's of what was tried.
pub(crate) fn kvm(what: &'static str) -> impl Fn(Kvm) -> Error {
    move |source| Error::Kvm { what, source }
}

#[cfg(target_arch = "x86_64")]
/// Makes an error of the system's of what was tried.
pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        what: what.into(),
        source,
    }
}
