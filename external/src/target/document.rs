//! A TOML file of a person's, read so that whatever is wrong with it is named by file, line and key,
//! with the nearest right word.

use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::Path;

use campaign::{Error, Exit, errno};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// The longest file that is read, in bytes: a description has some lines.
const LONGEST: u64 = 1024 * 1024;

/// A text in TOML, and what it is called where something is wrong with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

/// A value with the path of keys that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Entry<'t> {
    source: Source<'t>,
    /// The keys down to it, parted by dots.
    pub(super) path: String,
    /// The last of them.
    pub(super) key: String,
    /// Where the key begins; the value, of an element of a list.
    at: usize,
    value: &'t DeValue<'t>,
}

/// Reads a file that is a description, and not something without an end.
///
/// # Errors
/// It cannot be read, is too long, or is no text.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let name = path.display();
    let cannot = |error: std::io::Error| {
        Error::new(Exit::Usage, format!("cannot read {name}: {error}"))
            .hint(errno::hint(&error).unwrap_or("--target takes a TOML file that can be read"))
    };
    let is_file = std::fs::metadata(path).map_err(cannot)?.is_file();
    let file = is_file.then(|| std::fs::File::open(path)).transpose();
    let Some(file) = file.map_err(cannot)? else {
        return Err(Error::new(Exit::Usage, format!("{name} is no file"))
            .hint("--target takes a TOML file"));
    };
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > LONGEST {
        let message = format!("{name} is longer than {LONGEST} bytes");
        return Err(Error::new(Exit::Usage, message)
            .hint("--target takes a TOML file, and the paths of artifacts stand in it"));
    }
    String::from_utf8(bytes).map_err(|_| {
        Error::new(Exit::Usage, format!("{name} is no text"))
            .hint("--target takes a TOML file, and the paths of artifacts stand in it")
    })
}

impl<'t> Source<'t> {
    /// Parses it.
    ///
    /// # Errors
    /// It is no TOML.
    pub(super) fn parse(self) -> Result<Spanned<DeTable<'t>>, Error> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.wrong(at, error.message().trim())
        })
    }

    /// The entries of a table, each of whose keys must be known.
    ///
    /// # Errors
    /// One is not.
    pub(super) fn entries(
        self,
        table: &'t DeTable<'t>,
        path: &str,
        known: &[&str],
    ) -> Result<Vec<Entry<'t>>, Error> {
        let entries = self.any_entries(table, path);
        match entries.iter().find(|it| !known.contains(&&*it.key)) {
            Some(unknown) => Err(unknown.unknown(known)),
            None => Ok(entries),
        }
    }

    /// The entries of a table whose keys are a person's own, in the order of the text.
    pub(super) fn any_entries(self, table: &'t DeTable<'t>, path: &str) -> Vec<Entry<'t>> {
        let entry = |(key, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
            let name: &std::borrow::Cow<'t, str> = key.get_ref();
            let path = match path {
                "" => name.to_string(),
                path => format!("{path}.{name}"),
            };
            Entry {
                source: self,
                path,
                key: name.to_string(),
                at: key.span().start,
                value: value.get_ref(),
            }
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }

    /// Something is wrong at a place in the text.
    pub(super) fn wrong(self, at: usize, message: &str) -> Error {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Error::new(Exit::Usage, format!("{}:{line}: {message}", self.name))
    }
}

impl<'t> Entry<'t> {
    /// Something is wrong with it.
    pub(super) fn wrong(&self, message: &str) -> Error {
        let message = format!("`{}`: {message}", self.path);
        self.source.wrong(self.at, &message)
    }

    fn unknown(&self, known: &[&str]) -> Error {
        let hint = match nearest(&self.key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        self.wrong("there is no such key").hint(hint)
    }

    fn expected(&self, what: &str) -> Error {
        self.wrong(&format!("expected {what}, found {}", self.value.type_str()))
    }

    /// A text.
    ///
    /// # Errors
    /// It is none, or holds a zero byte, which no argument and no path has.
    pub(super) fn text(&self) -> Result<&'t str, Error> {
        let text = self.value.as_str().ok_or_else(|| self.expected("a text"))?;
        if text.contains('\0') {
            return Err(self.wrong("it holds a zero byte"));
        }
        Ok(text)
    }

    /// One of these words.
    ///
    /// # Errors
    /// It is none of them.
    pub(super) fn word(&self, known: &[&'static str]) -> Result<&'static str, Error> {
        let text = self.text()?;
        let word = known.iter().find(|word| **word == text);
        word.copied().ok_or_else(|| {
            let hint = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it is one of {}", known.join(", ")),
            };
            self.wrong(&format!("`{text}` is nothing that it can be"))
                .hint(hint)
        })
    }

    /// A list of texts.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn texts(&self) -> Result<Vec<String>, Error> {
        if !self.is_list() {
            return Err(self.expected("a list of texts"));
        }
        let texts = self.each().into_iter().map(|it| Ok(it.text()?.to_owned()));
        texts.collect()
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Whether it is a number.
    pub(super) fn is_number(&self) -> bool {
        self.value.is_integer()
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// The elements of a list; of anything else itself.
    pub(super) fn each(&self) -> Vec<Self> {
        let Some(list) = self.value.as_array() else {
            return vec![self.clone()];
        };
        let element = |(nth, value): (usize, &'t Spanned<DeValue<'t>>)| Self {
            path: format!("{}[{nth}]", self.path),
            at: value.span().start,
            value: value.get_ref(),
            ..self.clone()
        };
        list.iter().enumerate().map(element).collect()
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// It is none, or lies outside.
    pub(super) fn number(&self, range: RangeInclusive<u16>) -> Result<u16, Error> {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        let number = self.value.as_integer();
        let number = number.and_then(|it| u16::from_str_radix(it.as_str(), it.radix()).ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| match self.value.as_integer() {
                Some(other) => self.wrong(&format!("expected {what}, found {}", other.as_str())),
                None => self.expected(&what),
            })
    }

    /// Yes or no.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn flag(&self) -> Result<bool, Error> {
        self.value
            .as_bool()
            .ok_or_else(|| self.expected("true or false"))
    }

    /// The entries of a table, each of whose keys must be known.
    ///
    /// # Errors
    /// It is no table, or has another key.
    pub(super) fn table(&self, known: &[&str]) -> Result<Vec<Self>, Error> {
        self.source.entries(self.as_table()?, &self.path, known)
    }

    /// The entries of a table whose keys are a person's own.
    ///
    /// # Errors
    /// It is no table.
    pub(super) fn any_table(&self) -> Result<Vec<Self>, Error> {
        Ok(self.source.any_entries(self.as_table()?, &self.path))
    }

    fn as_table(&self) -> Result<&'t DeTable<'t>, Error> {
        self.value
            .as_table()
            .ok_or_else(|| self.expected("a table"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str, look: impl Fn(&[Entry<'_>]) -> Result<(), Error>) -> String {
        let source = Source {
            name: "x.toml",
            text,
        };
        let parsed = source.parse();
        let looked = parsed.and_then(|table| {
            let table = table.into_inner();
            // As long as the text: the test reads it once.
            let table: &DeTable<'_> = Box::leak(Box::new(table));
            look(&source.any_entries(table, ""))
        });
        let error = looked.unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        error.to_string()
    }

    #[test]
    fn everything_wrong_is_named_by_file_line_and_key() {
        let error = wrong("a = 1\nb = [", |_| Ok(()));
        assert!(error.starts_with("error: x.toml:2: "), "{error}");
        let error = wrong("\n\n[a]\nx = 1\nrequst = 2", |entries| {
            entries[0].table(&["x", "request"]).map(drop)
        });
        assert!(
            error.contains("x.toml:5: `a.requst`: there is no such key")
                && error.contains("did you mean `request`?"),
            "{error}"
        );
        let error = wrong("a = 1", |entries| entries[0].text().map(drop));
        assert!(
            error.contains("`a`: expected a text, found integer"),
            "{error}"
        );
        let error = wrong("a = [\"x\",\n 2]", |entries| entries[0].texts().map(drop));
        assert!(
            error.contains("x.toml:2: `a[1]`: expected a text"),
            "{error}"
        );
        let error = wrong("a = 70000", |entries| entries[0].number(1..=9).map(drop));
        assert!(error.contains("from 1 to 9, found 70000"), "{error}");
        let error = wrong("a = \"servce\"", |entries| {
            entries[0].word(&["service", "command"]).map(drop)
        });
        assert!(error.contains("did you mean `service`?"), "{error}");
        let error = wrong("a = \"\\u0000\"", |entries| entries[0].text().map(drop));
        assert!(error.contains("zero byte"), "{error}");
    }
}
