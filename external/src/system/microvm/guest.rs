//! What is booted in a machine, and what it says of itself.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use results::{Attested, Phase};

use super::milestone;

/// A kind of guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guest {
    /// The workload is the kernel.
    Unikernel,
    /// Linux, and the native program.
    Linux,
}

/// What a monitor boots.
#[derive(Debug, Clone)]
pub(super) struct Boot {
    pub(super) image: PathBuf,
    /// The first file system of a kernel that has one.
    pub(super) initramfs: Option<PathBuf>,
    /// The digest of what holds the workload.
    pub(super) sha256: String,
    /// Evidence of what it is.
    pub(super) attested: Attested,
}

impl Boot {
    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.image).chain(&self.initramfs)
    }
}

/// A guest's address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address {
    pub(super) own: IpAddr,
    /// How many of its bits are the network's.
    pub(super) bits: u8,
    /// Where other networks are.
    pub(super) gateway: Option<Ipv4Addr>,
}

impl Address {
    /// In the network that QEMU makes.
    pub(super) const OF_USER: Self = Self {
        own: IpAddr::V4(Ipv4Addr::new(10, 0, 2, 15)),
        bits: 24,
        gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
    };

    /// The other end of a TAP device.
    pub(super) const fn behind(guests_end: IpAddr) -> Self {
        Self {
            own: guests_end,
            bits: 30,
            gateway: None,
        }
    }
}

/// When a guest has reached something: what it says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sign {
    /// A byte that is no text.
    Byte(u8),
    /// Words of its firmware.
    Words(&'static str),
}

impl Guest {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unikernel => "unikernel",
            Self::Linux => "linux",
        }
    }

    /// What it says of how far it has come, in the order in which it comes there, each with what it is called.
    pub(super) const fn signs(self) -> &'static [(Sign, &'static str)] {
        use milestone::{ACCEPTED, ANSWERED, DEVICE, ENTERED, EXECUTED, INIT, LISTENING, MEMORY};
        match self {
            Self::Unikernel => &[
                (Sign::Byte(ENTERED), "entered"),
                (Sign::Byte(MEMORY), "memory"),
                (Sign::Byte(DEVICE), "network device"),
                (Sign::Byte(LISTENING), "listening"),
                (Sign::Byte(ACCEPTED), "accepted"),
                (Sign::Byte(ANSWERED), "answered"),
            ],
            Self::Linux => &[
                (Sign::Words("SeaBIOS"), "firmware"),
                (HANDED_OVER, "entered"),
                (Sign::Byte(INIT), "init"),
                (Sign::Byte(EXECUTED), "executed"),
                (Sign::Byte(LISTENING), "listening"),
                (Sign::Byte(ACCEPTED), "accepted"),
                (Sign::Byte(ANSWERED), "answered"),
            ],
        }
    }

    /// The ends of its phases up to the first connection, of a service or of a command, each with the sign of
    /// it.
    pub(super) const fn phases(self, service: bool) -> &'static [(Phase, Sign)] {
        use milestone::{ENTERED, EXECUTED, INIT, LISTENING, MEMORY};
        match (self, service) {
            (Self::Unikernel, false) => &[
                (Phase::Vmm, Sign::Byte(ENTERED)),
                (Phase::Boot, Sign::Byte(MEMORY)),
            ],
            (Self::Unikernel, true) => &[
                (Phase::Vmm, Sign::Byte(ENTERED)),
                (Phase::Boot, Sign::Byte(MEMORY)),
                (Phase::Init, Sign::Byte(LISTENING)),
            ],
            (Self::Linux, false) => &[
                (Phase::Vmm, HANDED_OVER),
                (Phase::Boot, Sign::Byte(INIT)),
                (Phase::Init, Sign::Byte(EXECUTED)),
            ],
            (Self::Linux, true) => &[
                (Phase::Vmm, HANDED_OVER),
                (Phase::Boot, Sign::Byte(INIT)),
                (Phase::Init, Sign::Byte(EXECUTED)),
                (Phase::Load, Sign::Byte(LISTENING)),
            ],
        }
    }
}

/// What the firmware says before it calls the monitor's code that copies the kernel into memory and enters it: a
/// kernel says nothing of its entry.
const HANDED_OVER: Sign = Sign::Words("Booting from");
