//! Completions and man pages, from the same definitions as `--help`.

use std::path::Path;

use campaign::front_door::Manner;
use clap::{Arg, Command};
use clap_complete::Shell;
use coldphase::{COMMANDS, Entry, NAME};

/// Every program that people run: the front door last, which has the commands of all.
pub(super) fn programs() -> [Command; 4] {
    let [host, external, analysis] = behind_the_front_door();
    [host, external, analysis, front_door_command()]
}

fn behind_the_front_door() -> [Command; 3] {
    [
        host::cli::command(),
        external::cli::command(),
        analysis::cli::command(),
    ]
}

/// The front door as one program, in its own words and order.
fn front_door_command() -> Command {
    let programs = behind_the_front_door();
    let entries = COMMANDS.iter().flat_map(|group| group.commands);
    let commands = entries.map(|entry| command_of(&programs, entry));
    let command = Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Measure where the cold start of a service goes")
        .subcommands(commands);
    Manner::Installed.reword_help(command)
}

fn command_of(programs: &[Command], entry: &Entry) -> Command {
    let mut programs = programs.iter();
    let Some(program) = programs.find(|it| it.get_name() == entry.program.name()) else {
        let names = Arg::new("names").value_name("NAME").num_args(0..);
        return Command::new(entry.name)
            .about(entry.about)
            .arg(names.help("Systems; `setup --help` lists them"));
    };
    let command = program.find_subcommand(entry.name);
    let command = command.unwrap_or_else(|| panic!("{} has no {}", program.get_name(), entry.name));
    // What is said once for all commands of a program is said for each here.
    let shared = program.get_arguments().filter(|it| it.is_global_set());
    command.clone().args(shared.cloned())
}

/// The front door's man pages and completions, by their places in a package.
///
/// # Errors
/// What could not be rendered.
pub(crate) fn front_door() -> Result<Vec<(String, String)>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder to write to: {error}"))?;
    let cannot = |error: std::io::Error| format!("cannot write manuals of {NAME}: {error}");
    let mut files = Vec::new();
    clap_mangen::generate_to(front_door_command(), &folder).map_err(cannot)?;
    for entry in std::fs::read_dir(&folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(&path).map_err(cannot)?;
        files.push((format!("share/man/man1/{name}"), text));
    }
    for (shell, place) in [
        (Shell::Bash, "share/bash-completion/completions/coldphase"),
        (
            Shell::Fish,
            "share/fish/vendor_completions.d/coldphase.fish",
        ),
        (Shell::Zsh, "share/zsh/site-functions/_coldphase"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut front_door_command(), NAME, &mut text);
        files.push((
            place.to_owned(),
            String::from_utf8_lossy(&text).into_owned(),
        ));
    }
    Ok(files)
}

/// Writes the completions of every program.
///
/// # Errors
/// What could not be written.
pub(crate) fn completions(shells: &[Shell], folder: &Path) -> Result<String, String> {
    create(folder)?;
    let mut files = 0;
    for mut program in programs() {
        let name = program.get_name().to_owned();
        for shell in shells {
            clap_complete::generate_to(*shell, &mut program, &name, folder)
                .map_err(|error| format!("cannot write completions of {name}: {error}"))?;
            files += 1;
        }
    }
    Ok(format!("{files} files in {}", folder.display()))
}

/// Writes the man pages of every program and of each of its commands.
///
/// # Errors
/// What could not be written.
pub(crate) fn man(folder: &Path) -> Result<String, String> {
    create(folder)?;
    for program in programs() {
        let name = program.get_name().to_owned();
        clap_mangen::generate_to(program, folder)
            .map_err(|error| format!("cannot write man pages of {name}: {error}"))?;
    }
    Ok(format!("man pages in {}", folder.display()))
}

fn create(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_every_program_has_a_man_page() {
        let folder = tempfile::tempdir().unwrap();
        man(folder.path()).unwrap();
        for program in programs() {
            let name = program.get_name();
            for command in program.get_subcommands() {
                let page = folder
                    .path()
                    .join(format!("{name}-{}.1", command.get_name()));
                let text = std::fs::read_to_string(&page).unwrap_or_default();
                assert!(text.contains(".SH SYNOPSIS"), "{}", page.display());
            }
        }
    }

    #[test]
    fn the_front_door_leads_to_every_command_of_every_program_and_to_nothing_else() {
        let mut behind = Vec::new();
        for program in behind_the_front_door() {
            let commands = program.get_subcommands();
            behind.extend(
                commands.map(|it| (program.get_name().to_owned(), it.get_name().to_owned())),
            );
        }
        let entries = COMMANDS.iter().flat_map(|group| group.commands);
        let mut before: Vec<_> = entries
            .filter(|entry| entry.program != coldphase::Program::Setup)
            .map(|entry| (entry.program.name().to_owned(), entry.name.to_owned()))
            .collect();
        behind.sort();
        before.sort();
        assert_eq!(before, behind);
    }

    #[test]
    fn help_behind_the_front_door_names_no_program_that_is_not_called() {
        let mut command = front_door_command();
        command.build();
        for command in command.get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            for program in ["`host ", "`external ", "`analysis ", "cargo run -p"] {
                assert!(!help.contains(program), "{}: {help}", command.get_name());
            }
        }
    }

    #[test]
    fn completions_know_every_command_of_every_program() {
        let folder = tempfile::tempdir().unwrap();
        completions(&[Shell::Bash, Shell::Fish, Shell::Zsh], folder.path()).unwrap();
        for program in programs() {
            let name = program.get_name();
            for file in [
                format!("{name}.bash"),
                format!("{name}.fish"),
                format!("_{name}"),
            ] {
                let text = std::fs::read_to_string(folder.path().join(&file)).unwrap();
                for command in program.get_subcommands() {
                    assert!(
                        text.contains(command.get_name()),
                        "{file}: {}",
                        command.get_name()
                    );
                }
            }
        }
    }
}
