//! Where a run lives: `<results>/<run>/` with its manifest, its ledger, its lock and its private
//! working files.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::SCHEMA_VERSION;
use crate::manifest::Manifest;

/// A run folder that this process alone may write to, for as long as the value lives.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    run: String,
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

impl RunFolder {
    /// Makes the folder of a new run below `results` and writes its manifest.
    ///
    /// # Errors
    /// [`RunFolderError`] if the folder cannot be made or written.
    pub fn create(results: &Path, manifest: &Manifest) -> Result<Self, RunFolderError> {
        let path = results.join(&manifest.run);
        std::fs::create_dir_all(results).map_err(fail("make the results folder", results))?;
        std::fs::create_dir(&path).map_err(fail("make the run folder", &path))?;
        let folder = Self::lock(path, manifest.run.clone())?;
        let text = serde_json::to_vec_pretty(manifest)
            .expect("a manifest is plain data: it always serialises");
        // Renamed into place: a manifest is whole or not there, so a killed start leaves nothing
        // that `latest` would find.
        let (draft, file) = (
            folder.path.join("manifest.json.draft"),
            folder.path.join("manifest.json"),
        );
        std::fs::write(&draft, text).map_err(fail("write", &draft))?;
        File::open(&draft)
            .and_then(|file| file.sync_all())
            .map_err(fail("write", &draft))?;
        std::fs::rename(&draft, &file).map_err(fail("write", &file))?;
        Ok(folder)
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
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .map_err(fail("open the lock", &file))?;
        // The kernel drops the lock with the process, however that ends: there are no stale locks
        // to clear.
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path,
                run,
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

    /// A private folder for caches and precompiled files, made if it is not there.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] if it cannot be made.
    pub fn work(&self) -> Result<PathBuf, RunFolderError> {
        let work = self.path.join("work");
        std::fs::create_dir_all(&work).map_err(fail("make the working folder", &work))?;
        Ok(work)
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
    let is_run =
        |name: &String| !name.contains('/') && results.join(name).join("manifest.json").is_file();
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
    let path = run_folder.join("manifest.json");
    let bytes = std::fs::read(&path).map_err(fail("read", &path))?;
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

/// The newest run below `results`: names begin with the time, so the greatest is the newest.
fn latest(results: &Path) -> Option<String> {
    let entries = std::fs::read_dir(results).ok()?.flatten();
    entries
        .filter(|entry| entry.path().join("manifest.json").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .max()
}
