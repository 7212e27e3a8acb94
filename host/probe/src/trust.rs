//! Whose native code is run.
//!
//! Compiled code is run unchecked: whoever could have written it is whom one trusts. That is the
//! user who runs the program, root, and whoever owns the program itself, which is as good as what
//! it loads. Others may neither own the file, nor be able to write to it, nor be able to put
//! another one in its place, which every folder above it decides.
//!
//! A path is walked from the root, and each folder is looked at before what is in it. So nobody
//! but those who are trusted can change a step that was looked at, and there is no race to win. A
//! folder that everybody may write to and that has the sticky bit, such as `/tmp`, is taken as a
//! step on the way: what a trusted user owns in it can be replaced by nobody else. Links are
//! followed, each looked at like a file.
//!
//! Access control lists need no look: where one lets anybody write, the kernel shows that in the
//! bits of the group.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Group, User, geteuid};

/// As many links as the kernel follows in a path.
const MOST_LINKS: usize = 40;

const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const BY_OTHERS: u32 = 0o077;

/// Why native code is not run.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// A step of the path cannot be looked at.
    #[error("cannot look at {}: {source}", path.display())]
    Unknown {
        /// The step.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to somebody else.
    #[error("native code is not run out of it: {} belongs to user {owner}", path.display())]
    Foreign {
        /// The file, or a folder above it.
        path: PathBuf,
        /// The user.
        owner: u32,
    },
    /// Somebody else can write to it.
    #[error("native code is not run out of it: others can write to {} (mode {:o})", path.display(), mode & 0o7777)]
    Writable {
        /// The file, or a folder above it.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is a device, a pipe, or something else that has no owner to trust.
    #[error("native code is run out of regular files only, and {} is none", .0.display())]
    NoFile(PathBuf),
    /// A folder is expected.
    #[error("{} is no folder", .0.display())]
    NoFolder(PathBuf),
    /// Another file stands there than the one that was opened.
    #[error("{} was replaced while it was opened", .0.display())]
    Replaced(PathBuf),
    /// Links that lead to links.
    #[error("too many links on the way to {}", .0.display())]
    Links(PathBuf),
}

impl Untrusted {
    /// What can be done about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Foreign { .. } | Self::Writable { .. } => {
                "compile it yourself, into a folder that only you can write to (`chmod go-w`); \
                    the guide has the rule"
            }
            Self::Replaced(_) => "somebody writes to that folder: find out who",
            _ => "give the path of a file that you compiled yourself",
        }
    }
}

/// Looks at a file of native code that was opened at `path`: whether nobody else can have written
/// it, or put it there.
///
/// # Errors
/// [`Untrusted`].
pub fn check_file(path: &Path, file: &File) -> Result<(), Untrusted> {
    let (real, there) = walk(path, is_trusted)?;
    if !there.is_file() {
        return Err(Untrusted::NoFile(real));
    }
    let opened = file.metadata().map_err(|source| Untrusted::Unknown {
        path: real.clone(),
        source,
    })?;
    if (opened.dev(), opened.ino()) != (there.dev(), there.ino()) {
        return Err(Untrusted::Replaced(real));
    }
    check_writers(&real, &opened)
}

/// Looks at a folder out of which native code is run, with all that is in it: whether nobody else
/// can have put anything there.
///
/// # Errors
/// [`Untrusted`].
pub fn check_tree(path: &Path) -> Result<(), Untrusted> {
    let (real, there) = walk(path, is_trusted)?;
    if !there.is_dir() {
        return Err(Untrusted::NoFolder(real));
    }
    check_writers(&real, &there)?;
    // Where nobody else can enter, what is below need not be looked at, however much that is.
    if there.mode() & BY_OTHERS == 0 {
        return Ok(());
    }
    check_below(&real)
}

/// Whether a file is root's, with everything on the way to it, and nobody else may write there: a program that root
/// runs without having been told to.
pub fn is_roots(path: &Path) -> bool {
    let found = walk(path, |user| user == 0);
    found.is_ok_and(|(real, there)| check_writers(&real, &there).is_ok())
}

fn check_below(folder: &Path) -> Result<(), Untrusted> {
    let unknown = |source| Untrusted::Unknown {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(unknown)? {
        let path = entry.map_err(unknown)?.path();
        let found = look(&path, is_trusted)?;
        if found.is_dir() {
            check_writers(&path, &found)?;
            check_below(&path)?;
        } else if found.is_file() {
            check_writers(&path, &found)?;
        } else {
            return Err(Untrusted::NoFile(path));
        }
    }
    Ok(())
}

/// Where a path leads, without any link, and what is there. Every step on the way, links included,
/// belongs to somebody who is trusted, and so does what is there.
fn walk(path: &Path, is_trusted: fn(u32) -> bool) -> Result<(PathBuf, Metadata), Untrusted> {
    let absolute = std::path::absolute(path).map_err(|source| Untrusted::Unknown {
        path: path.to_owned(),
        source,
    })?;
    // What is left of the path, the next step last.
    let mut left = steps(&absolute);
    let mut at = PathBuf::from("/");
    let mut found = look(&at, is_trusted)?;
    let mut links = 0;
    while let Some(step) = left.pop() {
        if step == ".." {
            at.pop();
            found = look(&at, is_trusted)?;
            continue;
        }
        check_step(&at, &found)?;
        at.push(step);
        found = look(&at, is_trusted)?;
        if !found.is_symlink() {
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(Untrusted::Links(absolute));
        }
        let target = std::fs::read_link(&at).map_err(|source| Untrusted::Unknown {
            path: at.clone(),
            source,
        })?;
        at.pop();
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(steps(&target));
        found = look(&at, is_trusted)?;
    }
    Ok((at, found))
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    let named = |step: Component<'_>| match step {
        Component::Normal(_) | Component::ParentDir => Some(step.as_os_str().to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(named).collect()
}

/// What is there, a link itself and not what it leads to, if a trusted user owns it.
fn look(path: &Path, is_trusted: fn(u32) -> bool) -> Result<Metadata, Untrusted> {
    let found = std::fs::symlink_metadata(path).map_err(|source| Untrusted::Unknown {
        path: path.to_owned(),
        source,
    })?;
    if is_trusted(found.uid()) {
        return Ok(found);
    }
    Err(Untrusted::Foreign {
        path: path.to_owned(),
        owner: found.uid(),
    })
}

/// Looks at a folder on the way: whether only trusted users can replace what they own in it.
fn check_step(path: &Path, found: &Metadata) -> Result<(), Untrusted> {
    if found.is_dir() && found.mode() & STICKY != 0 {
        return Ok(());
    }
    check_writers(path, found)
}

/// Whether only trusted users can write to it.
fn check_writers(path: &Path, found: &Metadata) -> Result<(), Untrusted> {
    let mode = found.mode();
    let others = mode & OTHERS_WRITE != 0;
    if others || (mode & GROUP_WRITES != 0 && !is_private_group(found)) {
        return Err(Untrusted::Writable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn is_trusted(user: u32) -> bool {
    let owns_this_program =
        || std::fs::metadata("/proc/self/exe").is_ok_and(|program| program.uid() == user);
    user == 0 || user == geteuid().as_raw() || owns_this_program()
}

/// Whether a group is its owner's alone. Many systems give each user such a group, of the user's
/// name, and a umask that lets it write.
fn is_private_group(found: &Metadata) -> bool {
    if found.gid() == 0 {
        return true;
    }
    let owner = User::from_uid(found.uid().into()).ok().flatten();
    let group = Group::from_gid(found.gid().into()).ok().flatten();
    owner.zip(group).is_some_and(|(owner, group)| {
        group.name == owner.name && group.mem.iter().all(|member| *member == owner.name)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    /// `a/b/code` below a folder of its own, all of it nobody else's.
    fn tree() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        for (path, mode) in [("a", 0o755), ("a/b", 0o755)] {
            set_mode(&folder.path().join(path), mode);
        }
        let file = inner.join("code");
        std::fs::write(&file, "code").unwrap();
        set_mode(&file, 0o644);
        (folder, file)
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn check(path: &Path) -> Result<(), Untrusted> {
        check_file(path, &File::open(path).unwrap())
    }

    #[test]
    fn what_is_ones_own_is_trusted_and_the_way_through_tmp_is_too() {
        let (folder, file) = tree();
        check(&file).unwrap();
        check_tree(file.parent().unwrap()).unwrap();
        check(&folder.path().join("a/../a/./b/code")).unwrap();
        symlink("a/b", folder.path().join("short")).unwrap();
        symlink(&file, folder.path().join("whole")).unwrap();
        check(&folder.path().join("short/code")).unwrap();
        check(&folder.path().join("whole")).unwrap();
        assert!(matches!(check_tree(&file), Err(Untrusted::NoFolder(_))));
        assert!(matches!(
            check(Path::new("/dev/null")),
            Err(Untrusted::NoFile(_))
        ));
    }

    #[test]
    fn only_what_nobody_else_can_replace_is_roots() {
        assert!(is_roots(Path::new("/usr/bin/env")));
        assert!(!is_roots(Path::new("/no/such/file")));
        let (folder, file) = tree();
        let is_root = geteuid().is_root();
        assert_eq!(is_roots(&file), is_root, "its owner's");
        for (of, mode) in [("a/b/code", 0o666), ("a/b", 0o777), ("a", 0o775)] {
            let path = folder.path().join(of);
            let before = path.metadata().unwrap().permissions();
            set_mode(&path, mode);
            // A group of root's own is root.
            let is_roots_group = mode == 0o775 && path.metadata().unwrap().gid() == 0;
            assert_eq!(is_roots(&file), is_root && is_roots_group, "{of}");
            std::fs::set_permissions(&path, before).unwrap();
        }
        if is_root {
            // A link of root's leads out of what is root's, and a folder on the way is somebody's.
            let other = folder.path().join("other");
            std::fs::create_dir(&other).unwrap();
            std::fs::copy(&file, other.join("code")).unwrap();
            symlink(other.join("code"), folder.path().join("link")).unwrap();
            assert!(is_roots(&folder.path().join("link")));
            chown(&other, Some(65_534), None).unwrap();
            assert!(!is_roots(&folder.path().join("link")));
            chown(&file, Some(65_534), None).unwrap();
            assert!(!is_roots(&file));
        }
    }

    #[test]
    fn what_others_can_write_to_is_not() {
        for (of, mode) in [
            ("a/b/code", 0o666),
            ("a/b/code", 0o646),
            ("a/b", 0o757),
            ("a", 0o777),
        ] {
            let (folder, file) = tree();
            set_mode(&folder.path().join(of), mode);
            let refused = check(&file).unwrap_err();
            assert!(
                matches!(&refused, Untrusted::Writable { path, .. } if path.ends_with(of)),
                "{of} {mode:o}: {refused}"
            );
        }
        // Others can add to a sticky folder: it leads to code, and is none that code is run out of.
        let (_folder, file) = tree();
        let sticky = file.parent().unwrap();
        set_mode(sticky, 0o1777);
        check(&file).unwrap();
        assert!(matches!(
            check_tree(sticky),
            Err(Untrusted::Writable { .. })
        ));
        // Below a folder that others can enter, everything counts; below one's own, nothing does.
        let (folder, file) = tree();
        let top = folder.path().join("a");
        set_mode(&file, 0o666);
        assert!(matches!(check_tree(&top), Err(Untrusted::Writable { .. })));
        set_mode(&top, 0o700);
        check_tree(&top).unwrap();
    }

    #[test]
    fn what_belongs_to_others_is_not() {
        if !geteuid().is_root() {
            let message = b"not tested here: only root can give files away\n";
            let _ = io::Write::write_all(&mut io::stderr(), message);
            return;
        }
        for of in ["a/b/code", "a/b", "a"] {
            let (folder, file) = tree();
            chown(folder.path().join(of), Some(12_345), None).unwrap();
            let refused = check(&file).unwrap_err();
            assert!(
                matches!(&refused, Untrusted::Foreign { path, owner: 12_345 } if path.ends_with(of)),
                "{of}: {refused}"
            );
        }
        let (folder, file) = tree();
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(12_345), None).unwrap();
        assert!(matches!(check(&link), Err(Untrusted::Foreign { .. })));
        // A group that nobody is known to have for oneself.
        let (_folder, file) = tree();
        chown(&file, None, Some(12_345)).unwrap();
        check(&file).unwrap();
        set_mode(&file, 0o664);
        assert!(matches!(check(&file), Err(Untrusted::Writable { .. })));
    }

    #[test]
    fn another_file_than_the_one_that_was_opened_is_noticed() {
        let (folder, file) = tree();
        let opened = File::open(&file).unwrap();
        let other = folder.path().join("a/other");
        std::fs::write(&other, "other").unwrap();
        std::fs::rename(other, &file).unwrap();
        assert!(matches!(
            check_file(&file, &opened),
            Err(Untrusted::Replaced(_))
        ));
    }

    #[test]
    fn links_that_go_round_end() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink(&link, &link).unwrap();
        assert!(matches!(check_tree(&link), Err(Untrusted::Links(_))));
    }
}
