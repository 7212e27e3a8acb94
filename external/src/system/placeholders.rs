//! What stands in a person's commands for what is known only when they are launched.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

use crate::nearest::nearest;

/// All of them.
const NAMES: [&str; 5] = ["address", "ip", "port", "artifact", "work"];

/// What takes the place of each.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// Where a service listens; nothing of a command.
    pub address: Option<SocketAddr>,
    /// The file that was built: the program, or the guest.
    pub artifact: Option<&'a Path>,
    /// A folder of the start's own, empty.
    pub work: Option<&'a Path>,
}

/// Puts values in their places. What is not known stays as it is written.
pub fn fill(text: &str, values: &Values<'_>) -> String {
    fn shown(it: impl Display) -> String {
        it.to_string()
    }
    let value = |name: &str| match name {
        "address" => values.address.map(shown),
        "ip" => values.address.map(|it| shown(it.ip())),
        "port" => values.address.map(|it| shown(it.port())),
        "artifact" => values.artifact.map(|it| shown(it.display())),
        "work" => values.work.map(|it| shown(it.display())),
        _ => None,
    };
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next(rest) {
        filled.push_str(before);
        match value(name) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(&format!("{{{name}}}")),
        }
        rest = after;
    }
    filled + rest
}

/// Whether a text holds a placeholder.
pub fn has(text: &str, name: &str) -> bool {
    text.contains(&format!("{{{name}}}"))
}

/// The text up to the first word in braces, that word, and what follows. Braces around something else,
/// as in JSON, are nothing of ours.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('{')?;
        let end = text[at + 1..].find(|it: char| !it.is_ascii_lowercase());
        let word = &text[at + 1..at + 1 + end.unwrap_or(text.len() - at - 1)];
        let after = &text[at + 1 + word.len()..];
        if let (false, Some(after)) = (word.is_empty(), after.strip_prefix('}')) {
            return Some((&text[..at], word, after));
        }
        from = at + 1;
    }
}

/// Checks that a text has no word in braces that is nearly a placeholder: left as it is, it would be
/// a service that listens nowhere.
///
/// # Errors
/// Which word, and what was meant.
pub fn check(text: &str) -> Result<(), (String, String)> {
    let mut rest = text;
    while let Some((_, name, after)) = next(rest) {
        rest = after;
        if NAMES.contains(&name) {
            continue;
        }
        if let Some(near) = nearest(name, NAMES) {
            let message = format!("there is no placeholder {{{name}}}");
            return Err((message, format!("did you mean {{{near}}}?")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_put_in_its_place_once_and_other_braces_stay() {
        let values = Values {
            address: Some(([127, 0, 0, 1], 80).into()),
            artifact: None,
            work: Some(Path::new("/w/{port}")),
        };
        for (text, filled) in [
            ("--listen={address}", "--listen=127.0.0.1:80"),
            ("{ip} {port}", "127.0.0.1 80"),
            ("{work}/x", "/w/{port}/x"),
            ("{artifact}", "{artifact}"),
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
        assert!(check("{address} {x} {name} {\"a\":1}").is_ok());
        let (message, hint) = check("{adress}").unwrap_err();
        assert!(
            message.contains("{adress}") && hint.contains("{address}"),
            "{message} {hint}"
        );
    }
}
