//! Wasmtime, embedded: one cold start in one process, and the server. What the program `host` and
//! the microbenchmarks run.

pub mod engine;
pub mod serve;
