//! What a probe is told and what it reports. A probe is a process that performs one cold start of
//! one engine.
//!
//! A crate without any engine: each program that embeds one links this, and never another program's
//! engine.

pub mod deadline;
pub mod resources;
pub mod settings;
pub mod spec;
pub mod told;
