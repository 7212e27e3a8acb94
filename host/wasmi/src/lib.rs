//! Wasmi as its program and its benchmark use it.

#[cfg(feature = "wasmi")]
mod limiter;
#[cfg(feature = "wasmi")]
mod wasmi_engine;

#[cfg(feature = "wasmi")]
pub use wasmi_engine::{VERSION, Wasmi};
