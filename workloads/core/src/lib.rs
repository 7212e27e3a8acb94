//! The work itself.
//!
//! Every build of a workload — native, core module, component — is a thin shell around this crate,
//! so that a difference between two systems is never a difference between two programs. It needs an
//! allocator and no operating system: one build of it has none.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod hash;
#[cfg(feature = "http1")]
pub mod http1;
mod service;

pub use hash::{DEFAULT_ITERATIONS, MAX_ITERATIONS, cpu_hash_hex, parse_iterations};
pub use service::{Answer, Counter, MAX_ECHO_BYTES, answer};

/// What `hello` prints and what `GET /` answers, without the newline that the command adds.
pub const HELLO: &str = "Hello from coldphase";
