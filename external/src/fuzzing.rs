//! What `fuzz/` reaches of what is private otherwise.

use workloads::Answer;

use crate::client::answer_of;
use crate::suite::profile::Profile;

/// The longest body that is taken.
const MOST_BYTES: usize = 1 << 16;

/// An answer that arrives in these pieces, over a connection that then ends.
///
/// # Errors
/// What is wrong with it.
pub fn answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Answer>, String> {
    answer_of(pieces, MOST_BYTES)
}

/// A profile. What is none has a reason.
pub fn profile(text: &str) {
    if let Err(error) = Profile::parse("arbitrary.toml", text) {
        assert!(!error.to_string().is_empty());
    }
}
