//! The protocol between the program that measures and its children. A probe is a child that
//! performs one cold start of one engine.
//!
//! A crate without any engine: each program that embeds one links this, and never another program's
//! engine.

pub mod child;
pub mod deadline;
pub mod exit;
pub mod files;
pub mod given;
pub mod limits;
pub mod mapped;
pub mod pool;
pub mod report;
pub mod request;
pub mod resources;
pub mod settings;
pub mod trust;
