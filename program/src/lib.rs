//! What the programs that measure share: exit codes and messages, a campaign from its folder to its
//! summary, siblings that cargo builds, the page cache.

mod error;
pub mod pages;
mod progress;
pub mod run;
pub mod sibling;
pub mod terminal;

pub use error::{Error, Exit};
pub use progress::Progress;
