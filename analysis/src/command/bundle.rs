//! `bundle`: a run and its report as one archive, the same bytes for the same files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use results::digest;

use super::{Error, Exit, input};

/// The file in an archive that lists the digests of all others, as `sha256sum --check` reads it.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Puts a run below `raw` and its report below `out`, if there is one, into `out/<run>.tar.gz`.
///
/// # Errors
/// [`Error`] if there is no such run, or the archive cannot be written.
pub fn bundle(raw: &Path, out: &Path, name: &str) -> Result<PathBuf, Error> {
    let folder = input::find(raw, name)?;
    let run = folder.file_name().map_or_else(
        || name.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let files = files(&folder, &out.join(&run), &run).map_err(unreadable(&folder))?;
    let mut sums = String::new();
    for (name, path) in &files {
        sums.push_str(&format!(
            "{}  {name}\n",
            digest::sha256_file(path).map_err(unreadable(path))?
        ));
    }
    let archive = out.join(format!("{run}.tar.gz"));
    let draft = out.join(format!("{run}.tar.gz.draft"));
    let written = std::fs::create_dir_all(out)
        .and_then(|()| write(&draft, &run, &files, &sums))
        // Renamed into place: an archive is whole or not there.
        .and_then(|()| std::fs::rename(&draft, &archive));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&draft);
        Error::new(
            Exit::Output,
            format!("cannot write {}: {error}", archive.display()),
        )
        .hint("--out names another folder to write to")
    })?;
    Ok(archive)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| {
        Error::new(
            Exit::Input,
            format!("cannot read {}: {error}", path.display()),
        )
    }
}

/// What goes into the archive, by its name there: the two files of the run and all of the report. A
/// run's working files are caches and copies; nobody needs them to judge it.
fn files(raw: &Path, report: &Path, run: &str) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for name in ["manifest.json", "samples.jsonl"] {
        if raw.join(name).is_file() {
            files.insert(format!("raw/{run}/{name}"), raw.join(name));
        }
    }
    for (folder, prefix) in [
        (report.to_owned(), String::new()),
        (report.join("plots"), "plots/".to_owned()),
    ] {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if let (true, Some(name)) = (path.is_file(), path.file_name()) {
                files.insert(
                    format!("processed/{run}/{prefix}{}", name.to_string_lossy()),
                    path.clone(),
                );
            }
        }
    }
    Ok(files)
}

fn write(path: &Path, run: &str, files: &BTreeMap<String, PathBuf>, sums: &str) -> io::Result<()> {
    // No time and no name of this machine: the same files give the same bytes.
    let packed = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(BufWriter::new(File::create(path)?), Compression::best());
    let mut archive = tar::Builder::new(packed);
    archive.mode(tar::HeaderMode::Deterministic);
    add(
        &mut archive,
        &format!("{run}/{SUMS}"),
        sums.len() as u64,
        sums.as_bytes(),
    )?;
    for (name, path) in files {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        // A ledger that still grows is taken as it was: a header promises its length.
        add(
            &mut archive,
            &format!("{run}/{name}"),
            length,
            BufReader::new(file).take(length),
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
