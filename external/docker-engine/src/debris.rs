//! What containers of an engine that was killed have left: a shim that nobody asks for anything any
//! more, what it started, and their control groups. The engine takes such containers for stopped
//! when it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::EngineError;
use crate::identity::{self, Process};
use crate::mounts;
use crate::place::Place;

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// How deep below the root a container's control group can lie: its controller with version 1, the
/// engine's own groups, its own.
const DEPTH: u32 = 6;

/// Removes it. The engine must be gone.
pub(crate) fn clear(place: &Place) -> Result<(), EngineError> {
    for process in identity::containerd(place) {
        process.kill();
    }
    for shim in identity::shims(place) {
        for child in identity::children(&shim) {
            child.kill();
        }
        shim.kill();
        if let Some(id) = container(&shim) {
            remove_groups(id);
        }
    }
    mounts::remove(place)
}

/// The container that a shim is of. Its name becomes part of a path.
fn container(shim: &Process) -> Option<&str> {
    let pair = shim.arguments.windows(2).find(|pair| pair[0] == "-id")?;
    let id = pair[1].as_str();
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(id)
}

/// They go when nothing is in them any more, which takes a killed process a moment.
fn remove_groups(id: &str) {
    for _ in 0..5 {
        let groups = groups(Path::new(CONTROL_GROUPS), id, DEPTH);
        if groups.is_empty() {
            return;
        }
        for group in groups {
            remove_group(&group);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The groups of a container: `docker/<id>`, for each controller.
fn groups(folder: &Path, id: &str, depth: u32) -> Vec<PathBuf> {
    let Some(depth) = depth.checked_sub(1) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for group in folders(folder) {
        let own = group.join(id);
        if group.ends_with("docker") && own.is_dir() {
            found.push(own);
        } else {
            found.extend(groups(&group, id, depth));
        }
    }
    found
}

fn remove_group(group: &Path) {
    for inner in folders(group) {
        remove_group(&inner);
    }
    // Tried again if something is still in it.
    let _ = fs::remove_dir(group);
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}
