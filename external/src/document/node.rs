//! Values and tables, and where they stand.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Source, Wrong};
use crate::nearest::nearest;

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    source: Source<'a>,
    /// The keys that lead to it, with points between them.
    path: String,
    /// The last of them.
    pub(crate) key: &'a str,
    /// Where the key begins; the value, of an element of a list.
    at: usize,
    value: &'a DeValue<'a>,
}

/// A table, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    source: Source<'a>,
    path: String,
    at: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Node<'a> {
    /// That something is wrong here.
    pub(crate) fn wrong(&self, what: impl Into<String>) -> Wrong {
        self.source.wrong(self.at, &self.path, what)
    }

    /// That this is none of the words which are known.
    pub(crate) fn none_of(&self, word: &str, what: &str, known: &[&str]) -> Wrong {
        let list = known.join(", ");
        Wrong {
            nearest: nearest(word, known.iter().copied()).map(str::to_owned),
            ..self.wrong(format!("`{word}` is no {what}: there are {list}"))
        }
    }

    /// That something else is expected here.
    pub(crate) fn is_not(&self, wanted: &str) -> Wrong {
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

    pub(crate) const fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(crate) const fn is_number(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    /// Whether it is a list with nothing in it.
    pub(crate) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|it| it.is_empty())
    }

    /// A text, which may be empty. It holds no zero byte: no argument and no path does.
    pub(crate) fn any_text(&self) -> Result<&'a str, Wrong> {
        match self.value {
            DeValue::String(text) if text.contains('\0') => {
                Err(self.wrong("the text holds a zero byte, as no argument and no path does"))
            }
            DeValue::String(text) => Ok(text),
            _ => Err(self.is_not("a text")),
        }
    }

    /// A text that says something, where `wanted` may stand.
    pub(crate) fn text_or(&self, wanted: &str) -> Result<&'a str, Wrong> {
        match self.value {
            DeValue::String(_) => self.text(),
            _ => Err(self.is_not(wanted)),
        }
    }

    /// A text that says something.
    pub(crate) fn text(&self) -> Result<&'a str, Wrong> {
        match self.any_text()? {
            "" => Err(self.wrong("the text is empty")),
            text => Ok(text),
        }
    }

    /// One of these words.
    pub(crate) fn word(&self, what: &str, known: &[&'static str]) -> Result<&'static str, Wrong> {
        let text = self.text()?;
        let word = known.iter().find(|word| **word == text);
        word.copied().ok_or_else(|| self.none_of(text, what, known))
    }

    /// A number that is positive.
    pub(crate) fn number(&self) -> Result<f64, Wrong> {
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

    /// A whole number in a range.
    pub(crate) fn whole(&self, range: RangeInclusive<u16>) -> Result<u16, Wrong> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let DeValue::Integer(number) = self.value else {
            return Err(self.is_not(&wanted));
        };
        u16::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let found = number.as_str();
                self.wrong(format!("this is {found}, and {wanted} is expected"))
            })
    }

    /// Yes or no.
    pub(crate) fn flag(&self) -> Result<bool, Wrong> {
        match self.value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.is_not("true or false")),
        }
    }

    /// The elements of a list; of anything else itself.
    pub(crate) fn each(&self) -> Vec<Self> {
        match self.value {
            DeValue::Array(values) => self.elements(values),
            _ => vec![self.clone()],
        }
    }

    /// The values of a list, of which there is one at least.
    pub(crate) fn list(&self) -> Result<Vec<Self>, Wrong> {
        self.list_of("texts")
    }

    /// The values of a list of these, of which there is one at least.
    pub(crate) fn list_of(&self, what: &str) -> Result<Vec<Self>, Wrong> {
        let DeValue::Array(values) = self.value else {
            return Err(self.is_not(&format!("a list of {what}")));
        };
        if values.is_empty() {
            return Err(self.wrong("the list is empty"));
        }
        Ok(self.elements(values))
    }

    fn elements(&self, values: &'a [Spanned<DeValue<'a>>]) -> Vec<Self> {
        let element = |(nth, value): (usize, &'a Spanned<DeValue<'a>>)| Self {
            path: format!("{}[{nth}]", self.path),
            at: value.span().start,
            value: value.get_ref(),
            ..*self
        };
        values.iter().enumerate().map(element).collect()
    }

    /// A table, whichever keys it has.
    pub(crate) fn fields(&self) -> Result<Fields<'a>, Wrong> {
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

    /// A table that has no keys but these.
    pub(crate) fn known_fields(&self, known: &[&str]) -> Result<Fields<'a>, Wrong> {
        let fields = self.fields()?;
        fields.check_keys(known)?;
        Ok(fields)
    }
}

impl<'a> Fields<'a> {
    /// The outermost table.
    pub(crate) fn of(source: Source<'a>, table: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            source,
            path: String::new(),
            at: table.span().start,
            table: table.get_ref(),
        }
    }

    /// That something is wrong with all of it.
    pub(crate) fn wrong(&self, what: impl Into<String>) -> Wrong {
        self.source.wrong(self.at, &self.path, what)
    }

    /// That something is missing from it.
    pub(crate) fn lacks(&self, key: &str, what: &str) -> Wrong {
        self.wrong(format!("`{key}` is missing: {what}"))
    }

    /// Its values, in the order of the text.
    pub(crate) fn all(&self) -> Vec<Node<'a>> {
        let node = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a str = std::convert::AsRef::<str>::as_ref(key.get_ref());
            let path = if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            };
            Node {
                source: self.source,
                path,
                key: name,
                at: key.span().start,
                value: value.get_ref(),
            }
        };
        let mut all: Vec<_> = self.table.iter().map(node).collect();
        all.sort_by_key(|node| node.at);
        all
    }

    pub(crate) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.all().into_iter().find(|node| node.key == key)
    }

    /// Checks that it has no keys but these.
    pub(crate) fn check_keys(&self, known: &[&str]) -> Result<(), Wrong> {
        let all = self.all();
        match all.iter().find(|node| !known.contains(&node.key)) {
            Some(node) => Err(node.none_of(node.key, "key", known)),
            None => Ok(()),
        }
    }
}
