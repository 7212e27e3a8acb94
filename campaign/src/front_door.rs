//! How a person has called this program, and what its words call commands therefore.
//!
//! Through the front door, `host`, `external` and `analysis` are one program, `coldphase`: its help
//! and its messages must say what can be typed. Everything is written with the programs' own names,
//! in backticks, and put into the words of the front door where it is told to a person. What is
//! recorded stays as it was written.

use std::borrow::Cow;
use std::path::Path;

use clap::Command;
use clap::builder::StyledStr;
use coldphase::{NAME, name_of};
use results::installation::Installation;

/// The programs behind the front door.
const PROGRAMS: [&str; 3] = ["host", "external", "analysis"];

/// How commands are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Each by the program that it belongs to.
    Itself,
    /// `cargo run -- …` in a checkout.
    Cargo,
    /// `coldphase …`, on a path.
    Installed,
}

impl Manner {
    /// How this program was called.
    pub fn here() -> Self {
        let called = std::env::args_os().next().unwrap_or_default();
        let is_front = Path::new(&called).file_name().is_some_and(|it| it == NAME);
        let in_checkout = || Installation::here().package().is_none();
        if !is_front {
            Self::Itself
        } else if std::env::var_os("CARGO").is_some() && in_checkout() {
            Self::Cargo
        } else {
            Self::Installed
        }
    }

    /// The command line that runs a command of a program.
    pub fn command(self, program: &str, words: &str) -> String {
        let (word, rest) = words.split_at(words.find(' ').unwrap_or(words.len()));
        let named = name_of(program, word).unwrap_or(word);
        match self {
            Self::Itself => format!("cargo run -p {program} -- {words}"),
            Self::Cargo => format!("cargo run -- {named}{rest}"),
            Self::Installed => format!("{NAME} {named}{rest}"),
        }
    }

    /// A text whose commands, which stand in backticks, are those that a person can type here.
    pub fn reword(self, text: &str) -> Cow<'_, str> {
        if self == Self::Itself || !text.contains('`') {
            return Cow::Borrowed(text);
        }
        let parts = text.split('`').enumerate();
        let parts = parts.map(|(at, part)| match at % 2 {
            0 => Cow::Borrowed(part),
            _ => self.quoted(part),
        });
        Cow::Owned(parts.collect::<Vec<_>>().join("`"))
    }

    /// What stands in backticks.
    fn quoted(self, text: &str) -> Cow<'_, str> {
        if let Some(names) = text
            .strip_prefix("./setup")
            .filter(|_| self == Self::Installed)
        {
            return Cow::Owned(format!("{NAME} setup{names}"));
        }
        let by_cargo = text.strip_prefix("cargo run -p ");
        let called = by_cargo.unwrap_or(text);
        let reworded = PROGRAMS.iter().find_map(|program| {
            let words = called.strip_prefix(program)?;
            let words = words.strip_prefix(if by_cargo.is_some() { " -- " } else { " " })?;
            let word = words.split(' ').next()?;
            name_of(program, word)?;
            Some(self.command(program, words))
        });
        reworded.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// A command line's definition whose help is in these words.
    #[must_use]
    pub fn reword_help(self, command: Command) -> Command {
        if self == Self::Itself {
            return command;
        }
        let text =
            |text: Option<&StyledStr>| text.map(|it| self.reword(&it.to_string()).into_owned());
        let (about, long_about) = (text(command.get_about()), text(command.get_long_about()));
        let (after, long_after) = (
            text(command.get_after_help()),
            text(command.get_after_long_help()),
        );
        let mut command = command;
        if let Some(about) = about {
            command = command.about(about);
        }
        if let Some(about) = long_about {
            command = command.long_about(about);
        }
        if let Some(after) = after {
            command = command.after_help(after);
        }
        if let Some(after) = long_after {
            command = command.after_long_help(after);
        }
        command
            .mut_args(|argument| {
                let help = text(argument.get_help());
                let long_help = text(argument.get_long_help());
                let argument = help.into_iter().fold(argument, clap::Arg::help);
                long_help.into_iter().fold(argument, clap::Arg::long_help)
            })
            .mut_subcommands(|command| self.reword_help(command))
    }
}

/// A text in the words in which this program was called.
pub fn reword(text: &str) -> Cow<'_, str> {
    Manner::here().reword(text)
}

/// The command line that runs a command of a program, as this one was called.
pub fn command(program: &str, words: &str) -> String {
    Manner::here().command(program, words)
}

#[cfg(test)]
mod tests {
    use clap::Arg;
    use results::installation;

    use super::*;

    #[test]
    fn a_command_is_called_as_this_program_was() {
        let called = |manner: Manner| {
            ["suite --resume latest", "compare cold-start", "density"]
                .map(|words| manner.command("external", words))
        };
        assert_eq!(
            called(Manner::Itself),
            [
                "cargo run -p external -- suite --resume latest",
                "cargo run -p external -- compare cold-start",
                "cargo run -p external -- density"
            ]
        );
        assert_eq!(
            called(Manner::Installed),
            [
                "coldphase suite --resume latest",
                "coldphase compare cold-start",
                "coldphase density"
            ]
        );
        assert_eq!(
            Manner::Cargo.command("host", "density"),
            "cargo run -- density-embedded"
        );
    }

    #[test]
    fn what_stands_in_backticks_can_be_typed() {
        for (text, installed, cargo) in [
            (
                "`host compile` makes one",
                "`coldphase compile` makes one",
                "`cargo run -- compile` makes one",
            ),
            (
                "see `analysis compare A B`",
                "see `coldphase compare-runs A B`",
                "see `cargo run -- compare-runs A B`",
            ),
            (
                "`cargo run -p external -- suite` measures",
                "`coldphase suite` measures",
                "`cargo run -- suite` measures",
            ),
            (
                "`./setup docker` installs it",
                "`coldphase setup docker` installs it",
                "`./setup docker` installs it",
            ),
            (
                "`host` alone, host serve, `external things`",
                "`host` alone, host serve, `external things`",
                "`host` alone, host serve, `external things`",
            ),
            (
                "an odd ` in it: `host run`",
                "an odd ` in it: `host run`",
                "an odd ` in it: `host run`",
            ),
        ] {
            assert_eq!(Manner::Itself.reword(text), text);
            assert_eq!(Manner::Installed.reword(text), installed);
            assert_eq!(Manner::Cargo.reword(text), cargo);
        }
    }

    #[test]
    fn help_is_reworded_everywhere() {
        let inner = Command::new("serve")
            .about("What `host compile` made")
            .after_help("`host run` runs")
            .arg(Arg::new("x").long("x").help("of `host compile`"));
        let command = Command::new("host").subcommand(inner);
        let mut reworded = Manner::Installed.reword_help(command);
        let serve = reworded.find_subcommand_mut("serve").unwrap();
        let help = serve.render_long_help().to_string();
        assert_eq!(help.matches("`coldphase ").count(), 3, "{help}");
    }

    #[test]
    fn the_front_door_and_the_programs_agree_on_where_a_package_has_what() {
        assert_eq!(coldphase::PROGRAMS, installation::PROGRAMS);
        assert_eq!(coldphase::PACKAGE_FILE, installation::PACKAGE_FILE);
    }
}
