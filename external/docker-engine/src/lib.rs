//! A Docker engine of coldphase's own: with its own socket and its own folder, beside whatever else
//! there is. No service manager is needed, and none knows of it.
//!
//! It is root's, and so is its folder, `/var/lib/coldphase/docker`. Nothing here is found by a
//! pattern or remembered by a number: a process of ours is one of root's that runs the program and
//! was given the very arguments that name our folder ([`identity`]), a mount is one below that
//! folder, a rule of the firewall is one that was not there before the engine came up and was right
//! afterwards ([`network`]). What cannot be told to be ours is left, and said.

mod debris;
mod error;
mod folder;
mod identity;
mod lifecycle;
mod mounts;
mod network;
mod older;
mod place;
mod programs;

pub use error::EngineError;
pub use lifecycle::{restart, running, start, stop};
pub use place::{containerd_socket, folder, is_ours, socket, state};
