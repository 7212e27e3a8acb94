//! `coldphase`: finds the program that a command belongs to, and becomes it.

mod program;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use coldphase::{Entry, NAME, find, help, nearest};

/// The number of a command line that says something impossible, as all programs have it.
const USAGE: u8 = 2;

/// What a command line asks of the front door itself.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    /// A command, with the words that are its program's.
    Command(&'static Entry, Vec<OsString>),
    /// What can be asked.
    Help,
    /// Which version this is.
    Version,
    /// Nothing.
    Nothing,
    /// A word that is no command, or is no text.
    Unknown(&'a OsString),
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match parse(&words) {
        Asked::Command(entry, words) => {
            // Returns only if it cannot be done.
            say(&program::become_it(entry.program, &words));
            ExitCode::FAILURE
        }
        Asked::Help => print(&help()),
        Asked::Version => print(&format!("{NAME} {}\n", env!("CARGO_PKG_VERSION"))),
        Asked::Nothing => {
            say(help().trim_end());
            USAGE.into()
        }
        Asked::Unknown(word) => {
            say(&unknown(&word.to_string_lossy()));
            USAGE.into()
        }
    }
}

fn parse(words: &[OsString]) -> Asked<'_> {
    let Some(first) = words.first() else {
        return Asked::Nothing;
    };
    match first.to_str() {
        Some("--help" | "-h") => Asked::Help,
        Some("--version" | "-V") => Asked::Version,
        // As `git help log`: what follows is a command, and the question is its help.
        Some("help") => match words.get(1).map(|word| (word, named(word))) {
            None => Asked::Help,
            Some((_, Some(entry))) => {
                let rest = words[1..].iter().cloned();
                Asked::Command(entry, rest.chain(["--help".into()]).collect())
            }
            Some((word, None)) => Asked::Unknown(word),
        },
        _ => named(first).map_or(Asked::Unknown(first), |entry| {
            Asked::Command(entry, words.to_vec())
        }),
    }
}

fn named(word: &OsString) -> Option<&'static Entry> {
    word.to_str().and_then(find)
}

fn unknown(word: &str) -> String {
    let meant = nearest(word).map_or_else(String::new, |name| format!("; is `{name}` meant?"));
    format!(
        "error: there is no command `{}`{meant}\n  hint: `{NAME} --help` lists all commands",
        word.escape_debug()
    )
}

/// Prints; a reader that has gone away is no failure.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> String {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match parse(&words) {
            Asked::Command(entry, words) => format!("{} {words:?}", entry.program.name()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_command_goes_to_its_program_with_every_word() {
        for (line, expected) in [
            (
                "suite --samples 2",
                r#"external ["suite", "--samples", "2"]"#,
            ),
            ("phases --help", r#"host ["phases", "--help"]"#),
            ("help report", r#"analysis ["report", "--help"]"#),
            (
                "help baseline save",
                r#"analysis ["baseline", "save", "--help"]"#,
            ),
            ("setup docker", r#"setup ["setup", "docker"]"#),
            ("", "Nothing"),
            ("help", "Help"),
            ("-h", "Help"),
            ("--version", "Version"),
            ("siute", r#"Unknown("siute")"#),
            ("help siute", r#"Unknown("siute")"#),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }

    #[test]
    fn an_unknown_command_names_the_nearest_one() {
        assert!(unknown("siute").contains("is `suite` meant?"));
        assert!(!unknown("kubernetes").contains("meant"));
    }
}
