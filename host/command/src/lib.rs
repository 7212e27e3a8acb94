//! What programs share that embed an engine for commands, which run to their end: one start, phase
//! by phase, and the host functions of WASI 0.1 that a command needs.
//!
//! A crate without any engine: each program that embeds one links this, and never another
//! program's engine. An engine is a type that implements [`Engine`]; [`main`] does the rest.

mod engine;
mod program;
pub mod second_way;
pub mod wasi;

pub use engine::{Engine, Instance, read, wrong};
pub use program::{main, start};
