//! Completions and man pages, from the same definitions as `--help`.

use std::path::Path;

use clap::Command;
use clap_complete::Shell;

/// Every program that people run.
fn programs() -> [Command; 3] {
    [
        host::cli::command(),
        external::cli::command(),
        analysis::cli::command(),
    ]
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
