//! `baseline`: runs that are kept under a name, to compare later ones with.
//!
//! They are copies, in a folder beside that of the runs: `baselines/NAME/<run>/`. Nothing but runs
//! stands in the folder of runs, and whoever clears that keeps what they compare with.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use results::folder::Folder;
use results::{ledger, run_folder};

use super::{Error, Exit, Runs, input};

/// The longest name.
const LONGEST: usize = 64;

/// What of a run is kept, and how long it may be.
const FILES: [(&str, u64); 2] = [
    ("samples.jsonl", ledger::LONGEST),
    ("manifest.json", run_folder::LONGEST_MANIFEST),
];

/// A baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// Its runs, oldest first.
    pub runs: Vec<String>,
}

/// The folder of baselines: beside that of the runs.
fn place(raw: &Path) -> PathBuf {
    // Of `.` and `runs/..` the parent is only known when they are resolved.
    let resolved = std::fs::canonicalize(raw);
    resolved
        .unwrap_or_else(|_| raw.to_owned())
        .with_file_name("baselines")
}

/// That a text can be the name of one: nothing but a folder's name, anywhere.
fn checked(name: &str) -> Result<&str, Error> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(fits) && !name.starts_with('.')
    {
        return Ok(name);
    }
    Err(
        Error::new(Exit::Usage, format!("`{name}` is no name of a baseline")).hint(
            "letters, digits, points, dashes and underscores, 64 at most, such as main or v1.2",
        ),
    )
}

/// Keeps these runs below `raw` under a name. One that is there is replaced on request only.
///
/// # Errors
/// [`Error`] if a run is not there or cannot be read, the name is none or is taken, or the copy
/// cannot be written.
pub fn save_baseline(
    raw: &Path,
    name: &str,
    runs: &[String],
    replace: bool,
) -> Result<Kept, Error> {
    let name = checked(name)?;
    let folder = place(raw).join(name);
    if folder.symlink_metadata().is_ok() && !replace {
        return Err(
            Error::new(Exit::Usage, format!("there is a baseline `{name}` already"))
                .hint("--replace replaces it; `baseline list` shows all"),
        );
    }
    let unwritable = |error: &dyn std::fmt::Display| {
        Error::new(
            Exit::Output,
            format!("cannot keep {}: {error}", folder.display()),
        )
    };
    // Whole or not there: it is put together beside its place.
    std::fs::create_dir_all(place(raw)).map_err(|error| unwritable(&error))?;
    let made = tempfile::Builder::new()
        .prefix(".saving-")
        // As any folder: the process's mask takes away what it takes from others.
        .permissions(std::fs::Permissions::from_mode(0o777))
        .tempdir_in(place(raw))
        .map_err(|error| unwritable(&error))?;
    let mut kept = Vec::new();
    for run in runs {
        let from = input::find(raw, run)?;
        let read = input::read(&from)?;
        if read.manifest.is_none() {
            return Err(Error::new(
                Exit::NotComparable,
                format!(
                    "run {} has no manifest, and compares with nothing",
                    read.name
                ),
            ));
        }
        if kept.contains(&read.name) {
            continue;
        }
        copy(&from, &made.path().join(&read.name)).map_err(|error| unwritable(&error))?;
        kept.push(read.name);
    }
    kept.sort();
    if folder.symlink_metadata().is_ok() {
        remove_kept(&folder)?;
    }
    std::fs::rename(made.keep(), &folder).map_err(|error| unwritable(&error))?;
    Ok(Kept {
        name: name.to_owned(),
        runs: kept,
    })
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    let (from, to) = (Folder::open_itself(from)?, Folder::open_itself(to)?);
    for (file, most) in FILES {
        let bytes = from.read(file, most)?;
        to.write_with(file, |written| {
            written.write_all(&bytes)?;
            written.sync_all()
        })?;
    }
    Ok(())
}

/// All baselines, by name.
pub fn baselines(raw: &Path) -> Vec<Kept> {
    let entries = std::fs::read_dir(place(raw))
        .into_iter()
        .flatten()
        .flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut all: Vec<Kept> = names
        .filter(|name| checked(name).is_ok())
        .map(|name| Kept {
            runs: run_folder::runs(&place(raw).join(&name)),
            name,
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The runs that are kept under a name.
///
/// # Errors
/// [`Error`] if there are none.
pub fn kept(raw: &Path, name: &str) -> Result<Runs, Error> {
    let folder = place(raw).join(checked(name)?);
    let names = run_folder::runs(&folder);
    if names.is_empty() {
        return Err(none(raw, name));
    }
    Ok(Runs { folder, names })
}

fn none(raw: &Path, name: &str) -> Error {
    let known: Vec<_> = baselines(raw).into_iter().map(|it| it.name).collect();
    let hint = if known.is_empty() {
        "`analysis baseline save NAME` keeps the latest run".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    Error::new(Exit::Input, format!("there is no baseline `{name}`")).hint(hint)
}

/// Removes a baseline.
///
/// # Errors
/// [`Error`] if there is none of the name, or it cannot be removed.
pub fn remove_baseline(raw: &Path, name: &str) -> Result<(), Error> {
    let folder = place(raw).join(checked(name)?);
    let is_folder = std::fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir());
    if !is_folder {
        return Err(none(raw, name));
    }
    remove_kept(&folder)
}

/// Removes a baseline's folder, if it holds what a baseline does and nothing else: a person may have a folder of
/// that name, or have put something of their own into it.
fn remove_kept(folder: &Path) -> Result<(), Error> {
    let cannot = |why: &dyn std::fmt::Display| {
        let message = format!("cannot remove {}: {why}", folder.display());
        Error::new(Exit::Output, message)
    };
    let other = something_else(folder).map_err(|error| cannot(&error))?;
    if let Some(other) = other {
        let why = format!("`{}` in it is nothing that a baseline has", other.display());
        return Err(cannot(&why).hint("it was left as it is: move it away, or remove the folder"));
    }
    std::fs::remove_dir_all(folder).map_err(|error| cannot(&error))
}

/// What is in a folder and in no baseline.
fn something_else(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    let kept = Folder::open_itself(folder)?;
    for run in kept.names()? {
        let name = PathBuf::from(&run);
        let is_run = run.to_str().is_some_and(run_folder::is_run_name);
        let Some(files) = kept.folder(&name).ok().filter(|_| is_run) else {
            return Ok(Some(name));
        };
        let is_ours = |file: &std::ffi::OsString| FILES.iter().any(|(ours, _)| file == ours);
        if let Some(other) = files.names()?.into_iter().find(|it| !is_ours(it)) {
            return Ok(Some(name.join(other)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_elses_is_not_removed_for_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        let kept = folder.path().join("baselines/main");
        let run = kept.join("20261123T074200Z-3f9a");
        for (file, is_ours) in [
            ("notes.txt", false),
            ("20261123T074200Z-3f9a/thesis.tex", false),
            ("20261123T074200Z-3f9a/manifest.json", true),
        ] {
            std::fs::create_dir_all(&run).unwrap();
            std::fs::create_dir_all(&raw).unwrap();
            std::fs::write(kept.join(file), "mine").unwrap();
            let removed = remove_baseline(&raw, "main");
            assert_eq!(
                (removed.is_ok(), kept.exists()),
                (is_ours, !is_ours),
                "{file}"
            );
            if !is_ours {
                std::fs::remove_file(kept.join(file)).unwrap();
            }
        }
        // Nor is what a link of that name leads to.
        std::fs::create_dir_all(folder.path().join("mine")).unwrap();
        std::os::unix::fs::symlink("../mine", &kept).unwrap();
        assert!(remove_baseline(&raw, "main").is_err());
        assert!(folder.path().join("mine").exists() && kept.symlink_metadata().is_ok());
    }

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["main", "v1.2", "a_b-c", "0"] {
            assert!(checked(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "../raw", "a/b", ".saving-x", "a b", "größe"] {
            assert!(checked(name).is_err(), "{name}");
        }
        assert!(checked(&"x".repeat(65)).is_err());
    }

    #[test]
    fn baselines_stand_beside_runs_wherever_these_are() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        std::fs::create_dir(&raw).unwrap();
        let beside = std::fs::canonicalize(folder.path())
            .unwrap()
            .join("baselines");
        assert_eq!(place(&raw), beside);
        assert_eq!(place(&raw.join("../raw/.")), beside);
    }
}
