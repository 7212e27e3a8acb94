//! Evidence of the code acquisition mode: what a cache of compiled code did, and whether compiled
//! code was mapped.

use std::path::Path;

use results::{Attested, Evidence, Failure, FailureKind};
use serde_json::json;

use crate::system::{Acquire, Mapped};

pub(super) fn hit_or_miss(hit: bool) -> &'static str {
    if hit { "hit" } else { "miss" }
}

/// Whether the cache did what the cell says.
pub(super) fn check_cache(acquire: Option<Acquire>, was_hit: bool) -> Result<(), Failure> {
    let planned = acquire == Some(Acquire::CacheHit);
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

/// Compiled code in a cache: what grows by a miss. Statistics of entries are written by hits too.
pub(super) fn count_entries(cache: &Path) -> usize {
    let Ok(read) = std::fs::read_dir(cache) else {
        return 0;
    };
    let count = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let is_code =
            path.extension().is_none() && !entry.file_name().as_encoded_bytes().starts_with(b".");
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
