//! `cargo run -p xtask`: the chores of this workspace that no ordinary command does.
//!
//! | module | holds |
//! |---|---|
//! | [`commands`] | the commands that share their dependencies |
//! | [`resolution`] | which third-party crates a command compiles, and with which features |
//! | [`unify`] | the package `workspace-hack`: written, and checked |
//! | [`rooms`] | which module of a crate uses which |
//! | [`locks`] | whether what is fuzzed is of the same versions |
//! | [`built`] | whether what was built was built once |
//! | [`newer`] | newer versions of what is pinned |
//! | `programs` | what is generated from the programs: completions, man pages, tables |

mod built;
mod commands;
mod locks;
mod newer;
#[cfg(feature = "programs")]
mod programs;
mod resolution;
mod rooms;
mod unify;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Maintain this workspace: one build of every dependency, generated documents.
#[derive(Debug, Parser)]
#[command(name = "xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write workspace-hack/Cargo.toml, so that all commands compile each third-party crate with
    /// the same features
    Unify,
    /// Check, without building, that all commands agree on features and that the first command
    /// compiles nothing that only reports need; that no modules of a crate depend on each other; and
    /// that what is fuzzed is of the same versions
    CheckBuild,
    /// Check that a later command compiled no third-party crate that an earlier one had compiled;
    /// builds what is not built yet
    CheckBuilt {
        /// The packages of the commands, in their order
        #[arg(default_values = built::FIRST_COMMANDS)]
        packages: Vec<String>,
    },
    /// Ask the registries for newer versions of what is pinned; fails where there is a newer one of
    /// the same line. `apt` says what it knew at its last update
    Newer,
    #[cfg(feature = "programs")]
    #[command(flatten)]
    Programs(programs::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match workspace().and_then(|workspace| run(arguments.command, &workspace)) {
        Ok(text) => {
            // A reader that has gone away is no failure.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, workspace: &Path) -> Result<String, String> {
    match command {
        Command::Unify => unify::write(workspace),
        Command::CheckBuild => {
            let build = unify::check(workspace)?;
            let rooms = rooms::check(workspace)?;
            Ok(format!("{build}\n{rooms}\n{}", locks::check(workspace)?))
        }
        Command::Newer => newer::report(workspace),
        Command::CheckBuilt { packages } => built::check(workspace, &packages),
        #[cfg(feature = "programs")]
        Command::Programs(command) => programs::run(command, workspace),
    }
}

/// The checkout. Asked of cargo at run time: checkouts may share a target folder.
fn workspace() -> Result<PathBuf, String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or("this is run by cargo: `cargo run -p xtask -- …`")?;
    let package = PathBuf::from(package);
    let workspace = package
        .parent()
        .ok_or("this package lies in no workspace")?;
    Ok(workspace.to_owned())
}
