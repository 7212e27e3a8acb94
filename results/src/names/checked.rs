//! What a text must be like to be a name.

use serde::{Deserialize as _, Deserializer};

use crate::text::is_printable;

/// The most bytes that a name has: those that the name of a file may have.
pub const LONGEST: usize = 255;

/// Why a text of a record is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing.
    #[error("a name is empty")]
    Empty,
    /// It is longer than [`LONGEST`].
    #[error("a name has {0} bytes, and at most {LONGEST} are read")]
    TooLong(usize),
    /// A character that no name has: of no width, of control, or one that parts names or marks text.
    #[error("`{}` in a name", shown(*.0))]
    Character(char),
}

fn shown(character: char) -> String {
    if character.is_ascii_graphic() {
        character.to_string()
    } else {
        character.escape_unicode().to_string()
    }
}

/// Whether a name may have this character. Those that part the steps of a path or mark up our own prose
/// are in none: names go into both.
pub(super) fn belongs(character: char) -> bool {
    is_printable(character) && !matches!(character, '/' | '\\' | '`' | '*' | '[' | ']' | '"')
}

/// Checks a name that was read: of a system, a workload, a parameter.
///
/// # Errors
/// [`BadName`].
pub fn check(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    check_value(name, belongs)
}

/// Checks the name of a system: it stands in lists that are parted by spaces.
pub(super) fn check_system(name: &str) -> Result<(), BadName> {
    check(name)?;
    check_value(name, |it| !it.is_whitespace())
}

pub(super) fn check_value(text: &str, belongs: impl Fn(char) -> bool) -> Result<(), BadName> {
    if text.len() > LONGEST {
        return Err(BadName::TooLong(text.len()));
    }
    let other = text.chars().find(|it| !belongs(*it));
    other.map_or(Ok(()), |other| Err(BadName::Character(other)))
}

/// Reads a text that is a name, within records whose field is a plain text.
pub(crate) fn read_checked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    check(&name).map_err(serde::de::Error::custom)?;
    Ok(name)
}
