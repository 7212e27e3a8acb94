//! `workloads build | verify`: builds the guests, or checks the built ones.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use workloads::builder::{self, BuildError, Folders, Toolchain};
use workloads::{Artifact, VerifyError};

/// The programs under test, as Wasm.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Build all guests from source into workloads/artifacts, and write SHA256SUMS.
    Build {
        /// Write the guests here instead.
        #[arg(long, value_name = "FOLDER")]
        out: Option<std::path::PathBuf>,
    },
    /// Check the built guests against SHA256SUMS. Builds nothing.
    Verify,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl Error {
    /// 1: the guests could not be built. 3: a built guest is missing or damaged. (2 is a usage
    /// error.)
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Build(_) => 1,
            Self::Verify(_) => 3,
        }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(message) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(action: Action) -> Result<String, Error> {
    let mut folders = Folders::in_checkout();
    match action {
        Action::Build { out } => {
            folders.artifacts = out.unwrap_or(folders.artifacts);
            builder::build(&Toolchain::find().map_err(BuildError::from)?, &folders)?;
            Ok(format!(
                "built {} guests into {}",
                Artifact::ALL.len(),
                folders.artifacts.display()
            ))
        }
        Action::Verify => {
            workloads::verify(&folders.artifacts)?;
            Ok(format!("{} guests match SHA256SUMS", Artifact::ALL.len()))
        }
    }
}
