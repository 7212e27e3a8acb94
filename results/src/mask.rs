//! What a record does not keep: credentials, and where somebody's home is.
//!
//! Runs are shared. A command line, the request of an own artifact, the reason of a failure may hold
//! what was meant for one server only, so what looks like a credential is masked where the record is
//! written: by the name that it is given (a header, a parameter, a variable, an option), by where it
//! stands (before the host of an address), or because it looks like nothing that a person writes.
//! Rather a word too many than one too few: a masked word is seen, and can be given again.

use std::sync::LazyLock;

/// What stands in place of a credential.
pub const MASK: &str = "[masked]";

/// What a name is made of whose value is a credential.
const TELLING: &[&str] = &[
    "apikey",
    "assertion",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "jwt",
    "key",
    "otp",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "pwd",
    "secret",
    "secrets",
    "session",
    "sid",
    "sig",
    "signature",
    "token",
    "tokens",
];

/// How the tokens of widespread services begin.
const PREFIXES: &[&str] = &[
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "npm_",
    "pypi-",
    "sk-",
    "sk_live_",
    "xoxb-",
    "xoxp-",
];

/// A word shorter than this is no token, unless it begins like one.
const TOKEN: usize = 20;

/// The same for one of hexadecimal digits, of which a word has less information.
const HEX_TOKEN: usize = 32;

/// Bits of information in a character of a token, at least: words that people write have fewer.
const ENTROPY: f64 = 3.6;

/// Options whose value may be an option of somebody else's, or the value of one.
pub const CARRIERS: &[&str] = &["--arg", "--body", "--config", "--env", "--header"];

/// A list of arguments without credentials, and with this user's home shortened.
///
/// An option whose name tells takes the argument after it along, also where each of both is the
/// value of another option: `--arg --password --arg 1234`.
pub fn arguments<S: AsRef<str>>(arguments: &[S]) -> Vec<String> {
    let mut secret_follows = false;
    let mut mask = |argument: &str| {
        if secret_follows && !CARRIERS.contains(&argument) {
            secret_follows = false;
            return MASK.to_owned();
        }
        let is_option = argument.starts_with('-') && !argument.contains(['=', ' ', ':']);
        secret_follows |= is_option && tells(argument);
        text(argument)
    };
    arguments.iter().map(|it| mask(it.as_ref())).collect()
}

/// The credentials in a list of arguments: what [`arguments`] masks. Words so short that they stand
/// anywhere are not among them.
pub fn secrets<S: AsRef<str>>(given: &[S]) -> Vec<String> {
    const SHORT: usize = 4;
    let mut secrets = Vec::new();
    for (given, masked) in given.iter().zip(arguments(given)) {
        // The home was shortened after the rest.
        let mut rest = shorten(given.as_ref());
        let mut kept = masked.split(MASK);
        let first = kept.next().unwrap_or_default();
        rest = rest.strip_prefix(first).unwrap_or_default().to_owned();
        for part in kept {
            let end = if part.is_empty() {
                rest.len()
            } else {
                rest.find(part).unwrap_or(rest.len())
            };
            secrets.push(rest[..end].to_owned());
            rest = rest.get(end + part.len()..).unwrap_or_default().to_owned();
        }
    }
    secrets.retain(|secret| secret.len() >= SHORT);
    secrets
}

/// What was measured says of itself, or of its failure, without the credentials that it was given
/// and those in addresses and in what is assigned, and with this user's home shortened. What only
/// looks like a token stays: reasons have digests.
pub fn reason(said: &str, secrets: &[String]) -> String {
    let without = secrets.iter().fold(said.to_owned(), |said, secret| {
        said.replace(secret.as_str(), MASK)
    });
    shorten(&named_values(&user_information(&without), &['=']))
}

/// A text without credentials, and with this user's home shortened.
pub fn text(text: &str) -> String {
    shorten(&credentials(text))
}

/// A text without credentials.
pub fn credentials(text: &str) -> String {
    let text = user_information(text);
    let text = named_values(&text, &['=', ':']);
    words(&text)
}

/// Whether a text is another without its credentials.
pub fn is_masked(text: &str) -> bool {
    text.contains(MASK)
}

/// A text in which this user's home is `~`.
pub fn shorten(text: &str) -> String {
    home().map_or_else(|| text.to_owned(), |home| replace_folder(text, home, "~"))
}

/// The text that [`shorten`] made shorter, unless it had a `~` of its own.
pub fn expand(text: &str) -> String {
    home().map_or_else(|| text.to_owned(), |home| replace_folder(text, "~", home))
}

fn home() -> Option<&'static str> {
    static HOME: LazyLock<Option<String>> = LazyLock::new(|| {
        let home = std::env::home_dir()?.into_os_string().into_string().ok()?;
        let home = home.trim_end_matches('/').to_owned();
        (home.len() > 1).then_some(home)
    });
    HOME.as_deref()
}

/// Replaces a folder where it is one: neither the beginning of a longer name nor the middle of a
/// path.
pub fn replace_folder(text: &str, folder: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(folder) {
        let (before, after) = (&rest[..at], &rest[at + folder.len()..]);
        let whole = after.chars().next().is_none_or(|next| !is_of_name(next))
            && before
                .chars()
                .next_back()
                .is_none_or(|last| !is_of_name(last) && last != '/');
        out.push_str(before);
        out.push_str(if whole { by } else { folder });
        rest = after;
    }
    out + rest
}

const fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// Whether the value of something of this name is a credential: `X-Api-Key`, `accessToken`,
/// `DB_PASSWORD`.
pub fn tells(name: &str) -> bool {
    let mut part = String::new();
    let mut was_lower = false;
    for letter in name.chars().chain(['-']) {
        let begins = letter.is_ascii_uppercase() && was_lower;
        if begins || !letter.is_ascii_alphanumeric() {
            if TELLING.contains(&part.as_str()) {
                return true;
            }
            part.clear();
        }
        was_lower = letter.is_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            part.push(letter.to_ascii_lowercase());
        }
    }
    false
}

/// `scheme://user:password@host` without user and password.
fn user_information(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let authority = after
            .find(|letter: char| {
                matches!(letter, '/' | '?' | '#' | '"' | '\'') || letter.is_whitespace()
            })
            .unwrap_or(after.len());
        match after[..authority].rfind('@') {
            Some(end) => {
                out.push_str(MASK);
                rest = &after[end..];
            }
            None => rest = after,
        }
    }
    out + rest
}

/// `name=value`, `Name: value`, `"name": "value"` without the values of names that tell.
fn named_values(text: &str, signs: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(signs) {
        let (before, after) = rest.split_at(at);
        let after_sign = &after[1..];
        let name = name_before(before);
        out.push_str(before);
        out.push_str(&after[..1]);
        rest = after_sign;
        if name.is_empty() || !tells(name) || after_sign.starts_with("//") {
            continue;
        }
        let header = after.starts_with(':') && !before.trim_end().ends_with(['"', '\'']);
        let (skipped, value) = value_at(after_sign, header);
        if value == 0 || after_sign[skipped..].starts_with(MASK) {
            continue;
        }
        out.push_str(&after_sign[..skipped]);
        out.push_str(MASK);
        rest = &after_sign[skipped + value..];
    }
    out + rest
}

/// The name that ends a text, quoted or not.
fn name_before(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches(['"', '\'', '\\']);
    let begins = text
        .rfind(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-' | '.'))
        .map_or(0, |at| {
            at + text[at..].chars().next().map_or(1, char::len_utf8)
        });
    &text[begins..]
}

/// Where the value begins that follows a name, and how long it is: one of a header goes to the end
/// of its line, another to whatever could end it.
fn value_at(text: &str, header: bool) -> (usize, usize) {
    let blank = text.len() - text.trim_start_matches(' ').len();
    let value = &text[blank..];
    let quote = value
        .trim_start_matches('\\')
        .chars()
        .next()
        .filter(|letter| matches!(letter, '"' | '\''));
    if let Some(quote) = quote {
        let begins = value.find(quote).unwrap_or(0) + 1;
        let length = value[begins..]
            .find([quote, '\\'])
            .unwrap_or(value.len() - begins);
        return (blank + begins, length);
    }
    let ends = |letter: char| {
        matches!(letter, '\n' | '\r' | '"' | '\'' | '`')
            || (!header
                && (letter.is_whitespace() || matches!(letter, '&' | ';' | '#' | ',' | '}')))
    };
    (blank, value.find(ends).unwrap_or(value.len()))
}

/// Without the words that look like nothing that a person writes.
fn words(text: &str) -> String {
    let of_word = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '+' | '=' | '.')
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.find(|letter| !of_word(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        out.push_str(if is_token(word) { MASK } else { word });
        let between = after.find(of_word).unwrap_or(after.len());
        out.push_str(&after[..between]);
        rest = &after[between..];
    }
    out
}

fn is_token(word: &str) -> bool {
    // A part of a name and value, such as `--arg=…`, is looked at by itself.
    if let Some((_, value)) = word.split_once('=')
        && !value.trim_end_matches('=').is_empty()
    {
        return is_token(value);
    }
    let length = word.len();
    if PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && length >= TOKEN / 2 + 6 {
        return true;
    }
    if length < TOKEN || crate::run_folder::is_run_name(word) {
        return false;
    }
    let any = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    if word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return length >= HEX_TOKEN && any(u8::is_ascii_digit);
    }
    let mixed =
        any(u8::is_ascii_digit) && any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase);
    mixed && entropy(word) >= ENTROPY
}

/// Bits of information in a character, as often as each occurs.
fn entropy(word: &str) -> f64 {
    let mut counts = [0_u32; 256];
    word.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = word.len() as f64;
    let share = counts.iter().filter(|count| **count > 0);
    share
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests;
