//! What is asked of a monitor, and what it is told.

use std::ffi::OsString;
use std::path::PathBuf;

use results::values::Virtualisation;

use super::super::{Found, Unavailable};
use super::guest::Guest;

/// What a machine's memory is, in MiB: what the smallest guest of others needs.
pub(super) const MEMORY_MIB: u32 = 128;

/// The same as QEMU is told it.
pub(super) const MEMORY: &str = "128M";

/// How a guest is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// By a TAP device.
    Tap,
    /// By the monitor, which listens on a port of the machine's and speaks TCP with the guest itself.
    User,
}

impl Wire {
    /// The value of [`results::Param::Network`].
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::User => "user",
        }
    }
}

/// What a monitor is to run.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) virtualisation: Virtualisation,
    pub(super) image: PathBuf,
    pub(super) initramfs: Option<PathBuf>,
    pub(super) command_line: String,
    pub(super) network: Option<Network>,
}

/// The guest's network, as its monitor is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Network {
    /// A device of this name; the guest's address of Ethernet.
    Tap { device: String, mac: String },
    /// A port of the loopback, which leads to the same of the guest's.
    User { port: u16 },
}

/// A program that makes a virtual machine.
pub(super) trait Monitor: Sync {
    /// The system's name.
    fn name(&self) -> &'static str;

    /// Finds it.
    fn find(&self) -> Result<Found, Unavailable>;

    /// What its machines boot.
    fn guest(&self) -> Guest {
        Guest::Unikernel
    }

    /// About how long a start takes where nothing executes the guest quickly, in milliseconds.
    fn start_ms(&self) -> f64 {
        150.0
    }

    /// What executes its machines here, the usual one first: of a machine without KVM those of one that has
    /// hardware, which are skipped with the reason.
    fn choices(&self) -> Vec<Virtualisation>;

    /// How its guests are reached.
    fn wire(&self) -> Wire;

    /// Its arguments.
    fn arguments(&self, order: &Order) -> Vec<OsString>;

    /// Tells it what it has no arguments for, once it runs as this process.
    ///
    /// # Errors
    /// It refuses, or does not answer by `until_ns`.
    fn configure(&self, _order: &Order, _pid: u32, _until_ns: u64) -> Result<(), String> {
        Ok(())
    }

    /// The code that the guest ended with, of the one that the program did; nothing if it was not the guest
    /// that ended it.
    fn guests_code(&self, code: i32) -> Option<i64>;
}
