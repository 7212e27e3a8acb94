//! What is read as it is given: a file, or a pipe, a socket or a descriptor that can be read once.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::IntoRawFd as _;
use std::path::{Path, PathBuf};

use campaign::{Error, Exit};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// The most that is read from what is no file. There are pipes that never end.
const MOST_BYTES: u64 = 1 << 30;

/// A file that can be read as often as needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is read: the path given, or that of a copy in memory, which lives as long as this
    /// process.
    pub(crate) path: PathBuf,
    /// Whether it is such a copy: nobody else can read it again.
    pub(crate) is_copy: bool,
}

/// Finds the artifact at `path`.
///
/// # Errors
/// It cannot be read.
pub(crate) fn find(path: &Path) -> Result<Source, Error> {
    open(path).map_err(|error| {
        Error::new(
            Exit::Artifact,
            format!("cannot read {}: {error}", path.display()),
        )
        .hint("--artifact takes the path of a Wasm module or component")
    })
}

/// Finds anything that is read: a file, or a copy of what can be read once only.
///
/// # Errors
/// It cannot be read.
pub(crate) fn open(path: &Path) -> io::Result<Source> {
    // By the path itself, which names a pipe only where this process has it: what a descriptor's
    // link says is no path.
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    if kind.is_file() {
        return Ok(Source {
            path: path.to_owned(),
            is_copy: false,
        });
    }
    copy(File::open(path)?)
}

fn copy(pipe: File) -> io::Result<Source> {
    let mut bytes = Vec::new();
    pipe.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it does not end within 1 GiB"));
    }
    let mut file = File::from(memfd_create(c"copy", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&bytes)?;
    // Open for good. Children read it too, by this process's name.
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.into_raw_fd());
    Ok(Source {
        path: path.into(),
        is_copy: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_read_once_and_can_be_read_again() {
        let (reader, mut writer) = io::pipe().unwrap();
        let written = std::thread::spawn(move || writer.write_all(&vec![7; 200_000]));
        let path = format!("/dev/fd/{}", reader.into_raw_fd());
        let source = find(Path::new(&path)).unwrap();
        written.join().unwrap().unwrap();
        assert!(source.is_copy);
        for _ in 0..2 {
            assert_eq!(fs::read(&source.path).unwrap(), vec![7; 200_000]);
        }
        let child = std::process::Command::new("wc")
            .arg("-c")
            .arg(&source.path)
            .output()
            .unwrap();
        assert!(child.stdout.starts_with(b"200000"), "{child:?}");
    }

    #[test]
    fn a_file_is_where_it_is_and_a_folder_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = find(file.path()).unwrap();
        assert_eq!(
            (source.path.as_path(), source.is_copy),
            (file.path(), false)
        );
        for wrong in ["/", "/nowhere/file"] {
            let error = find(Path::new(wrong)).unwrap_err();
            assert_eq!(error.exit, Exit::Artifact);
        }
    }
}
