//! What the program does, one file a command, and how it ends.

mod exit;
mod report;

pub use exit::{Error, Exit};
pub use report::{Report, report};
