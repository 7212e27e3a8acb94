//! TOML with the place of everything in it, so that whatever is wrong is named by file, line and
//! key.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// Something wrong in a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {}{what}{}", file.display(), named(key), meant(nearest.as_deref()))]
pub struct Wrong {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key, with those that it lies in; nothing where the text is no TOML.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What may have been meant.
    pub nearest: Option<String>,
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

/// A file with its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    /// The table that the text is.
    pub(super) fn parse(self) -> Result<Spanned<DeTable<'a>>, Wrong> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.wrong(at, "", error.message())
        })
    }

    fn wrong(self, at: usize, key: &str, what: impl Into<String>) -> Wrong {
        let before = self.text.get(..at).unwrap_or(self.text);
        Wrong {
            file: self.file.to_owned(),
            line: 1 + before.matches('\n').count(),
            key: key.to_owned(),
            what: what.into(),
            nearest: None,
        }
    }
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    source: Source<'a>,
    /// The keys that lead to it, with points between them.
    pub(super) path: String,
    at: usize,
    value: &'a DeValue<'a>,
}

/// A table, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    source: Source<'a>,
    path: String,
    at: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Node<'a> {
    /// That something is wrong here.
    pub(super) fn wrong(&self, what: impl Into<String>) -> Wrong {
        self.source.wrong(self.at, &self.path, what)
    }

    /// That this is none of the words which are known.
    pub(super) fn none_of(&self, word: &str, what: &str, known: &[&str]) -> Wrong {
        let list = known.join(", ");
        Wrong {
            nearest: nearest(word, known.iter().copied()).map(str::to_owned),
            ..self.wrong(format!("`{word}` is no {what}: there are {list}"))
        }
    }

    fn is_not(&self, wanted: &str) -> Wrong {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("this is {found}, and {wanted} is expected"))
    }

    pub(super) const fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(super) fn text(&self) -> Result<&'a str, Wrong> {
        match self.value {
            DeValue::String(text) if !text.is_empty() => Ok(text),
            DeValue::String(_) => Err(self.wrong("the text is empty")),
            _ => Err(self.is_not("a text")),
        }
    }

    /// A number that is positive.
    pub(super) fn number(&self) -> Result<f64, Wrong> {
        let text = match self.value {
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.is_not("a number")),
        };
        let number: Option<f64> = text.replace('_', "").parse().ok();
        number
            .filter(|it| it.is_finite() && *it > 0.0)
            .ok_or_else(|| self.wrong("a number above 0 is expected"))
    }

    /// The values of a list, of which there is one at least.
    pub(super) fn list(&self) -> Result<Vec<Self>, Wrong> {
        let DeValue::Array(values) = self.value else {
            return Err(self.is_not("a list of texts"));
        };
        if values.is_empty() {
            return Err(self.wrong("the list is empty"));
        }
        let node = |value: &'a Spanned<DeValue<'a>>| Self {
            source: self.source,
            path: self.path.clone(),
            at: value.span().start,
            value: value.get_ref(),
        };
        Ok(values.iter().map(node).collect())
    }

    pub(super) fn fields(&self) -> Result<Fields<'a>, Wrong> {
        let DeValue::Table(table) = self.value else {
            return Err(self.is_not("a table"));
        };
        Ok(Fields {
            source: self.source,
            path: self.path.clone(),
            at: self.at,
            table,
        })
    }
}

impl<'a> Fields<'a> {
    /// The outermost table.
    pub(super) fn of(source: Source<'a>, table: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            source,
            path: String::new(),
            at: table.span().start,
            table: table.get_ref(),
        }
    }

    /// That something is missing from it.
    pub(super) fn lacks(&self, key: &str, what: &str) -> Wrong {
        self.source
            .wrong(self.at, &self.path, format!("`{key}` is missing: {what}"))
    }

    /// Its values with their keys, in the order of the file.
    pub(super) fn all(&self) -> Vec<(&'a str, Node<'a>)> {
        let node = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a str = std::convert::AsRef::<str>::as_ref(key.get_ref());
            let path = if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            };
            let node = Node {
                source: self.source,
                path,
                at: key.span().start,
                value: value.get_ref(),
            };
            (name, node)
        };
        let mut all: Vec<_> = self.table.iter().map(node).collect();
        all.sort_by_key(|(_, node)| node.at);
        all
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.all()
            .into_iter()
            .find_map(|(name, node)| (name == key).then_some(node))
    }

    /// Checks that it has no keys but these.
    pub(super) fn check_keys(&self, known: &[&str]) -> Result<(), Wrong> {
        match self.all().into_iter().find(|(key, _)| !known.contains(key)) {
            Some((key, node)) => Err(node.none_of(key, "key", known)),
            None => Ok(()),
        }
    }
}
