//! Programs that root runs: out of the system's folders, whatever the caller's PATH says.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::EngineError;

/// Where a system keeps programs of root's. An engine that is started with these looks its own
/// programs up nowhere else.
pub(crate) const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

pub(crate) fn find(name: &'static str) -> Result<PathBuf, EngineError> {
    let files = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    files
        .into_iter()
        .find(|file| file.is_file())
        .ok_or(EngineError::NoProgram(name))
}

/// A program of the system's, with nothing but its folders as PATH.
pub(crate) fn command(name: &'static str) -> Result<Command, EngineError> {
    let mut command = Command::new(find(name)?);
    command
        .env("PATH", FOLDERS.join(":"))
        .env("LC_ALL", "C")
        .current_dir("/");
    Ok(command)
}
