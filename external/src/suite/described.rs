//! Systems that a person describes: what their files add to a run.

use std::path::{Path, PathBuf};

use campaign::{Error, Exit};

use super::settings::Settings;
use crate::system::{Described, DescriptionError, System};

/// Makes every system that these files describe known to this process.
///
/// # Errors
/// A file cannot be read, something in it is wrong, or a name is another system's.
pub fn register(files: &[PathBuf]) -> Result<Vec<System>, Error> {
    let mut systems = Vec::new();
    for file in files {
        for described in
            Described::read(file).map_err(|error: DescriptionError| Error::from(error))?
        {
            systems.push(System::register(described, file)?);
        }
    }
    Ok(systems)
}

/// The keys of the settings that described systems change.
pub(super) const KEYS: [&str; 3] = ["system_files", "systems", "modes_of"];

/// Has described systems measured, in all of the modes that their files give them: naming a file
/// asks for what is in it.
///
/// # Errors
/// The path of a file is not UTF-8.
pub(super) fn ask_for(
    files: &[PathBuf],
    systems: &[System],
    settings: &mut Settings,
) -> Result<(), Error> {
    for file in files {
        settings.system_files.push(recorded(file)?);
    }
    for system in systems {
        let name = system.name().to_owned();
        let modes = system.acquire_modes().to_vec();
        settings.modes_of.insert(name.clone(), modes);
        if !settings.values.systems.contains(&name) {
            settings.values.systems.push(name);
        }
    }
    Ok(())
}

/// A path as a manifest keeps it.
pub(super) fn recorded(path: &Path) -> Result<String, Error> {
    let text = path.to_str().ok_or_else(|| {
        let message = format!("{} is not UTF-8", path.display());
        Error::new(Exit::Usage, message).hint("a manifest is: give the file another name")
    });
    text.map(str::to_owned)
}

/// Makes the systems known that a run was begun with.
///
/// # Errors
/// Their files are gone, or are none any more: the run cannot go on.
pub(super) fn register_again(settings: &Settings) -> Result<(), Error> {
    let files: Vec<_> = settings.system_files.iter().map(PathBuf::from).collect();
    register(&files).map(drop).map_err(|error| {
        let message = format!("the run's description of a system cannot be used again: {error}");
        Error::new(Exit::Resume, message)
            .hint("a run goes on with the files that it was begun with")
    })
}
