//! Evidence of the code acquisition mode: what a cache of compiled code did, and whether compiled
//! code was mapped.

use std::path::Path;

use results::{Attested, Evidence, Failure, FailureKind};
use serde_json::json;

use crate::system::Acquire;

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

/// Whether a file is mapped into a process as code.
pub(super) fn is_mapped(pid: u32, file: &Path) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let name = file.display().to_string();
    maps.lines().any(|line| {
        line.ends_with(&name)
            && line
                .split(' ')
                .nth(1)
                .is_some_and(|rights| rights.contains('x'))
    })
}
