//! Names of files, anchors and elements, derived from names of records.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::sha256_hex;

/// A name that is safe wherever a name goes: as that of a file, as the target of a link, as the id of an
/// element, as a label. Letters, digits, hyphens and underscores of ASCII, a letter or digit first, and
/// not long. No full stop: what looks at endings of files and at classes takes the first for theirs. There is no other way to make one than [`FileName::of`].
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FileName(String);

impl FileName {
    /// The most bytes that one has: room is left for an ending and for what stands before it.
    pub const LONGEST: usize = 120;

    /// What is kept of a name that is not safe as it is.
    const KEPT: usize = 60;

    /// A name as it is, if it is safe; and otherwise what is safe of it, with a digest of all of it.
    pub fn of(name: &str) -> Self {
        if is_safe(name) {
            return Self(name.to_owned());
        }
        let mut kept = String::new();
        for character in name.chars() {
            match character {
                _ if kept.len() >= Self::KEPT => break,
                it if it.is_ascii_alphanumeric() => kept.push(it),
                '_' if !kept.is_empty() => kept.push('_'),
                _ if !kept.is_empty() && !kept.ends_with('-') => kept.push('-'),
                _ => {}
            }
        }
        let digest = &sha256_hex(name.as_bytes())[..12];
        let kept = kept.trim_end_matches('-');
        Self(if kept.is_empty() {
            format!("x-{digest}")
        } else {
            format!("{kept}-{digest}")
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_safe(name: &str) -> bool {
    let belongs = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    name.len() <= FileName::LONGEST
        && name.bytes().all(belongs)
        && name.starts_with(|it: char| it.is_ascii_alphanumeric())
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::of(&name))
    }
}

impl Deref for FileName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq<str> for FileName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for FileName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn safe_names_stay_and_others_keep_what_is_safe() {
        for safe in ["http-hello-cold-totals", "a_b", "1"] {
            assert_eq!(FileName::of(safe), *safe);
        }
        let found = FileName::of("../../../../pwn/x");
        assert!(found.starts_with("pwn-x-") && is_safe(&found), "{found}");
        assert!(FileName::of("my service.wasm").starts_with("my-service-wasm-"));
        assert!(FileName::of("\u{1b}").starts_with("x-"));
        assert_ne!(FileName::of("a b"), FileName::of("a  b"));
    }

    proptest! {
        #[test]
        fn one_of_anything_is_safe_and_short(text in any::<String>(), n in 1..5_usize) {
            let name = FileName::of(&text.repeat(n * 20));
            prop_assert!(is_safe(&name), "{}", name);
        }
    }
}
