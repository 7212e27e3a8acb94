//! Packets held back in user space: where the kernel has no netem, and where packets must not
//! overtake each other.
//!
//! A TUN device is a network card whose wire is a file: what one end's network stack sends is read
//! from it, and what is written to it arrives at that end. Two of them, one in each namespace, are
//! joined by a [`Forwarder`]: a thread that reads what either sends, holds it back, and hands it to
//! the other, in the order in which it came.
//!
//! Devices go with their files, so that a program that is killed leaves none. Checksums and
//! segmentation are left to the receiving end, as between the ends of a veth pair: a large segment
//! is one packet here.
//!
//! What it cannot do: it sees a packet when it is woken for it, so that every packet is later by
//! the time that the kernel takes to wake a thread; and its packets a second are those of one core. `external link` measures both.

mod device;
mod forwarder;
mod held;
mod watch;

pub(super) use device::Device;
pub use device::TunError;
pub use forwarder::{Forwarder, Passed, Placed};
pub use held::{MOST_BYTES, MOST_PACKETS, Wait};
