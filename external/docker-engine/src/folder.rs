//! The folder of the engine: made, or found to be root's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock};

use crate::EngineError;
use crate::place::{Place, STATE};

/// Who else may write to a file.
const OTHERS_WRITE: u32 = 0o022;

/// Makes sure of the folder, and keeps everybody else who starts or stops the engine waiting until
/// the returned file is dropped.
///
/// # Errors
/// This process is not root's, or somebody else could have put things into the folder.
pub(crate) fn hold(place: &Place) -> Result<File, EngineError> {
    if !rustix::process::geteuid().is_root() {
        return Err(EngineError::NotRoot);
    }
    // Whoever may write to a folder above may put another in its place.
    Path::new(STATE).ancestors().skip(1).try_for_each(look)?;
    // Programs lie in there too, which servers without privileges run.
    own(Path::new(STATE), 0o755)?;
    own(place.folder(), 0o700)?;
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(place.folder().join("lock"))
        .map_err(unusable(place.folder()))?;
    flock(&file, FlockOperation::LockExclusive).map_err(EngineError::system(
        "wait for another that starts or stops the engine",
    ))?;
    Ok(file)
}

/// Makes a folder of root's, or finds that it is one.
fn own(folder: &Path, mode: u32) -> Result<(), EngineError> {
    match DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(unusable(folder)(error));
        }
        _ => {}
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder, flags, Mode::empty());
    let opened = opened.map_err(|error| unusable(folder)(error.into()))?;
    let found = File::from(opened);
    let metadata = found.metadata().map_err(unusable(folder))?;
    check(folder, metadata.uid(), metadata.mode())?;
    if metadata.mode() & 0o7777 & !mode != 0 {
        fchmod(&found, Mode::from_raw_mode(mode)).map_err(EngineError::system(format!(
            "take permissions of others from {}",
            folder.display()
        )))?;
    }
    Ok(())
}

/// Looks at what a path leads to.
fn look(path: &Path) -> Result<(), EngineError> {
    let metadata = fs::metadata(path).map_err(unusable(path))?;
    check(path, metadata.uid(), metadata.mode())
}

fn check(path: &Path, owner: u32, mode: u32) -> Result<(), EngineError> {
    let reason = if owner != 0 {
        format!("it belongs to the user {owner}, and not to root")
    } else if mode & OTHERS_WRITE != 0 {
        format!("others may write to it (mode {:o})", mode & 0o7777)
    } else {
        return Ok(());
    };
    Err(EngineError::Folder {
        path: path.to_owned(),
        reason,
    })
}

fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> EngineError {
    let path = path.to_owned();
    move |error| EngineError::Folder {
        path,
        reason: error.to_string(),
    }
}
