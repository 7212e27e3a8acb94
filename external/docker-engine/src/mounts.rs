//! What is mounted in the folder of an engine.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use procfs::process::Process;
use rustix::mount::{UnmountFlags, unmount};

use crate::EngineError;
use crate::place::Place;

/// Unmounts what containers of an engine that was killed could not unmount any more, the innermost
/// first. A disk that somebody has mounted where the engine keeps its data stays.
pub(crate) fn remove(place: &Place) -> Result<(), EngineError> {
    let seen = Process::myself().and_then(|this| this.mountinfo());
    let seen = seen.map_err(|error| {
        EngineError::system("read which mounts there are")(std::io::Error::other(error))
    })?;
    let mounts = seen.0.iter();
    let mounts = mounts.map(|mount| (unescaped(&mount.mount_point), mount.root.as_str()));
    for path in reachable(place, mounts.collect()) {
        unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
            .map_err(EngineError::system(format!("unmount {}", path.display())))?;
    }
    Ok(())
}

/// Of mounts, in the order in which they were made, those of the engine, last first. Not what lies
/// under somebody else's mount, whose own path then leads to that one.
fn reachable(place: &Place, mounts: Vec<(PathBuf, &str)>) -> Vec<PathBuf> {
    let (mut ours, mut above) = (Vec::new(), Vec::new());
    for (path, root) in mounts.into_iter().rev() {
        if !is_the_engines(place, &path, root) {
            above.push(path);
        } else if !above.iter().any(|it| path.starts_with(it)) {
            ours.push(path);
        }
    }
    ours
}

/// Below the folders that only the engine writes to. It mounts its data on itself, which shows a
/// folder inside of a file system: a disk would show its root.
fn is_the_engines(place: &Place, path: &Path, root: &str) -> bool {
    let (data, exec) = (place.data(), place.exec());
    if path == data || path == exec {
        return root != "/";
    }
    path.starts_with(data) || path.starts_with(exec)
}

/// A path as the kernel's table has it: blanks, tabs, line ends and backslashes in octal.
fn unescaped(path: &Path) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), path.as_os_str().as_bytes());
    while let [first, tail @ ..] = rest {
        let digits = tail
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let (b'\\', Some(byte)) = (first, byte) {
            bytes.push(byte);
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_engine_mounts_is_its_own() {
        let place = Place::at("/var/lib/coldphase/docker");
        let ours = |path: &str, root: &str| is_the_engines(&place, Path::new(path), root);
        assert!(ours(
            "/var/lib/coldphase/docker/data/overlay2/x/merged",
            "/"
        ));
        assert!(ours(
            "/var/lib/coldphase/docker/exec/netns/default",
            "net:[1]"
        ));
        assert!(ours(
            "/var/lib/coldphase/docker/data",
            "/var/lib/coldphase/docker/data"
        ));
        for (path, root) in [
            ("/var/lib/coldphase/docker/data", "/"),
            ("/var/lib/coldphase/docker", "/"),
            ("/var/lib/coldphase/docker2/data/x", "/"),
            ("/var/lib/docker/overlay2/x", "/"),
            ("/", "/"),
        ] {
            assert!(!ours(path, root), "{path}");
        }
    }

    #[test]
    fn paths_are_read_as_the_kernel_writes_them() {
        for (written, is) in [
            ("/a\\040b/c\\134d", "/a b/c\\d"),
            ("/plain", "/plain"),
            ("/end\\04", "/end\\04"),
        ] {
            assert_eq!(unescaped(Path::new(written)), Path::new(is));
        }
    }
}
