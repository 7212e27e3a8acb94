//! `external load`.

use clap::Args;
use program::{Error, Exit};

/// What `external load` is told.
#[derive(Debug, Clone, Args)]
pub struct LoadArguments {
    /// Where the load goes
    pub url: String,
}

/// Puts a URL under load and prints what came of it.
///
/// # Errors
/// x
pub fn command(_arguments: &LoadArguments) -> Result<Exit, Error> {
    Ok(Exit::Ok)
}
