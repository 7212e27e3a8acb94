//! The engines: one module for each, the only places that know a product's name.

pub mod wasmtime;
