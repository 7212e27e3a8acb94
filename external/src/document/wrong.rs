//! Something wrong in a description.

use campaign::{Error, Exit};

/// Something wrong in a description: in which file and line, with which key, and what may have been
/// meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {}{what}{}", named(key), meant(nearest.as_deref()))]
pub struct Wrong {
    /// The file, or what else the text is called.
    pub name: Box<str>,
    /// The line, from 1.
    pub line: usize,
    /// The key, with those that it lies in; nothing where the text is no TOML.
    pub key: Box<str>,
    /// What is wrong with it.
    pub what: String,
    /// What may have been meant.
    pub nearest: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// How a program ends for it.
    pub exit: Exit,
}

fn named(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean `{word}`?"))
}

impl Wrong {
    pub(super) fn new(name: &str, line: usize, key: &str, what: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            line,
            key: key.into(),
            what: what.into(),
            nearest: None,
            hint: None,
            exit: Exit::Usage,
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        let error = Self::new(wrong.exit, wrong.to_string());
        match wrong.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
