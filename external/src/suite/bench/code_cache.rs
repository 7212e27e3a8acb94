//! Evidence of the code acquisition mode: what a cache of compiled code did, and whether compiled
//! code was mapped.

use std::path::Path;

use results::{Attested, Evidence, Failure, FailureKind};
use serde_json::json;

use crate::system::{Acquire, Mapped};

pub(super) fn hit_or_miss(hit: bool) -> &'static str {
    if hit { "hit" } else { "miss" }
}

/// Whether the cache did what the cell says, in which there were `before` entries.
pub(super) fn check_cache(
    acquire: Option<Acquire>,
    before: usize,
    was_hit: bool,
) -> Result<(), Failure> {
    let planned = acquire == Some(Acquire::CacheHit);
    if planned && before == 0 {
        return Err(Failure::new(
            FailureKind::NotAsPlanned,
            "not what its cell says: the cache should have compiled code in it, and no start before \
                has put any there",
        ));
    }
    if planned == was_hit {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::NotAsPlanned,
        format!(
            "not what its cell says: cache should be a {} and was a {}",
            hit_or_miss(planned),
            hit_or_miss(was_hit)
        ),
    ))
}

/// Whether compiled code was mapped, where that is evidence of the code acquisition mode.
pub(super) fn check_mapped(attested: &Attested) -> Result<(), Failure> {
    if attested.get(Evidence::CodeMapped) == Some(&json!(true)) {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::NotAsPlanned,
        "not what its cell says: compiled code was not mapped",
    ))
}

/// How files of a cache end that are no compiled code: statistics, which hits write too, and what is
/// being written or guarded.
const NO_CODE: [&str; 4] = ["stats", "wip", "tmp", "lock"];

/// Whether a file of a cache is no compiled code, by how its name ends: `wip-17` too.
fn is_no_code(extension: &str) -> bool {
    NO_CODE.iter().any(|known| extension.starts_with(known))
}

/// Compiled code in a cache: what grows by a miss.
pub(super) fn count_entries(cache: &Path) -> usize {
    let Ok(read) = std::fs::read_dir(cache) else {
        return 0;
    };
    let count = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let is_code = !is_hidden && !is_no_code(&extension);
        if path.is_dir() {
            count_entries(&path)
        } else {
            usize::from(is_code)
        }
    };
    read.flatten().map(count).sum()
}

/// Empties a cache of compiled code.
pub(super) fn empty_cache(cache: &Path) -> Result<(), String> {
    std::fs::remove_dir_all(cache)
        .and_then(|()| std::fs::create_dir_all(cache))
        .map_err(|error| format!("cannot empty {}: {error}", cache.display()))
}

/// Whether compiled code is mapped into a process.
pub(super) fn is_mapped(pid: u32, mapped: &Mapped) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    is_in(&maps, mapped)
}

/// The same, by the kernel's map of the process: address, rights, offset, device, inode, and the path
/// of what is mapped, if it is anything.
fn is_in(maps: &str, mapped: &Mapped) -> bool {
    maps.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_code = fields.next().is_some_and(|rights| rights.contains('x'));
        let path = fields.nth(3);
        is_code
            && match mapped {
                Mapped::File(file) => line.ends_with(&file.display().to_string()),
                Mapped::Anonymous => path.is_none(),
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_in_a_cache_that_nothing_has_filled_is_none() {
        let check = |acquire, before, hit| check_cache(Some(acquire), before, hit).is_ok();
        assert!(check(Acquire::CacheHit, 1, true) && !check(Acquire::CacheHit, 0, true));
        assert!(check(Acquire::CacheMiss, 0, false) && !check(Acquire::CacheMiss, 0, true));
    }

    #[test]
    fn entries_are_what_a_miss_adds() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "mod-1",
            "code.bin",
            "mod-1.stats",
            "mod-2.wip-17",
            ".lock",
            "a.lock",
        ] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(count_entries(folder.path()), 2);
    }

    #[test]
    fn code_is_what_may_be_executed_out_of_its_file_or_out_of_none() {
        let maps = "7f7dc615b000-7f7dc617f000 r-xp 00000000 00:00 0 \n\
            7f7dcf6bb000-7f7dcf6bd000 r-xp 00000000 00:00 0                  [vdso]\n\
            7f7dd0000000-7f7dd0001000 r-xp 00000000 fe:01 12                 /work/my code.so\n\
            7f7de0000000-7f7de0001000 rw-p 00000000 fe:01 13                 /work/data.so";
        let file = |path: &str| Mapped::File(path.into());
        assert!(is_in(maps, &Mapped::Anonymous));
        assert!(is_in(maps, &file("/work/my code.so")));
        assert!(!is_in(maps, &file("/work/data.so")));
        let (_, interpreted) = maps.split_once('\n').unwrap();
        assert!(!is_in(interpreted, &Mapped::Anonymous));
    }
}
