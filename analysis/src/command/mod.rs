//! What the program does, one file a command, and how it ends.

mod bundle;
mod compare;
mod export;
mod input;
mod plan;
mod redact;
mod report;
mod unpacked;
mod verify;

pub use bundle::{Bundled, bundle};
pub use campaign::{Error, Exit};
pub use compare::{Compared, compare, compare_several};
pub use export::{Format, export};
pub use plan::{plan, share};
pub use redact::{bundle_redacted, export_redacted};
pub use report::{Report, report};
pub use verify::{Check, Verified, verify};
