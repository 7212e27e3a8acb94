//! Which processes have a file mapped: pages that a process has mapped stay in the page cache,
//! whoever wants them out of it.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::processes::numbers;

/// Who has a file mapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mappers {
    /// The processes that have.
    pub pids: BTreeSet<u32>,
    /// Processes whose mappings this user may not see.
    pub hidden: usize,
}

impl Mappers {
    /// Of each of these files, now, in one look at all processes. One that ends meanwhile has none.
    ///
    /// # Errors
    /// A file cannot be looked at.
    pub fn of(files: &[PathBuf]) -> io::Result<Vec<Self>> {
        Self::among(numbers(), files)
    }

    /// The same of these processes alone: all of them have a hundred thousand mappings on a busy machine.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn among(
        processes: impl IntoIterator<Item = u32>,
        files: &[PathBuf],
    ) -> io::Result<Vec<Self>> {
        let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
        for (place, file) in files.iter().enumerate() {
            places
                .entry(file.metadata()?.ino())
                .or_default()
                .push(place);
        }
        let mut found = vec![Self::default(); files.len()];
        for pid in processes {
            match std::fs::read_to_string(format!("/proc/{pid}/maps")) {
                Ok(maps) => {
                    let mapped = maps.lines().filter_map(mapped_file);
                    for (inode, name) in mapped {
                        for &place in places.get(&inode).into_iter().flatten() {
                            if is_named(&files[place], name) {
                                found[place].pids.insert(pid);
                            }
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    found.iter_mut().for_each(|it| it.hidden += 1);
                }
                Err(_) => {}
            }
        }
        Ok(found)
    }
}

/// The inode and the path of a line of `/proc/<pid>/maps`. What the line calls the device is not
/// what the file's is on every file system.
fn mapped_file(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_ascii_whitespace().skip(4);
    let inode = words.next()?.parse().ok()?;
    Some((inode, words.next()?))
}

/// Whether a file has the name that a path ends with. A blank in it parts it into words, of which
/// the first is enough beside the inode.
fn is_named(file: &Path, path: &str) -> bool {
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().to_vec()
    };
    name(file).starts_with(&name(Path::new(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_maps_its_program_and_no_file_that_was_just_written() {
        let program = std::env::current_exe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nobody");
        std::fs::write(&file, "x").unwrap();
        let mappers = Mappers::of(&[program, file]).unwrap();
        assert!(mappers[0].pids.contains(&std::process::id()), "{mappers:?}");
        assert_eq!(mappers[1].pids, BTreeSet::new());
        assert!(Mappers::of(&["/no/such/file".into()]).is_err());
    }
}
