//! Files that commands read and write: whole ones, and never one over the other.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use results::folder::Folder;

/// Whether two paths lead to one file, by whichever names. A file that does not exist is no other.
pub fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() == other.dev() && one.ino() == other.ino(),
        _ => false,
    }
}

/// Writes a file as [`Folder::write`] does, by its path: whoever looks finds the old one or the new one, whole. What is
/// there and is no regular file, such as a pipe or `/dev/null`, is written to.
///
/// # Errors
/// Those of the file system.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return fs::write(path, bytes),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A link stays one, and its target is what is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    Folder::open(folder.unwrap_or(Path::new(".")))?.write(name, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_recognised_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "").unwrap();
        fs::write(path("b"), "").unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        std::os::unix::fs::symlink(path("a"), path("soft")).unwrap();
        for same in ["a", "hard", "soft", "./a"] {
            assert!(is_same(&path("a"), &path(same)), "{same}");
        }
        assert!(!is_same(&path("a"), &path("b")) && !is_same(&path("a"), &path("new")));
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        replace(&file, b"one").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        replace(Path::new("/dev/null"), b"nowhere").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(replace(&folder.path().join("no/file"), b"").is_err());
        let long = folder.path().join("n".repeat(255));
        replace(&long, b"long").unwrap();
        assert_eq!(fs::read(&long).unwrap(), b"long");
    }

    #[test]
    fn nothing_that_somebody_has_put_beside_it_is_written_through() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("file"), folder.path().join("secret"));
        fs::write(&secret, "kept").unwrap();
        // The names that a writer could be known to take.
        let this = std::process::id();
        for name in [
            format!("file.{this}.part"),
            "file.part".to_owned(),
            ".coldphase-draft-file".to_owned(),
        ] {
            symlink(&secret, folder.path().join(name)).unwrap();
        }
        replace(&file, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::read(&secret).unwrap(), b"kept");
    }
}
