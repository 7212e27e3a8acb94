//! What a guest is given besides its call: nothing that a person did not name.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// What a guest is given besides its call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Its environment.
    pub environment: Vec<Variable>,
    /// The folders that are open to it.
    pub folders: Vec<Folder>,
    /// The file that its standard input is read from; nothing is in it otherwise.
    pub stdin: Option<PathBuf>,
    /// What `wasi:config` tells it.
    pub config: Vec<Variable>,
    /// Which of the interfaces beyond WASI 0.2 it imports. The others are not linked: every function
    /// that is costs the start of a guest.
    pub interfaces: Interfaces,
}

/// Interfaces of the host beyond WASI 0.2 and `wasi:http`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// `wasi:config`.
    pub config: bool,
    /// `wasi:keyvalue`, in memory.
    pub keyvalue: bool,
}

/// A name with its value: `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A folder that is open to a guest: `HOST`, `HOST::GUEST`, and `:rw` behind it if the guest may
/// write there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Whether the guest may write there.
    pub writable: bool,
}

impl Interfaces {
    /// All of them.
    pub const ALL: Self = Self {
        config: true,
        keyvalue: true,
    };

    /// Whether there is any.
    pub const fn any(self) -> bool {
        self.config || self.keyvalue
    }
}

impl Variable {
    /// Reads `NAME=VALUE`.
    ///
    /// # Errors
    /// It has no name, or no value. A name alone does not stand for this program's own variable:
    /// what a guest is given is said whole.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("", _)) => Err("it has no name".to_owned()),
            Some((name, value)) if !text.contains('\0') => Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            Some(_) => Err("it holds a zero byte".to_owned()),
            None => Err(format!(
                "expected NAME=VALUE; `{text}=\"${text}\"` gives a variable of this shell"
            )),
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl Folder {
    const WRITABLE: &str = ":rw";

    /// Reads `HOST[::GUEST][:rw]`. Without `GUEST` the guest calls it as it is written.
    ///
    /// # Errors
    /// It names no folder, or one of the names cannot be a guest's.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (names, writable) = match text.strip_suffix(Self::WRITABLE) {
            Some(names) => (names, true),
            None => (text, false),
        };
        let (host, guest) = names.rsplit_once("::").unwrap_or((names, names));
        if host.is_empty() || guest.is_empty() {
            return Err("expected HOST, HOST::GUEST or HOST::GUEST:rw".to_owned());
        }
        // WasmEdge takes names that are separated so.
        if guest.contains(':') || text.contains('\0') {
            return Err(format!("`{guest}` cannot be what a guest calls a folder"));
        }
        Ok(Self {
            host: host.into(),
            guest: guest.to_owned(),
            writable,
        })
    }

    /// Opens it for as long as this process lives: the same folder by a path that leads to nothing
    /// else, whatever a guest that may write beside it puts in its place.
    ///
    /// # Errors
    /// It is no folder, or this user may not read it, or not write to it as is asked for.
    pub fn hold(&self) -> io::Result<Self> {
        use nix::unistd::{AccessFlags, access};
        let folder = std::fs::File::options()
            .read(true)
            .custom_flags(libc::O_DIRECTORY)
            .open(&self.host)?;
        // Within it, since WasmEdge opens no link, and the descriptor's name alone is one.
        let path = format!("/proc/{}/fd/{}/.", std::process::id(), folder.as_raw_fd());
        let held = Self {
            host: path.into(),
            ..self.clone()
        };
        let mut needed = AccessFlags::R_OK | AccessFlags::X_OK;
        if self.writable {
            needed |= AccessFlags::W_OK;
        }
        access(&held.host, needed)?;
        let _ = folder.into_raw_fd();
        Ok(held)
    }

    /// The same by its one path without links.
    ///
    /// # Errors
    /// It is not there.
    pub fn canonical(mut self) -> io::Result<Self> {
        self.host = std::fs::canonicalize(&self.host)?;
        Ok(self)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.writable { Self::WRITABLE } else { "" };
        write!(f, "{}::{}{mode}", self.host.display(), self.guest)
    }
}

/// How a part begins, among the arguments of a process.
const ENVIRONMENT: &str = "env";
const FOLDER: &str = "dir";
const WRITABLE_FOLDER: &str = "dir:rw";
const STDIN: &str = "stdin";
const CONFIG: &str = "config";
const IMPORTS: &str = "imports";

impl Given {
    /// Whether it is nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// As parts of a message, which [`Self::take`] takes out again. None for nothing.
    pub(crate) fn parts(&self) -> Vec<OsString> {
        let text = |text: &str| OsString::from(text);
        let mut parts = Vec::new();
        for (what, variables) in [(ENVIRONMENT, &self.environment), (CONFIG, &self.config)] {
            for Variable { name, value } in variables {
                parts.extend([text(what), text(name), text(value)]);
            }
        }
        for folder in &self.folders {
            let what = if folder.writable {
                WRITABLE_FOLDER
            } else {
                FOLDER
            };
            let path = folder.host.clone().into_os_string();
            parts.extend([text(what), path, text(&folder.guest)]);
        }
        if let Some(file) = &self.stdin {
            parts.extend([text(STDIN), file.clone().into_os_string()]);
        }
        for (imported, what) in [
            (self.interfaces.config, CONFIG),
            (self.interfaces.keyvalue, "keyvalue"),
        ] {
            if imported {
                parts.extend([text(IMPORTS), text(what)]);
            }
        }
        parts
    }

    /// Takes the next part of it: whether `first` began one. Nothing if it is broken.
    pub(crate) fn take(
        &mut self,
        first: &str,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Option<bool> {
        let mut next = || rest.next();
        let text = |part: Option<OsString>| part?.into_string().ok();
        match first {
            ENVIRONMENT | CONFIG => {
                let variable = Variable {
                    name: text(next())?,
                    value: text(next())?,
                };
                if first == CONFIG {
                    self.config.push(variable);
                } else {
                    self.environment.push(variable);
                }
            }
            FOLDER | WRITABLE_FOLDER => self.folders.push(Folder {
                host: next()?.into(),
                guest: text(next())?,
                writable: first == WRITABLE_FOLDER,
            }),
            STDIN => self.stdin = Some(next()?.into()),
            IMPORTS if next()? == CONFIG => self.interfaces.config = true,
            IMPORTS => self.interfaces.keyvalue = true,
            _ => return Some(false),
        }
        Some(true)
    }
}

/// What keeps a folder from being given, for a person.
pub fn folder_refused(folder: &Folder, error: &io::Error) -> String {
    let what = if folder.writable { "write to" } else { "open" };
    format!("--dir: cannot {what} {}: {error}", folder.host.display())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_variable_is_a_name_and_a_value() {
        let variable = Variable::parse("A=b=c").unwrap();
        assert_eq!(
            (variable.name.as_str(), variable.value.as_str()),
            ("A", "b=c")
        );
        assert_eq!(variable.to_string(), "A=b=c");
        assert_eq!(Variable::parse("A=").unwrap().value, "");
        for wrong in ["A", "=b", "", "A=\0"] {
            assert!(Variable::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(
            Variable::parse("PATH")
                .unwrap_err()
                .contains("PATH=\"$PATH\"")
        );
    }

    #[test]
    fn a_folder_is_read_only_and_called_as_it_is_unless_said() {
        let parsed = |text: &str| {
            let Folder {
                host,
                guest,
                writable,
            } = Folder::parse(text).unwrap();
            (host.to_str().unwrap().to_owned(), guest, writable)
        };
        let is = |host: &str, guest: &str, writable| (host.to_owned(), guest.to_owned(), writable);
        assert_eq!(parsed("data"), is("data", "data", false));
        assert_eq!(parsed("./x::/data"), is("./x", "/data", false));
        assert_eq!(parsed("/a::/b:rw"), is("/a", "/b", true));
        assert_eq!(parsed("/a:rw"), is("/a", "/a", true));
        assert_eq!(parsed("/a::b::/c"), is("/a::b", "/c", false));
        for wrong in ["", "::", "x::", "::/x", ":rw", "/x::/a:b", "/x::/a:ro"] {
            assert!(Folder::parse(wrong).is_err(), "{wrong:?}");
        }
        for text in ["/a::/b:rw", "/a::/b"] {
            assert_eq!(Folder::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let check = |path: &Path| {
            let folder = Folder::parse(path.to_str().unwrap()).unwrap();
            folder.hold().map_err(|error| error.kind())
        };
        let held = check(folder.path()).unwrap();
        let moved = folder.path().with_extension("moved");
        std::fs::rename(folder.path(), &moved).unwrap();
        std::os::unix::fs::symlink("/", folder.path()).unwrap();
        assert!(held.host.join("file").is_file(), "it is still that folder");
        std::fs::remove_file(folder.path()).unwrap();
        std::fs::rename(&moved, folder.path()).unwrap();
        assert_eq!(check(&file).map(drop), Err(io::ErrorKind::NotADirectory));
        assert_eq!(
            check(&folder.path().join("none")).map(drop),
            Err(io::ErrorKind::NotFound)
        );
    }
}
