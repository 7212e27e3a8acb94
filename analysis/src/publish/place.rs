//! Where the files of a report go: nothing of anybody else's is written to, followed or removed.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use results::folder::Folder;
use results::{names, run_folder};

use super::Files;

/// The name that leads to the last report.
const LATEST: &str = "latest";

/// The file in a report's folder that lists the report's files. What it does not list, and every folder
/// without it, is somebody else's.
const MARKER: &str = ".coldphase-report";

/// What the list begins with.
const MARK: &str = "The files of a report of coldphase, which the next report replaces:";

/// The longest list that is read.
const LONGEST_LIST: u64 = 1 << 20;

/// Why a report is not where it should be.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct PublishError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl From<PublishError> for Error {
    fn from(error: PublishError) -> Self {
        Self::new(Exit::Output, error.to_string()).hint("--out names another folder to write to")
    }
}

fn fail<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> PublishError + 'a {
    move |source| PublishError {
        action,
        path: path.to_owned(),
        source,
    }
}

/// A report that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its folder.
    pub folder: PathBuf,
    /// What was left as it is although a report would usually replace it.
    pub notes: Vec<String>,
}

/// Writes the files below `out/<run>` and points `out/latest` at them. Files of an earlier report
/// that this one does not have are removed, so that no picture outlives its report.
///
/// # Errors
/// [`PublishError`].
pub fn write(out: &Path, run: &str, files: &Files) -> Result<Published, PublishError> {
    let (outer, folder) = open(out, run)?;
    fill(&folder, files)?;
    let note = point(&outer, run, files)?;
    Ok(Published {
        folder: folder.path().to_owned(),
        notes: note.into_iter().collect(),
    })
}

/// Writes one file more beside a report's.
///
/// # Errors
/// [`PublishError`].
pub fn write_beside(
    out: &Path,
    run: &str,
    name: &str,
    bytes: &[u8],
) -> Result<PathBuf, PublishError> {
    let (_, folder) = open(out, run)?;
    let path = folder.path().join(name);
    folder.write(name, bytes).map_err(fail("write", &path))?;
    Ok(path)
}

/// The folder for reports, and that of one of them in it, both made if they are not there.
fn open(out: &Path, run: &str) -> Result<(Folder, Folder), PublishError> {
    let path = out.join(run);
    std::fs::create_dir_all(out).map_err(fail("make the folder", out))?;
    let outer = Folder::open(out).map_err(fail("open the folder", out))?;
    let folder = outer.make(run).map_err(fail("make the folder", &path))?;
    Ok((outer, folder))
}

/// Writes all files into a folder. Its list names them before they are there, and those before them until
/// they are gone: whenever it is interrupted, the next report knows what to remove.
fn fill(folder: &Folder, files: &Files) -> Result<(), PublishError> {
    let before = listed(folder);
    let now: BTreeSet<String> = files.keys().cloned().collect();
    mark(folder, before.union(&now))?;
    for (name, bytes) in files {
        let path = folder.path().join(name);
        let written = match name.split_once('/') {
            Some((below, name)) => folder
                .make(below)
                .and_then(|folder| folder.write(name, bytes)),
            None => folder.write(name, bytes),
        };
        written.map_err(fail("write", &path))?;
    }
    for name in before.difference(&now) {
        let removed = match name.split_once('/') {
            Some((below, name)) => folder.folder(below).and_then(|folder| folder.remove(name)),
            None => folder.remove(name),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fail("remove", &folder.path().join(name))(error));
            }
            _ => {}
        }
    }
    mark(folder, now.iter())
}

/// The files of the report that is in a folder; none if there is none.
fn listed(folder: &Folder) -> BTreeSet<String> {
    let list = folder.read(MARKER, LONGEST_LIST).ok();
    let list = list.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(names) = list.as_deref().and_then(|list| list.strip_prefix(MARK)) else {
        return BTreeSet::new();
    };
    // The folder may have been sent by somebody: only what a report's files are called.
    let is_of_report = |name: &&str| match name.split_once('/') {
        Some((below, name)) => below == "plots" && names::check(name).is_ok(),
        None => ["report.", "summary."]
            .iter()
            .any(|it| name.starts_with(it)),
    };
    names
        .lines()
        .filter(is_of_report)
        .map(str::to_owned)
        .collect()
}

fn mark<'a>(folder: &Folder, names: impl Iterator<Item = &'a String>) -> Result<(), PublishError> {
    let list = names.map(|name| format!("\n{name}"));
    let list = format!("{MARK}{}\n", list.collect::<Vec<_>>().concat());
    let path = folder.path().join(MARKER);
    folder
        .write(MARKER, list.as_bytes())
        .map_err(fail("write", &path))
}

/// A link where the file system has such, and a copy where it does not. What has the name and is neither
/// of ours is left as it is; with a sentence that says so.
fn point(outer: &Folder, run: &str, files: &Files) -> Result<Option<String>, PublishError> {
    let path = outer.path().join(LATEST);
    if run == LATEST {
        return Ok(None);
    }
    let is_ours = |target: &Path| {
        let mut steps = target.components();
        steps.next().is_some() && steps.next().is_none() && !target.has_root()
    };
    let others = |what: &str| {
        let path = path.display();
        Ok(Some(format!(
            "{path} is {what} that no report made: it is left as it is, and leads to no report"
        )))
    };
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            let copy = outer.folder(LATEST).map_err(fail("open", &path))?;
            if copy.file(MARKER, LONGEST_LIST).is_err() {
                return others("a folder");
            }
            // Where there are no links, it is a copy.
            return fill(&copy, files).map(|()| None);
        }
        Ok(found) if found.is_symlink() => {
            let target = outer.link(LATEST).unwrap_or_default();
            if !is_ours(&target) || is_kept(outer, &target) {
                return others("a link");
            }
        }
        Ok(_) => return others("a file"),
        Err(_) => {}
    }
    if outer.write_link(LATEST, run).is_ok() {
        return Ok(None);
    }
    let copy = outer.make(LATEST).map_err(fail("make the folder", &path))?;
    fill(&copy, files).map(|()| None)
}

/// Whether a link leads to a folder beside it that is no report: somebody put both there.
fn is_kept(outer: &Folder, target: &Path) -> bool {
    let name = target.to_string_lossy();
    let Ok(folder) = outer.folder(target) else {
        return false;
    };
    !run_folder::is_run_name(&name) && folder.file(MARKER, LONGEST_LIST).is_err()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const RUN: &str = "20261125T120000Z-00aa";

    fn files(names: &[&str]) -> Files {
        let file = |name: &&str| ((*name).to_owned(), name.as_bytes().to_vec());
        names.iter().map(file).collect()
    }

    #[test]
    fn a_latest_of_somebody_else_is_left() {
        let outer = tempfile::tempdir().unwrap();
        let out = outer.path().join("out");
        let latest = out.join(LATEST);
        fs::create_dir_all(&latest).unwrap();
        fs::write(latest.join("thesis.tex"), "years").unwrap();
        let written = write(&out, RUN, &files(&["report.md"])).unwrap();
        assert!(written.notes[0].contains("is a folder that no report made"));
        assert_eq!(fs::read(latest.join("thesis.tex")).unwrap(), b"years");
        fs::remove_dir_all(&latest).unwrap();

        fs::write(&latest, "a file").unwrap();
        assert_eq!(write(&out, RUN, &files(&[])).unwrap().notes.len(), 1);
        assert_eq!(fs::read(&latest).unwrap(), b"a file");
        fs::remove_file(&latest).unwrap();

        symlink(outer.path(), &latest).unwrap();
        assert_eq!(write(&out, RUN, &files(&[])).unwrap().notes.len(), 1);
        assert_eq!(fs::read_link(&latest).unwrap(), outer.path());
        fs::remove_file(&latest).unwrap();

        // A link of ours, to a report that is gone.
        symlink("20261124T120000Z-00aa", &latest).unwrap();
        let written = write(&out, RUN, &files(&["report.md"])).unwrap();
        assert_eq!(written.notes, [""; 0]);
        assert_eq!(fs::read(latest.join("report.md")).unwrap(), b"report.md");
    }

    #[test]
    fn a_copy_in_the_place_of_a_link_is_written_again() {
        let out = tempfile::tempdir().unwrap();
        let latest = out.path().join(LATEST);
        fs::create_dir(&latest).unwrap();
        fill(
            &Folder::open(&latest).unwrap(),
            &files(&["report.md", "plots/old.svg"]),
        )
        .unwrap();
        fs::write(latest.join("own"), "own").unwrap();
        write(out.path(), RUN, &files(&["report.md"])).unwrap();
        assert!(latest.is_dir() && latest.join("own").exists());
        assert!(!latest.join("plots/old.svg").exists());
    }

    #[test]
    fn only_files_of_the_report_before_are_removed() {
        let out = tempfile::tempdir().unwrap();
        let plots = out.path().join(RUN).join("plots");
        write(
            out.path(),
            RUN,
            &files(&["report.md", "plots/old.svg", "plots/a.svg"]),
        )
        .unwrap();
        fs::write(plots.join("mine.svg"), "mine").unwrap();
        write(out.path(), RUN, &files(&["report.md", "plots/a.svg"])).unwrap();
        let there = ["old.svg", "a.svg", "mine.svg"].map(|name| plots.join(name).exists());
        assert_eq!(there, [false, true, true]);
    }

    #[test]
    fn links_in_the_place_of_a_reports_files_are_replaced_and_not_followed() {
        let outer = tempfile::tempdir().unwrap();
        let (out, own) = (outer.path().join("out"), outer.path().join("own"));
        fs::create_dir_all(out.join(RUN)).unwrap();
        fs::create_dir(&own).unwrap();
        fs::write(own.join("keys"), "a key").unwrap();
        symlink(own.join("keys"), out.join(RUN).join("report.md")).unwrap();
        write(&out, RUN, &files(&["report.md"])).unwrap();
        assert_eq!(fs::read(own.join("keys")).unwrap(), b"a key");
        assert_eq!(
            fs::read(out.join(RUN).join("report.md")).unwrap(),
            b"report.md"
        );

        // A folder that is a link is refused: what is in it is somebody else's.
        symlink(&own, out.join(RUN).join("plots")).unwrap();
        let error = write(&out, RUN, &files(&["plots/a.svg"])).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        fs::remove_dir_all(out.join(RUN)).unwrap();
        symlink(&own, out.join(RUN)).unwrap();
        assert!(write(&out, RUN, &files(&["report.md"])).is_err());
        assert!(write_beside(&out, RUN, "samples.csv", b"").is_err());
        let mut names: Vec<_> = fs::read_dir(&own).unwrap().flatten().collect();
        assert_eq!(names.pop().unwrap().file_name(), "keys");
        assert!(names.is_empty());
    }
}
