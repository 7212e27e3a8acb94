//! What `fuzz/` reaches of what is private otherwise.

use std::path::Path;

pub use crate::server::{Seen, served};

/// What a file is, by its bytes. What cannot be measured has a reason.
pub fn artifact(bytes: &[u8]) {
    if let Err(error) = crate::inspect::inspect(Path::new("arbitrary.wasm"), bytes) {
        assert!(!error.to_string().is_empty());
    }
}
