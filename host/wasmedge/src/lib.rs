//! WasmEdge as every program here uses it: the probe, the server, commands, and the
//! microbenchmarks.

#[cfg(feature = "wasmedge")]
pub mod vm;
#[cfg(feature = "wasmedge")]
pub mod words;
