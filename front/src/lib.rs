//! One front door: every command of `host`, `external` and `analysis` under one name.
//!
//! The three stay programs of their own: what measures an embedded engine must not map what drives
//! Docker, and neither draws pictures. This crate knows which command is whose, in the order in which
//! a newcomer needs them; the program `coldphase` finds that program and becomes it. It depends on
//! nothing of ours, so that it is built in a second.

mod commands;

pub use commands::{COMMANDS, Entry, Group, Program, find, name_of, nearest};

/// The name of the front door. A program that is called by this name was called through it.
pub const NAME: &str = "coldphase";

/// The folder of the programs in an installed package, beside the one that the front door lies in.
pub const PROGRAMS: &str = "libexec/coldphase";

/// The file that lies beside the programs of a package, and tells which package it is.
pub const PACKAGE_FILE: &str = "PACKAGE";

/// The text of `coldphase --help`.
pub fn help() -> String {
    let width = COMMANDS
        .iter()
        .flat_map(|group| group.commands)
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or_default();
    let mut text = format!(
        "Where does a cold start go? The same service as a native program, as WebAssembly and in\n\
         containers, each start taken apart into phases, and what can be concluded.\n\n\
         Usage: {NAME} <COMMAND> [OPTIONS]\n\n\
         suite, scale, density, compare and duel measure a service or command of your own too, as\n\
         --target FILE describes it, and under another runtime, as --system FILE describes that.\n"
    );
    for group in COMMANDS {
        text.push_str(&format!("\n{}:\n", group.title));
        for entry in group.commands {
            text.push_str(&format!("  {:<width$}  {}\n", entry.name, entry.about));
        }
    }
    text.push_str(&format!(
        "\nOptions:\n  {:<width$}  Print help; `{NAME} COMMAND --help` has that of a command\n  \
         {:<width$}  Print version\n",
        "-h, --help", "-V, --version"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_has_a_line_for_each_command_and_fits_on_a_terminal() {
        let help = help();
        for entry in COMMANDS.iter().flat_map(|group| group.commands) {
            assert!(help.contains(&format!("\n  {} ", entry.name)), "{help}");
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
