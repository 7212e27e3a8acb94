//! What stands in commands for what is known only when they are launched: those of persons, and those
//! of this program.

use std::net::SocketAddr;
use std::path::Path;

use crate::nearest::nearest;

/// What stands for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// IP and port that a service listens on.
    Address,
    /// The one of both.
    Ip,
    /// The other.
    Port,
    /// The file that was built: the module, component or program.
    Artifact,
    /// What is made of it before all starts.
    Out,
    /// A folder of the start's own.
    Work,
    /// The arguments that a command's call gives it, each by itself.
    Arguments,
}

impl Placeholder {
    /// What a person's own workload may be told.
    pub const OF_WORKLOADS: &'static [Self] = &[
        Self::Address,
        Self::Ip,
        Self::Port,
        Self::Artifact,
        Self::Work,
    ];

    /// Those of paths.
    pub(super) const PATHS: &'static [Self] = &[Self::Artifact, Self::Out, Self::Work];

    /// Those of what a description launches.
    pub(super) const LAUNCH: &'static [Self] = &[
        Self::Artifact,
        Self::Out,
        Self::Work,
        Self::Address,
        Self::Ip,
        Self::Port,
        Self::Arguments,
    ];

    /// Where a service is to listen, by any of these.
    pub(super) const LISTEN: &'static [Self] = &[Self::Address, Self::Ip, Self::Port];

    /// As it is written, in braces.
    pub const fn written(self) -> &'static str {
        match self {
            Self::Address => super::ADDRESS,
            Self::Ip => "{ip}",
            Self::Port => "{port}",
            Self::Artifact => "{artifact}",
            Self::Out => "{out}",
            Self::Work => "{work}",
            Self::Arguments => "{arguments}",
        }
    }

    /// Whether a text holds it.
    pub fn is_in(self, text: &str) -> bool {
        text.contains(self.written())
    }

    /// The one that a word in braces is.
    fn from_word(word: &str) -> Option<Self> {
        Self::LAUNCH.iter().copied().find(|it| it.word() == word)
    }

    fn word(self) -> &'static str {
        self.written().trim_matches(['{', '}'])
    }
}

/// What takes the place of each. What is not known stays as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// Where a service listens; nothing of a command.
    pub address: Option<SocketAddr>,
    /// The file that was built.
    pub artifact: Option<&'a Path>,
    /// What is made of it.
    pub out: Option<&'a Path>,
    /// A folder of the start's own.
    pub work: Option<&'a Path>,
}

impl Values<'_> {
    /// Where a service listens, and nothing else.
    pub const fn address(address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            artifact: None,
            out: None,
            work: None,
        }
    }

    fn of(&self, placeholder: Placeholder) -> Option<String> {
        let shown = |path: &Path| path.display().to_string();
        match placeholder {
            Placeholder::Address => self.address.map(|it| it.to_string()),
            Placeholder::Ip => self.address.map(|it| it.ip().to_string()),
            Placeholder::Port => self.address.map(|it| it.port().to_string()),
            Placeholder::Artifact => self.artifact.map(shown),
            Placeholder::Out => self.out.map(shown),
            Placeholder::Work => self.work.map(shown),
            Placeholder::Arguments => None,
        }
    }
}

/// Puts values in their places. What is not known stays as it is written.
pub fn fill(text: &str, values: &Values<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, word, after)) = next(rest) {
        filled.push_str(before);
        match Placeholder::from_word(word).and_then(|it| values.of(it)) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(&format!("{{{word}}}")),
        }
        rest = after;
    }
    filled + rest
}

/// The text up to the first word in braces, that word, and what follows. Braces around something else,
/// as in JSON, are nothing of ours.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let is_of_word = |it: char| it.is_ascii_lowercase() || it == '-';
    let mut from = 0;
    loop {
        let at = from + text[from..].find('{')?;
        let end = text[at + 1..].find(|it| !is_of_word(it));
        let word = &text[at + 1..at + 1 + end.unwrap_or(text.len() - at - 1)];
        let after = &text[at + 1 + word.len()..];
        if let (false, Some(after)) = (word.is_empty(), after.strip_prefix('}')) {
            return Some((&text[..at], word, after));
        }
        from = at + 1;
    }
}

/// The words in braces of a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, word, after) = next(rest)?;
        rest = after;
        Some(word)
    })
}

/// Checks that a text has no word in braces that is nearly one of these: left as it is, it would be a
/// service that listens nowhere. Other words in braces are the program's own.
///
/// # Errors
/// Which word, and what was meant.
pub fn check(text: &str, allowed: &[Placeholder]) -> Result<(), (String, String)> {
    let known: Vec<_> = allowed.iter().map(|it| it.word()).collect();
    let shouted = |it: &&Placeholder| text.contains(&it.written().to_ascii_uppercase());
    if let Some(shouted) = allowed.iter().find(shouted) {
        let written = shouted.written();
        return Err((
            format!("there is no placeholder {}", written.to_ascii_uppercase()),
            format!("did you mean {written}?"),
        ));
    }
    let elsewhere = words(text).find(|word| {
        !known.contains(word) && Placeholder::LAUNCH.iter().any(|it| it.word() == *word)
    });
    if let Some(word) = elsewhere {
        let written: Vec<_> = allowed.iter().map(|it| it.written()).collect();
        return Err((
            format!("{{{word}}} stands for nothing here"),
            format!(
                "descriptions of systems have it; workloads have {}",
                written.join(", ")
            ),
        ));
    }
    let unknown = words(text).filter(|word| !known.contains(word));
    let mut slips = unknown.filter_map(|word| Some((word, nearest(word, known.iter().copied())?)));
    match slips.next() {
        Some((word, near)) => Err((
            format!("there is no placeholder {{{word}}}"),
            format!("did you mean {{{near}}}?"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_put_in_its_place_once_and_other_braces_stay() {
        let values = Values {
            work: Some(Path::new("/w/{port}")),
            ..Values::address(([127, 0, 0, 1], 80).into())
        };
        for (text, filled) in [
            ("--listen={address}", "--listen=127.0.0.1:80"),
            ("{ip} {port}", "127.0.0.1 80"),
            ("{work}/x", "/w/{port}/x"),
            ("{artifact}", "{artifact}"),
            ("{out} {arguments}", "{out} {arguments}"),
            ("{\"port\": {port}}", "{\"port\": 80}"),
            ("{{port}}", "{80}"),
            ("{", "{"),
            ("{}", "{}"),
            ("{port", "{port"),
            ("${HOME}", "${HOME}"),
        ] {
            assert_eq!(fill(text, &values), filled, "{text}");
        }
    }

    #[test]
    fn a_misspelt_one_is_refused_and_other_words_are_not() {
        let check = |text| check(text, Placeholder::OF_WORKLOADS);
        assert!(check("{address} {x} {name} {\"a\":1}").is_ok());
        for (text, said) in [
            ("--port={PORT}", "did you mean {port}?"),
            ("{out}", "workloads have {address}, {ip}"),
        ] {
            let (_, hint) = check(text).unwrap_err();
            assert!(hint.contains(said), "{hint}");
        }
        let (message, hint) = check("{adress}").unwrap_err();
        assert!(
            message.contains("{adress}") && hint.contains("{address}"),
            "{message} {hint}"
        );
    }

    #[test]
    fn every_one_is_known_by_its_word() {
        for placeholder in Placeholder::LAUNCH {
            let word = placeholder.word();
            assert_eq!(Placeholder::from_word(word), Some(*placeholder), "{word}");
        }
    }
}
