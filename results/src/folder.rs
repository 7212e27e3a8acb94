//! A folder whose contents somebody else may have made: nothing in it leads out of it, and nothing in
//! it makes its reader wait.
//!
//! A run folder is sent by mail and unpacked. What is called `manifest.json` there may be a link to a
//! file of the reader's, a FIFO that nobody ever writes to, a device, or a hole of a terabyte. Files are
//! therefore opened one step after another below a folder that is open already, never through a link;
//! they count only if they are regular, and up to a length. What is written is written beside its place
//! and renamed into it: a link that stands there is replaced, and what it leads to is left alone.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

/// What begins the name of a file that is being written.
const DRAFT: &str = ".coldphase-draft-";

/// How long a name can be, in bytes: what Linux file systems allow.
const MAX_NAME: usize = 255;

/// A folder that is open.
#[derive(Debug)]
pub struct Folder {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// The names below a folder that a path consists of; nothing if it leads anywhere else.
fn steps(path: &Path) -> io::Result<Vec<&Path>> {
    let step = |component: Component<'_>| matches!(component, Component::Normal(_));
    let is_below = path.components().all(step) && path.components().next().is_some();
    if !is_below {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no name of something in the folder",
        ));
    }
    let names = path.components().map(|component| match component {
        Component::Normal(name) => Path::new(name),
        _ => unreachable!("every component was just looked at"),
    });
    Ok(names.collect())
}

/// The kernel's words for a link that is not followed name neither.
fn explained(error: Errno) -> io::Error {
    match error {
        Errno::ELOOP => io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a symbolic link, and none is followed",
        ),
        error => error.into(),
    }
}

impl Folder {
    /// Opens a folder that a person named: links on the way to it are theirs.
    ///
    /// # Errors
    /// It is not there, or no folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let descriptor = openat(AT_FDCWD, path, flags, Mode::empty())?;
        Ok(Self {
            descriptor,
            path: path.to_owned(),
        })
    }

    /// Opens a folder that was found within another one: as [`Self::open`], but its last step is no link.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_itself(path: &Path) -> io::Result<Self> {
        let Some(name) = path.file_name() else {
            return Self::open(path);
        };
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut folder = Self::open(parent)?.folder(Path::new(name))?;
        path.clone_into(&mut folder.path);
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder below this one, through no link.
    ///
    /// # Errors
    /// It is not there, a link, or no folder.
    pub fn folder(&self, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut descriptor = None;
        for name in steps(path)? {
            let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            let above = descriptor.as_ref().unwrap_or(&self.descriptor);
            let below = openat(above, name, flags, Mode::empty());
            descriptor = Some(below.map_err(|error| match error {
                Errno::ELOOP | Errno::ENOTDIR => io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "it is a symbolic link or no folder, and no link is followed",
                ),
                error => error.into(),
            })?);
        }
        Ok(Self {
            descriptor: descriptor.expect("a path has at least one step"),
            path: self.path.join(path),
        })
    }

    /// A regular file below this folder, through no link, to be read.
    ///
    /// # Errors
    /// It is not there, a link, no regular file, or longer than `most`.
    pub fn file(&self, path: impl AsRef<Path>, most: u64) -> io::Result<File> {
        let file = self.opened(path.as_ref(), OFlag::O_RDONLY)?;
        let length = file.metadata()?.len();
        if length > most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has {length} bytes, and at most {most} are read"),
            ));
        }
        Ok(file)
    }

    /// The contents of a regular file below this folder.
    ///
    /// # Errors
    /// As [`Self::file`], and if it cannot be read.
    pub fn read(&self, path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // A file may grow while it is read.
        self.file(path, most)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A regular file below this folder, made if it is not there, to be written where it ends or is
    /// locked.
    ///
    /// # Errors
    /// It is a link or no regular file, or cannot be made.
    pub fn file_to_append(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT;
        self.opened(path.as_ref(), flags)
    }

    fn opened(&self, path: &Path, flags: OFlag) -> io::Result<File> {
        let above = self.above(path)?;
        let name = steps(path)?.pop().expect("a path has at least one step");
        // Without waiting: a FIFO opens at once, and is then seen to be none of a regular file.
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o644);
        let descriptor = openat(above.descriptor(self), name, flags, mode);
        let file = File::from(descriptor.map_err(|error| match error {
            // A FIFO without a reader, a socket.
            Errno::ENXIO => not_regular(),
            error => explained(error),
        })?);
        if !file.metadata()?.is_file() {
            return Err(not_regular());
        }
        Ok(file)
    }

    /// The folder that a path's last step is in.
    fn above(&self, path: &Path) -> io::Result<Above> {
        match path.parent() {
            Some(parent) if parent != Path::new("") => self.folder(parent).map(Above::Below),
            _ => Ok(Above::Here),
        }
    }

    /// The names of everything in the folder, in no order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        // By its descriptor: the path may lead to another folder by now.
        let itself = format!("/proc/self/fd/{}", self.descriptor.as_raw_fd());
        let entries = std::fs::read_dir(itself)?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// A folder below this one, made if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or something else has its name.
    pub fn make(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let name = name.as_ref();
        if steps(name)?.len() > 1 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        match mkdirat(&self.descriptor, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => self.folder(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file in this folder: whole, or not at all. A link that has its name is replaced.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> io::Result<()> {
        self.write_with(name, |file| file.write_all(bytes))
    }

    /// The same with contents that are written piece by piece.
    ///
    /// # Errors
    /// The file system refuses, or `write` does.
    pub fn write_with(
        &self,
        name: impl AsRef<OsStr>,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let name = name.as_ref();
        let draft = draft_of(name);
        let mut file = self.fresh(&draft)?;
        let written = write(&mut file).and_then(|()| {
            let renamed = renameat(&self.descriptor, &*draft, &self.descriptor, name);
            Ok(renamed?)
        });
        if written.is_err() {
            let _ = self.remove(&draft);
        }
        written
    }

    /// A file that was not there before.
    fn fresh(&self, name: &OsStr) -> io::Result<File> {
        steps(Path::new(name))?;
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let open = || {
            openat(
                &self.descriptor,
                name,
                flags,
                Mode::from_bits_truncate(0o644),
            )
        };
        let descriptor = match open() {
            // Of a writer that was killed: the name is ours.
            Err(Errno::EEXIST) => {
                self.remove(name)?;
                open()
            }
            other => other,
        };
        Ok(File::from(descriptor?))
    }

    /// Removes a file or a link in this folder, and never what it leads to.
    ///
    /// # Errors
    /// It is not there, or a folder.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let name = name.as_ref();
        steps(Path::new(name))?;
        Ok(unlinkat(
            &self.descriptor,
            name,
            UnlinkatFlags::NoRemoveDir,
        )?)
    }

    /// Where a link in this folder leads; nothing if there is none of that name.
    pub fn link(&self, name: &str) -> Option<PathBuf> {
        let target = readlinkat(&self.descriptor, name);
        target.ok().map(PathBuf::from)
    }

    /// Makes a link in this folder, in the place of one that is there.
    ///
    /// # Errors
    /// The file system refuses, or has no links.
    pub fn write_link(&self, name: &str, target: &str) -> io::Result<()> {
        let draft = draft_of(OsStr::new(name));
        let _ = self.remove(&draft);
        symlinkat(target, &self.descriptor, &*draft)?;
        let renamed = renameat(&self.descriptor, &*draft, &self.descriptor, name);
        if renamed.is_err() {
            let _ = self.remove(&draft);
        }
        Ok(renamed?)
    }
}

/// The name of what becomes the file of that name: its own with something before it, unless names cannot be as
/// long as that.
fn draft_of(name: &OsStr) -> OsString {
    let mut draft = OsString::from(DRAFT);
    if draft.len() + name.len() <= MAX_NAME {
        draft.push(name);
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        draft.push(format!("{:016x}", hasher.finish()));
    }
    draft
}

/// The folder of a path's last step.
enum Above {
    Here,
    Below(Folder),
}

impl Above {
    fn descriptor<'a>(&'a self, here: &'a Folder) -> &'a OwnedFd {
        match self {
            Self::Here => &here.descriptor,
            Self::Below(folder) => &folder.descriptor,
        }
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::unistd::mkfifo;

    use super::*;

    fn made() -> (tempfile::TempDir, Folder) {
        let outer = tempfile::tempdir().unwrap();
        std::fs::create_dir(outer.path().join("in")).unwrap();
        std::fs::write(outer.path().join("secret"), "a secret").unwrap();
        let folder = Folder::open(&outer.path().join("in")).unwrap();
        (outer, folder)
    }

    #[test]
    fn nothing_leads_out_of_a_folder() {
        let (outer, folder) = made();
        let inside = outer.path().join("in");
        symlink("../secret", inside.join("link")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        std::fs::write(inside.join("own"), "ours").unwrap();
        assert_eq!(folder.read("own", 10).unwrap(), b"ours");
        let absolute = outer.path().join("secret");
        let absolute = absolute.to_str().unwrap();
        for name in [
            "link",
            "up/secret",
            "../secret",
            "./../secret",
            "",
            ".",
            absolute,
        ] {
            assert!(folder.read(name, 100).is_err(), "{name}");
        }
        assert!(folder.folder("up").is_err());
        assert!(Folder::open_itself(&inside.join("up")).is_err());
        assert!(Folder::open_itself(&inside).is_ok());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let (outer, folder) = made();
        let inside = outer.path().join("in");
        mkfifo(&inside.join("fifo"), Mode::S_IRWXU).unwrap();
        std::fs::create_dir(inside.join("folder")).unwrap();
        for name in ["fifo", "folder"] {
            let error = folder.read(name, 100).unwrap_err();
            assert!(error.to_string().contains("no regular file"), "{error}");
        }
        let error = folder.file_to_append("fifo").unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        let hole = File::create(inside.join("hole")).unwrap();
        hole.set_len(1 << 40).unwrap();
        let error = folder.read("hole", 1 << 20).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_is_written_replaces_a_link_and_leaves_its_target() {
        let (outer, folder) = made();
        let inside = outer.path().join("in");
        for name in ["report.md", ".coldphase-draft-report.md"] {
            symlink("../secret", inside.join(name)).unwrap();
        }
        folder.write("report.md", b"new").unwrap();
        assert_eq!(std::fs::read(inside.join("report.md")).unwrap(), b"new");
        let secret = std::fs::read(outer.path().join("secret")).unwrap();
        assert_eq!(secret, b"a secret");
        let mut names = folder.names().unwrap();
        names.sort();
        assert_eq!(names, ["report.md"]);
        assert!(folder.write("../x", b"").is_err() && folder.write("a/b", b"").is_err());
    }
}
