//! A monitor with nothing but what a virtual machine needs: `bare-monitor run` boots one image with one
//! processor, memory, a serial port and a network device, and `bare-monitor kind` tells what kind of
//! virtualisation this machine has ([`find`]).
//!
//! `run` is the floor of what any monitor can reach for the same guest: the machine made by KVM, the image
//! copied into its memory, its processor set to the entry, and nothing else. There is no firmware, no
//! interrupt controller and no thread but one that takes frames off the network.

#[cfg(target_arch = "x86_64")]
mod cli;
mod error;
mod found;
#[cfg(target_arch = "x86_64")]
mod image;
#[cfg(target_arch = "x86_64")]
mod kind;
#[cfg(target_arch = "x86_64")]
mod machine_state;
#[cfg(target_arch = "x86_64")]
mod memory;
#[cfg(target_arch = "x86_64")]
mod monitor;
#[cfg(target_arch = "x86_64")]
mod network;
#[cfg(target_arch = "x86_64")]
mod queue;
#[cfg(target_arch = "x86_64")]
mod tap;

#[cfg(target_arch = "x86_64")]
pub use cli::run;
pub use error::Error;
pub use found::{Found, Ring};
#[cfg(target_arch = "x86_64")]
pub use kind::find;

/// Finds out what kind of virtualisation this machine has.
///
/// # Errors
/// It is of another kind than the guests here are built for.
#[cfg(not(target_arch = "x86_64"))]
pub fn find() -> Result<Found, Error> {
    Err(Error::OtherMachine)
}

/// The command line.
///
/// # Errors
/// As [`find`].
#[cfg(not(target_arch = "x86_64"))]
pub fn run(_: impl Iterator<Item = std::ffi::OsString>) -> Result<u8, Error> {
    Err(Error::OtherMachine)
}
