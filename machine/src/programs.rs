//! Where programs are.
//!
//! An empty entry of `PATH` is the current folder, and a relative one lies in it: whoever may write
//! there could have their own program run in the place of the system's. The standard library looks
//! programs up in those too, so nothing here is started by a bare name.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Where the system keeps its programs. An empty `PATH` is a relative one too: a shell, and what it starts, takes it for the
/// current folder.
const OF_THE_SYSTEM: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The folders that programs are looked up in: the entries of `PATH` that are absolute, or else the
/// system's own.
pub fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .collect();
    if folders.is_empty() {
        folders.extend(OF_THE_SYSTEM.map(PathBuf::from));
    }
    folders
}

/// `PATH` for what looks programs up itself: with [`folders`] alone.
pub fn search_path() -> OsString {
    env::join_paths(folders()).unwrap_or_default()
}

/// A program of this name: the first of `candidates` that is there, or else one on the path.
pub fn find(name: &str, candidates: &[PathBuf]) -> Option<PathBuf> {
    let on_path = folders().into_iter().map(|folder| folder.join(name));
    candidates
        .iter()
        .cloned()
        .chain(on_path)
        .find(|file| file.is_file())
}

/// A command that runs a program on the path, and whose own programs are looked up in the same way.
///
/// # Errors
/// There is none of this name.
pub fn command(name: &str) -> io::Result<Command> {
    let missing = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no program {name}"),
        )
    };
    let mut command = Command::new(find(name, &[]).ok_or_else(missing)?);
    command.env("PATH", search_path());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    /// Says where a program is found by this program, started again in a folder with such a `PATH`.
    fn found_in(folder: &Path, path: &str) -> String {
        let this = env::current_exe().unwrap();
        let output = Command::new(this)
            .args([
                "--exact",
                "programs::tests::says_what_it_finds",
                "--nocapture",
                "--ignored",
            ])
            .current_dir(folder)
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = said.lines().find_map(|line| line.split("found: ").nth(1));
        line.unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    #[test]
    #[ignore = "for the next test, which starts it"]
    #[expect(clippy::print_stdout, reason = "the next test reads it")]
    fn says_what_it_finds() {
        println!("found: {:?} {:?}", find("evil", &[]), search_path());
        assert!(command("evil").is_ok() == find("evil", &[]).is_some());
    }

    #[test]
    fn the_current_folder_is_searched_by_no_kind_of_entry() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["evil", "bin/evil"] {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        for path in [
            ":/usr/bin",
            "/usr/bin:",
            "/usr/bin::/bin",
            ".:/bin",
            "bin:/bin",
            "",
            ":",
            ".",
        ] {
            let said = found_in(folder.path(), path);
            assert!(said.starts_with("None "), "{path:?}: {said}");
            for entry in said
                .trim_start_matches("None ")
                .trim_matches('"')
                .split(':')
            {
                assert!(entry.starts_with('/'), "{path:?}: {said}");
            }
        }
        let absolute = folder.path().join("bin");
        let said = found_in(folder.path(), &format!(":{}", absolute.display()));
        assert!(
            said.starts_with(&format!("Some({:?})", absolute.join("evil"))),
            "{said}"
        );
    }

    #[test]
    fn a_candidate_comes_before_the_path() {
        let file = PathBuf::from("/proc/self/status");
        assert_eq!(find("sh", &["/no/such".into(), file.clone()]), Some(file));
        assert!(find("sh", &[]).is_some_and(|file| file.is_absolute()));
    }
}
