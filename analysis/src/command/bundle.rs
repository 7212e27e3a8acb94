//! `bundle`: a run and its report as one archive, the same bytes for the same files.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::{Compression, GzBuilder};
use results::folder::Folder;
use results::{digest, ledger, names, text};

use super::{Error, Exit, input};

/// The file in an archive that lists the digests of all others, as `sha256sum --check` reads it.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// More files than any report has.
pub(crate) const MOST_FILES: usize = 10_000;

/// An archive that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Where it is.
    pub path: PathBuf,
    /// What lies in the report's folder and is not in the archive.
    pub notes: Vec<String>,
}

/// A file that goes into the archive.
struct Packed {
    /// Its name there.
    name: String,
    folder: Rc<Folder>,
    /// Its name in its folder.
    file: String,
    /// Its length when it was looked at: a ledger that still grows is taken as it was.
    length: u64,
    sha256: String,
}

/// Puts a run below `raw` and its report below `out`, if there is one, into `out/<run>.tar.gz`: regular
/// files in these two folders, and nothing that a link leads to.
///
/// # Errors
/// [`Error`] if there is no such run, a file of it cannot be packed, or the archive cannot be written.
pub fn bundle(raw: &Path, out: &Path, name: &str) -> Result<Bundled, Error> {
    let folder = input::find(raw, name)?;
    let run = folder.file_name().map_or_else(
        || name.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let mut packed = Vec::new();
    let opened = Folder::open_itself(&folder).map_err(unreadable(&folder))?;
    let opened = Rc::new(opened);
    for name in ["manifest.json", "samples.jsonl"] {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            let place = format!("raw/{run}/{name}");
            packed.push(look(&opened, name, place).map_err(unreadable(&path))?);
        }
    }
    let report = out.join(&run);
    let mut notes = Vec::new();
    if report.symlink_metadata().is_ok() {
        let found = of_report(&report, &run, &mut notes).map_err(unreadable(&report))?;
        packed.extend(found);
    }
    packed.sort_by(|one, two| one.name.cmp(&two.name));
    let path = out.join(format!("{run}.tar.gz"));
    let written = std::fs::create_dir_all(out).and_then(|()| {
        let name = format!("{run}.tar.gz");
        // Renamed into place: an archive is whole or not there.
        Folder::open(out)?.write_with(&name, |file| write(file, &run, &packed))
    });
    written.map_err(|error| {
        Error::new(
            Exit::Output,
            format!("cannot write {}: {error}", path.display()),
        )
        .hint("--out names another folder to write to")
    })?;
    Ok(Bundled { path, notes })
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| {
        Error::new(
            Exit::Input,
            format!("cannot read {}: {error}", path.display()),
        )
        .hint("a bundle takes regular files in the run's folder and in its report's, and follows no link")
    }
}

/// Reads a file once, for its digest.
fn look(folder: &Rc<Folder>, file: &str, name: String) -> io::Result<Packed> {
    let opened = folder.file(file, ledger::LONGEST)?;
    let length = opened.metadata()?.len();
    Ok(Packed {
        sha256: digest::sha256_of(opened.take(length))?,
        name,
        folder: Rc::clone(folder),
        file: file.to_owned(),
        length,
    })
}

/// The files of a report. A run's working files are not among them: they are caches and copies, and nobody
/// needs them to judge it.
fn of_report(report: &Path, run: &str, notes: &mut Vec<String>) -> io::Result<Vec<Packed>> {
    let folder = Rc::new(Folder::open_itself(report)?);
    let mut packed = Vec::new();
    let plots = folder.folder("plots").ok().map(Rc::new);
    for (folder, prefix) in [(Some(folder), ""), (plots, "plots/")] {
        let Some(folder) = folder else { continue };
        let mut names = folder.names()?;
        names.sort();
        for name in names {
            let shown = name.to_string_lossy();
            if shown.starts_with('.') || (prefix.is_empty() && shown == "plots") {
                continue;
            }
            if packed.len() >= MOST_FILES {
                return Err(io::Error::other(format!(
                    "it has more than {MOST_FILES} files"
                )));
            }
            let place = format!("processed/{run}/{prefix}{shown}");
            let found = match names::check(&shown) {
                Ok(()) => look(&folder, &shown, place),
                Err(error) => Err(io::Error::other(error)),
            };
            match found {
                Ok(file) => packed.push(file),
                Err(error) => {
                    let path = folder.path().join(&name);
                    let path = path.display().to_string();
                    notes.push(format!("not packed: {}: {error}", text::line(&path)));
                }
            }
        }
    }
    Ok(packed)
}

fn write(file: &mut File, run: &str, files: &[Packed]) -> io::Result<()> {
    let sums = files
        .iter()
        .map(|it| format!("{}  {}\n", it.sha256, it.name));
    let sums = sums.collect::<Vec<_>>().concat();
    // No time and no name of this machine: the same files give the same bytes.
    let packed = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(BufWriter::new(file), Compression::best());
    let mut archive = tar::Builder::new(packed);
    archive.mode(tar::HeaderMode::Deterministic);
    add(
        &mut archive,
        &format!("{run}/{SUMS}"),
        sums.len() as u64,
        sums.as_bytes(),
    )?;
    for it in files {
        let opened = it.folder.file(&it.file, u64::MAX)?;
        // A header promises its length.
        add(
            &mut archive,
            &format!("{run}/{}", it.name),
            it.length,
            BufReader::new(opened).take(it.length),
        )?;
    }
    archive.into_inner()?.finish()?.flush()
}

fn add(
    archive: &mut tar::Builder<impl io::Write>,
    name: &str,
    length: u64,
    data: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    archive.append_data(&mut header, name, data)
}
