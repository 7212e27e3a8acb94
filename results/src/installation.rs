//! Where what belongs to a program is: in the checkout that it was built from, or in the package that
//! it was installed with. Everything that lies beside the programs is asked for here.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::checkout;

/// The file beside the programs of a package, in lines of `key = "value"`.
pub const PACKAGE_FILE: &str = "PACKAGE";

/// The folder of a package's programs, in its root.
pub const PROGRAMS: &str = "libexec/coldphase";

/// The folder of a package's built guests, in its root.
pub const GUESTS: &str = "share/coldphase/guests";

/// The folder of a package's workloads in JavaScript, in its root.
pub const SCRIPTS: &str = "share/coldphase/javascript";

/// The folders of what people read, and of what they begin their own files with: in a checkout, and in
/// the root of a package.
pub const FOR_READERS: [(&str, &str); 7] = [
    ("docs/src", "share/doc/coldphase/book"),
    ("docs/src/guide", "share/doc/coldphase/book/guide"),
    ("docs/src/images", "share/doc/coldphase/book/images"),
    ("external/profiles", "share/coldphase/profiles"),
    ("external/systems", "share/coldphase/systems"),
    ("external/targets", "share/coldphase/targets"),
    ("external/targets/site", "share/coldphase/targets/site"),
];

/// Where a program stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installation {
    /// In a build of a checkout.
    Checkout {
        /// The checkout's root.
        root: PathBuf,
    },
    /// In a package, which has no sources and needs no cargo.
    Package(Package),
}

/// A package as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The folder of its programs.
    pub programs: PathBuf,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// Whether there were changes that are in no commit.
    pub dirty: Option<bool>,
}

impl Package {
    /// The folder that everything of it lies in.
    fn root(&self) -> &Path {
        let depth = Path::new(PROGRAMS).components().count();
        self.programs
            .ancestors()
            .nth(depth)
            .unwrap_or(Path::new("/"))
    }
}

impl Installation {
    /// That of this program.
    pub fn here() -> &'static Self {
        static HERE: OnceLock<Installation> = OnceLock::new();
        HERE.get_or_init(|| {
            let this = std::env::current_exe().unwrap_or_default();
            Self::of(this.parent().unwrap_or(Path::new("/")))
        })
    }

    /// That of programs in a folder.
    fn of(programs: &Path) -> Self {
        match std::fs::read_to_string(programs.join(PACKAGE_FILE)) {
            Ok(text) => Self::Package(Package {
                programs: programs.to_owned(),
                commit: value(&text, "commit"),
                dirty: value(&text, "dirty").map(|dirty| dirty == "true"),
            }),
            Err(_) => Self::Checkout {
                root: checkout::root().to_owned(),
            },
        }
    }

    /// The folder of built guests, with their digests.
    pub fn guests(&self) -> PathBuf {
        match self {
            Self::Checkout { root } => root.join("workloads/artifacts"),
            Self::Package(package) => package.root().join(GUESTS),
        }
    }

    /// The folder of the workloads in JavaScript, which are run as they are written.
    pub fn scripts(&self) -> PathBuf {
        match self {
            Self::Checkout { root } => root.join("workloads/javascript"),
            Self::Package(package) => package.root().join(SCRIPTS),
        }
    }

    /// The folder that results are kept in where nobody names one: the checkout's, and for a package
    /// the current folder's, since a package is not written to.
    pub fn results(&self) -> PathBuf {
        match self {
            Self::Checkout { root } => root.join("results"),
            Self::Package(_) => {
                let here = std::env::current_dir();
                here.unwrap_or_default().join("results")
            }
        }
    }

    /// Where a file for readers is which is `file` of a checkout: there, or in the package.
    pub fn for_readers(&self, file: &str) -> String {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let packed = FOR_READERS.iter().find(|(known, _)| *known == folder);
        match (self, packed) {
            (Self::Package(package), Some((_, packed))) => {
                let folder = package.root().join(packed);
                format!("{}/{name}", folder.display())
            }
            _ => file.to_owned(),
        }
    }

    /// The package, if it is one.
    pub const fn package(&self) -> Option<&Package> {
        match self {
            Self::Checkout { .. } => None,
            Self::Package(package) => Some(package),
        }
    }
}

/// The value of a key; the first line of it counts.
fn value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim() == key && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_told_from_a_checkout_by_the_file_beside_its_programs() {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join(PROGRAMS);
        std::fs::create_dir_all(&programs).unwrap();
        let without = Installation::of(&programs);
        assert!(matches!(&without, Installation::Checkout { root } if root == checkout::root()));
        assert!(without.guests().starts_with(checkout::root()));
        let text = "version = \"0.1.0\"\ncommit = \"abc\"\ndirty = \"false\"\n";
        std::fs::write(programs.join(PACKAGE_FILE), text).unwrap();
        let with = Installation::of(&programs);
        let package = with.package().unwrap();
        assert_eq!(package.commit.as_deref(), Some("abc"));
        assert_eq!(package.dirty, Some(false));
        assert_eq!(with.guests(), folder.path().join(GUESTS));
        assert_eq!(with.scripts(), folder.path().join(SCRIPTS));
        let example = "external/systems/*.toml";
        assert_eq!(without.for_readers(example), example);
        let packed = folder.path().join("share/coldphase/systems/*.toml");
        assert_eq!(with.for_readers(example), packed.display().to_string());
        assert_eq!(
            with.results(),
            std::env::current_dir().unwrap().join("results")
        );
    }

    #[test]
    fn what_people_read_is_there() {
        for (folder, _) in FOR_READERS {
            assert!(checkout::root().join(folder).is_dir(), "{folder}");
        }
    }

    #[test]
    fn a_package_that_knows_no_commit_says_none() {
        assert_eq!(value("commit = \"\"\n", "commit"), None);
        assert_eq!(value("", "commit"), None);
    }
}
