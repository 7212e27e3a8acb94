//! What the program does, one file a command, and how it ends.

mod bundle;
mod compare;
mod exit;
mod export;
mod plan;
mod report;
mod verify;

pub use bundle::bundle;
pub use compare::{Compared, compare};
pub use exit::{Error, Exit};
pub use export::{Format, export};
pub use plan::{Target, plan, share};
pub use report::{Report, report};
pub use verify::{Check, Verified, verify};
