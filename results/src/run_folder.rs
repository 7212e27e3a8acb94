//! Where a run lives: `<results>/<run>/` with its manifest, its ledger, its lock and its private
//! working files.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use crate::SCHEMA_VERSION;
use crate::folder::Folder;
use crate::manifest::Manifest;

/// The file that makes a folder a run's.
const MANIFEST: &str = "manifest.json";

/// The longest manifest that is read: one of ten thousand cells has a tenth of it.
pub const LONGEST_MANIFEST: u64 = 32 << 20;

/// A run folder that this process alone may write to, for as long as the value lives. That of a new
/// run which has not [begun](Self::begin) by then is removed: what cannot record its first sample
/// is no run, and nobody's `latest`.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    run: String,
    /// Whether this process has made it and nothing has begun in it. What is found in the folder decides
    /// nothing: a manifest that cannot be seen for a moment is no reason to remove somebody's samples.
    is_unbegun: AtomicBool,
    _lock: File,
}

/// Why a run folder could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Its error.
        source: io::Error,
    },
    /// Another process writes to it.
    #[error("another process is measuring into {}", .0.display())]
    Locked(PathBuf),
    /// There is no such run.
    #[error("there is no run `{run}` in {}", folder.display())]
    NoSuchRun {
        /// The name that was given.
        run: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The manifest cannot be understood.
    #[error("{} is not a manifest of schema version {SCHEMA_VERSION}: {reason}", path.display())]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

fn fail<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RunFolderError + 'a {
    move |source| RunFolderError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Whether a name is that of a run: `YYYYMMDDTHHMMSSZ-` and 4 hexadecimal digits. Nothing else in a results folder is a run:
/// people keep other things there, such as a `latest` that leads to one of them.
pub fn is_run_name(name: &str) -> bool {
    const SHAPE: &[u8] = b"ddddddddTddddddZ-hhhh";
    let fits = |(&byte, &shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'h' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        _ => byte == shape,
    };
    name.len() == SHAPE.len() && name.as_bytes().iter().zip(SHAPE).all(fits)
}

/// The names of the runs below `results`, oldest first, and none if there is no such folder. One
/// that has only just begun may have no manifest yet.
pub fn runs(results: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    // Not through links: the run that one leads to has a name of its own.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut runs: Vec<_> = names.filter(|name| is_run_name(name)).collect();
    // Names begin with the time.
    runs.sort_unstable();
    runs
}

impl RunFolder {
    /// Makes the folder of a new run below `results`, which has not begun.
    ///
    /// # Errors
    /// [`RunFolderError`] if the folder cannot be made or written.
    pub fn create(results: &Path, run: &str) -> Result<Self, RunFolderError> {
        let path = results.join(run);
        std::fs::create_dir_all(results).map_err(fail("make the results folder", results))?;
        std::fs::create_dir(&path).map_err(fail("make the run folder", &path))?;
        let made = Self::lock(path, run.to_owned())?;
        made.is_unbegun.store(true, Ordering::Relaxed);
        Ok(made)
    }

    /// Begins the run by writing its manifest, once everything else is there that its first sample
    /// needs. One that has begun stays as it is.
    ///
    /// # Errors
    /// [`RunFolderError`] if it cannot be written.
    pub fn begin(&self, manifest: &Manifest) -> Result<(), RunFolderError> {
        if self.path.join(MANIFEST).is_file() {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(manifest)
            .expect("a manifest is plain data: it always serialises");
        // Renamed into place: a manifest is whole or not there, so a killed start leaves nothing
        // that `latest` would find.
        let written = Folder::open_itself(&self.path).and_then(|opened| {
            opened.write_with(MANIFEST, |file| {
                io::Write::write_all(file, &text)?;
                file.sync_all()
            })
        });
        written.map_err(fail("write", &self.path.join(MANIFEST)))?;
        self.is_unbegun.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Opens the folder of an earlier run: `run` is its name, or `latest`.
    ///
    /// # Errors
    /// [`RunFolderError`] if there is none, if it is in use, or if its manifest cannot be
    /// understood.
    pub fn open(results: &Path, run: &str) -> Result<(Self, Manifest), RunFolderError> {
        let name = resolve(results, run)?;
        let folder = Self::lock(results.join(&name), name)?;
        let manifest = read_manifest(&folder.path)?;
        Ok((folder, manifest))
    }

    fn lock(path: PathBuf, run: String) -> Result<Self, RunFolderError> {
        let file = path.join("lock");
        // A folder that somebody sent may have anything of that name.
        let lock = Folder::open_itself(&path).and_then(|folder| folder.file_to_append("lock"));
        let lock = lock.map_err(fail("open the lock", &file))?;
        // The kernel drops the lock with the process, however that ends: there are no stale locks
        // to clear.
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path,
                run,
                is_unbegun: AtomicBool::new(false),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(RunFolderError::Locked(path)),
            Err(TryLockError::Error(source)) => Err(fail("lock", &file)(source)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("samples.jsonl")
    }

    /// A private folder for caches and precompiled files, made anew: what is there already goes.
    ///
    /// A run that is resumed may have been received from somebody, and compiled code in here is run
    /// unchecked. So nothing is taken over from an earlier process, not even from this program.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] if what is there cannot be removed, or the folder cannot be made.
    pub fn work(&self) -> Result<PathBuf, RunFolderError> {
        let work = self.path.join("work");
        // Neither call follows a link, at whatever depth: what a received folder leads to is not
        // ours to empty.
        match std::fs::symlink_metadata(&work) {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&work),
            Ok(_) => std::fs::remove_file(&work),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(fail("empty the working folder", &work))?;
        // Fails on whatever has come there since.
        DirBuilder::new()
            .mode(0o700)
            .create(&work)
            .map_err(fail("make the working folder", &work))?;
        Ok(work)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.is_unbegun.load(Ordering::Relaxed) {
            // Nothing of anybody's is in it. What cannot be removed has no manifest, and so is no
            // run that could be gone on with.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The name of an earlier run: `run` is its name, or `latest`.
///
/// # Errors
/// [`RunFolderError::NoSuchRun`] if there is none.
pub fn resolve(results: &Path, run: &str) -> Result<String, RunFolderError> {
    let name = if run == "latest" {
        latest(results)
    } else {
        Some(run.to_owned())
    };
    // A name, not a path: `../elsewhere` is no run of this folder.
    let is_run = |name: &String| {
        !name.contains('/') && name != ".." && results.join(name).join(MANIFEST).is_file()
    };
    name.filter(is_run)
        .ok_or_else(|| RunFolderError::NoSuchRun {
            run: run.to_owned(),
            folder: results.to_owned(),
        })
}

/// Reads the manifest in a run's folder.
///
/// # Errors
/// [`RunFolderError`] if it is not there or not of this schema version.
pub fn read_manifest(run_folder: &Path) -> Result<Manifest, RunFolderError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u64,
    }
    let path = run_folder.join(MANIFEST);
    let bytes = Folder::open_itself(run_folder)
        .and_then(|folder| folder.read(MANIFEST, LONGEST_MANIFEST))
        .map_err(fail("read", &path))?;
    let bad = |reason: String| RunFolderError::BadManifest {
        path: path.clone(),
        reason,
    };
    let Version { schema } =
        serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if schema != u64::from(SCHEMA_VERSION) {
        return Err(bad(format!("it has version {schema}")));
    }
    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
}

/// The newest run below `results` that has a manifest.
fn latest(results: &Path) -> Option<String> {
    runs(results)
        .into_iter()
        .rfind(|run| results.join(run).join(MANIFEST).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_one_of_a_run_and_no_other_is() {
        assert!(is_run_name("20261123T074200Z-3f9a"));
        for other in [
            "",
            "latest",
            ".coldphase-doctor-x1",
            "20261123T074200Z",
            "20261123T074200Z-3f9a1",
            "20261123T074200Z-3F9A",
        ] {
            assert!(!is_run_name(other), "{other}");
        }
    }

    /// A run folder as it may be received, with these at `work`.
    fn received(plant: impl FnOnce(&Path)) -> (tempfile::TempDir, RunFolder) {
        let folder = tempfile::tempdir().unwrap();
        plant(&folder.path().join("work"));
        let run = RunFolder::lock(folder.path().to_owned(), "20261123T074200Z-3f9a".into());
        (folder, run.unwrap())
    }

    #[test]
    fn nothing_that_lies_in_the_working_folder_is_taken_over() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let elsewhere = tempfile::tempdir().unwrap();
        let kept = elsewhere.path().join("kept");
        std::fs::write(&kept, "kept").unwrap();
        let full = |work: &Path| {
            std::fs::create_dir_all(work.join("a/b")).unwrap();
            std::fs::write(work.join("0.cwasm"), "evil").unwrap();
            symlink(elsewhere.path(), work.join("a/link")).unwrap();
        };
        let link = |work: &Path| symlink(elsewhere.path(), work).unwrap();
        let file = |work: &Path| std::fs::write(work, "a file").unwrap();
        let plants: [&dyn Fn(&Path); 4] = [&full, &link, &file, &|_| ()];
        for plant in plants {
            let (_folder, run) = received(plant);
            for _ in 0..2 {
                let work = run.work().unwrap();
                let found = std::fs::symlink_metadata(&work).unwrap();
                assert!(found.is_dir());
                assert_eq!(found.permissions().mode() & 0o777, 0o700);
                assert_eq!(std::fs::read_dir(&work).unwrap().count(), 0);
                full(&work);
            }
            assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
        }
    }

    #[test]
    fn a_run_whose_manifest_is_gone_for_a_moment_keeps_its_samples() {
        let results = tempfile::tempdir().unwrap();
        let name = "20261123T074200Z-3f9a";
        let path = results.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("samples.jsonl"), "{}").unwrap();
        // As one that is resumed, which somebody takes the manifest of meanwhile.
        drop(RunFolder::lock(path.clone(), name.to_owned()).unwrap());
        assert!(path.join("samples.jsonl").exists());
    }

    #[test]
    fn a_new_run_that_has_not_begun_is_removed() {
        let results = tempfile::tempdir().unwrap();
        let name = "20261123T074200Z-3f9a";
        let made = RunFolder::create(results.path(), name).unwrap();
        made.work().unwrap();
        drop(made);
        assert!(!results.path().join(name).exists());
    }

    #[test]
    fn a_lock_that_leads_elsewhere_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::os::unix::fs::symlink(&target, folder.path().join("lock")).unwrap();
        let run = RunFolder::lock(folder.path().to_owned(), "20261123T074200Z-3f9a".into());
        assert!(matches!(run, Err(RunFolderError::Io { .. })), "{run:?}");
        assert!(!target.exists(), "nothing was made where it leads");
    }

    #[test]
    fn a_run_that_is_made_of_links_is_not_gone_on_with() {
        let outer = tempfile::tempdir().unwrap();
        let (results, own) = (outer.path().join("raw"), outer.path().join("own"));
        let run = "20261123T074200Z-3f9a";
        std::fs::create_dir_all(results.join(run)).unwrap();
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("keys"), "a key").unwrap();
        let link = |name: &str, to: &str| {
            std::os::unix::fs::symlink(own.join(to), results.join(run).join(name)).unwrap();
        };
        link("lock", "new");
        let error = RunFolder::open(&results, run).unwrap_err();
        assert!(matches!(error, RunFolderError::NoSuchRun { .. }), "{error}");
        link("manifest.json", "keys");
        let error = read_manifest(&results.join(run)).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert!(RunFolder::open(&results, run).is_err());
        assert!(
            !own.join("new").exists(),
            "the lock was made where a link leads"
        );
    }

    #[test]
    fn whatever_else_lies_in_the_folder_is_no_run_and_not_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path();
        let (old, new, begun) = (
            "20261123T074200Z-3f9a",
            "20261124T000000Z-0000",
            "20261125T000000Z-ffff",
        );
        assert_eq!((runs(results), latest(results)), (vec![], None));
        for name in [new, old, "zzz", ".coldphase-doctor-x1"] {
            std::fs::create_dir(results.join(name)).unwrap();
            std::fs::write(results.join(name).join("manifest.json"), "{}").unwrap();
        }
        std::fs::create_dir(results.join(begun)).unwrap();
        std::fs::write(results.join("20261126T000000Z-0000"), "a file").unwrap();
        for link in ["latest", "20261127T000000Z-0000"] {
            std::os::unix::fs::symlink(old, results.join(link)).unwrap();
        }
        assert_eq!(runs(results), [old, new, begun]);
        assert_eq!(
            resolve(results, "latest").unwrap(),
            new,
            "one without a manifest cannot be gone on with"
        );
        assert_eq!(runs(&results.join("nowhere")), [""; 0]);
    }
}
