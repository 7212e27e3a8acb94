//! Observation of a start: its milestones, seen by stopping the process in the few system calls
//! that they are made of, for some tens of microseconds each.
//!
//! [`crate::process::Launch`] starts a process under observation if `observed` is set; what was
//! seen is [`Milestones`], which make phases. [`crate::process::observable`] says whether that
//! works here.

mod filter;
mod milestones;
mod notify;
mod observer;

pub use milestones::Milestones;
pub(crate) use notify::{open_process, supported};
pub(crate) use observer::{Observed, Observer};

/// Whether the system calls of this architecture are known.
pub(crate) const KNOWS_ARCHITECTURE: bool = filter::ARCHITECTURE != 0;
