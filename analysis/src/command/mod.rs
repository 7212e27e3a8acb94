//! What the program does, one file a command, and how it ends.

mod baseline;
mod bundle;
mod compare;
mod export;
mod import;
mod input;
mod plan;
mod redact;
mod report;
mod unpacked;
mod verify;

pub use baseline::{Kept, baselines, kept, remove_baseline, save_baseline};
pub use bundle::{Bundled, bundle};
pub use campaign::{Error, Exit};
pub use compare::{Compared, Runs, compare, compare_sides};
pub use export::{Format, export};
pub use import::{Imported, Meaning, Tool, import, params};
pub use plan::{plan, share};
pub use redact::{bundle_redacted, export_redacted};
pub use report::{Report, report};
pub use verify::{Check, Verified, verify};
