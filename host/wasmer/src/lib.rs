//! Wasmer as its program and its benchmark use it.

mod code;
mod imports;
mod limits;
mod wasmer_engine;

pub use wasmer_engine::{VERSION, Wasmer, engine};
