//! What is made of the programs: completions, man pages, tables in documents, a package.

#[cfg(test)]
mod documented;
pub(crate) mod manuals;
mod package;
pub(crate) mod tables;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap_complete::Shell;

/// The folder below the target folder that completions and man pages are written to.
const DEFAULT_FOLDER: &str = "manuals";

/// What is generated from the programs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the completions of every program for shells
    Completions {
        /// The shells
        #[arg(value_enum, default_values_t = [Shell::Bash, Shell::Fish, Shell::Zsh])]
        shells: Vec<Shell>,
        /// The folder to write to [default: manuals in the target folder]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Write the man pages of every program and each of its commands
    Man {
        /// The folder to write to [default: manuals in the target folder]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Write the tables of the documents that the code knows
    Tables {
        /// Write nothing; fail if a document differs from the code
        #[arg(long)]
        check: bool,
    },
    /// Make one archive that works on a machine without Rust: programs, guests, licences, man pages
    Package(package::Package),
}

/// Runs a command, and says what it did.
///
/// # Errors
/// What could not be read or written, or which documents differ.
pub(crate) fn run(command: Command, workspace: &Path) -> Result<String, String> {
    match command {
        Command::Completions { shells, out } => manuals::completions(&shells, &folder(out)?),
        Command::Man { out } => manuals::man(&folder(out)?),
        Command::Package(arguments) => package::run(&arguments, workspace, &target_folder()?),
        Command::Tables { check: true } => tables::check(workspace),
        Command::Tables { check: false } => tables::write(workspace),
    }
}

/// The folder given, or one in the target folder that this program lies in.
fn folder(given: Option<PathBuf>) -> Result<PathBuf, String> {
    if let Some(folder) = given {
        return Ok(folder);
    }
    Ok(target_folder()?.join(DEFAULT_FOLDER))
}

/// The target folder that this program lies in.
fn target_folder() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("no target folder: {error}"))?;
    // A test's program lies one folder deeper.
    let mut folders = program
        .ancestors()
        .skip(1)
        .filter(|it| !it.ends_with("deps"));
    let target = folders
        .nth(1)
        .ok_or("this program lies in no target folder")?;
    Ok(target.to_owned())
}
