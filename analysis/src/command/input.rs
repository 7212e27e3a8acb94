//! Runs as the commands find them: what is not there is an error with a way out.

use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use findings::input::{InputError, Run};

/// The folder of a run below `raw`: `name` is its name, or `latest`.
pub(super) fn find(raw: &Path, name: &str) -> Result<PathBuf, Error> {
    Run::find(raw, name).map_err(|error| unreadable(&error))
}

/// The run in a folder.
pub(super) fn read(folder: &Path) -> Result<Run, Error> {
    Run::read(folder).map_err(|error| unreadable(&error))
}

fn unreadable(error: &InputError) -> Error {
    let hint = match error {
        InputError::NoSuchRun { .. } => {
            "`cargo run -p external -- suite` measures one; a run is the name of a folder there, or \
                `latest`; --in names another folder"
        }
        InputError::Io { .. } => {
            "look at its permissions, or copy the run's folder somewhere else and use --in"
        }
    };
    Error::new(Exit::Input, error.to_string()).hint(hint)
}
