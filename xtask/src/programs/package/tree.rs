//! The files of a package, and the archive of them: the same files give the same bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use results::folder::Folder;
use tar::{Builder, EntryType, Header};

/// What may be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is run.
    Program,
    /// It is read.
    Data,
}

#[derive(Debug)]
enum Content {
    File(PathBuf, Mode),
    Text(String),
}

/// Files by their place in a package, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, Content>);

impl Tree {
    /// Adds a file.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn file(&mut self, place: &str, from: &Path, mode: Mode) -> Result<(), String> {
        if !from.is_file() {
            return Err(format!("there is no file {}", from.display()));
        }
        self.0
            .insert(place.to_owned(), Content::File(from.to_owned(), mode));
        Ok(())
    }

    /// Adds a file with this text.
    pub(super) fn text(&mut self, place: &str, text: String) {
        self.0.insert(place.to_owned(), Content::Text(text));
    }

    /// Adds the files of a folder; folders in it are not looked into, and neither are packages' own
    /// manifests, which belong to their sources.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn folder(&mut self, place: &str, from: &Path) -> Result<(), String> {
        let cannot = |error: io::Error| format!("cannot read {}: {error}", from.display());
        for entry in std::fs::read_dir(from).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_file() && name != "Cargo.toml" {
                self.file(&format!("{place}/{name}"), &entry.path(), Mode::Data)?;
            }
        }
        Ok(())
    }

    /// Writes the archive, with everything in a folder `root`, and returns how many files it has. It
    /// appears when it is whole.
    ///
    /// # Errors
    /// What cannot be read or written.
    pub(super) fn write(&self, archive: &Path, root: &str, epoch: u64) -> Result<usize, String> {
        let write = || {
            let name = archive.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let folder = Folder::open(archive.parent().unwrap_or(Path::new("/")))?;
            folder.write_with(name, |file| self.write_to(file, root, epoch))
        };
        write().map_err(|error| format!("cannot write {}: {error}", archive.display()))?;
        Ok(self.0.len())
    }

    fn write_to(&self, file: &mut File, root: &str, epoch: u64) -> io::Result<()> {
        let file = BufWriter::new(file);
        // Neither the archive's name nor the time stands in it.
        let gzip = GzBuilder::new()
            .mtime(0)
            .write(file, Compression::default());
        let mut tar = Builder::new(gzip);
        for folder in self.folders(root) {
            let mut header = header(EntryType::Directory, 0o755, 0, epoch);
            tar.append_data(&mut header, folder, io::empty())?;
        }
        for (place, content) in &self.0 {
            let place = format!("{root}/{place}");
            match content {
                Content::Text(text) => {
                    let mut header = header(EntryType::Regular, 0o644, text.len() as u64, epoch);
                    tar.append_data(&mut header, place, text.as_bytes())?;
                }
                Content::File(path, mode) => {
                    let file = File::open(path)?;
                    let bits = match mode {
                        Mode::Program => 0o755,
                        Mode::Data => 0o644,
                    };
                    let mut header =
                        header(EntryType::Regular, bits, file.metadata()?.len(), epoch);
                    tar.append_data(&mut header, place, file)?;
                }
            }
        }
        tar.into_inner()?.finish()?.flush()
    }

    /// Every folder of the package once, parents first.
    fn folders(&self, root: &str) -> Vec<String> {
        let mut folders = vec![format!("{root}/")];
        for place in self.0.keys() {
            for (at, _) in place.match_indices('/') {
                folders.push(format!("{root}/{}/", &place[..at]));
            }
        }
        folders.sort();
        folders.dedup();
        folders
    }
}

/// Nobody's file in particular, of a time that does not depend on when it was made.
fn header(kind: EntryType, mode: u32, size: u64, epoch: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(epoch);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::process::Command;

    use super::*;

    fn tree(folder: &Path) -> Tree {
        let mut tree = Tree::default();
        std::fs::write(folder.join("program"), "#!/bin/sh\n").unwrap();
        tree.text("share/deep/b.txt", "b".to_owned());
        tree.file("bin/program", &folder.join("program"), Mode::Program)
            .unwrap();
        tree
    }

    #[test]
    fn the_same_files_give_the_same_bytes_whenever_and_wherever() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let written = folders.each_ref().map(|folder| {
            let tree = tree(folder.path());
            let archive = folder.path().join("a.tar.gz");
            assert_eq!(tree.write(&archive, "name-1", 86_400).unwrap(), 2);
            std::fs::read(archive).unwrap()
        });
        assert!(written[0] == written[1]);
    }

    #[test]
    fn the_systems_tar_unpacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.tar.gz");
        tree(folder.path())
            .write(&archive, "name-1", 86_400)
            .unwrap();
        let status = Command::new("tar")
            .arg("xf")
            .arg(&archive)
            .current_dir(&folder)
            .status();
        assert!(status.unwrap().success());
        let program = folder.path().join("name-1/bin/program");
        let found = std::fs::metadata(&program).unwrap();
        assert_eq!(
            (found.permissions().mode() & 0o777, found.mtime()),
            (0o755, 86_400)
        );
        let text = std::fs::read_to_string(folder.path().join("name-1/share/deep/b.txt"));
        assert_eq!(text.unwrap(), "b");
    }

    #[test]
    fn what_is_not_there_is_not_packed() {
        let mut tree = Tree::default();
        let error = tree.file("bin/x", Path::new("/nowhere/x"), Mode::Program);
        assert!(error.unwrap_err().contains("/nowhere/x"));
    }
}
