//! How much memory this process can have.

use std::fs;
use std::path::{Path, PathBuf};

use crate::facts::kibibytes;

/// The machine's memory, or what the narrowest of this process's control groups allows, whichever
/// is less. 0 if the kernel does not say.
pub fn most_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| kibibytes(&text, "MemTotal"));
    let group = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|text| group_bytes(&text, Path::new("/sys/fs/cgroup")));
    machine.unwrap_or(0).min(group.unwrap_or(u64::MAX))
}

/// The least that a process in these control groups may have by any of them, all the way up.
/// cgroups(7): version 2 has one line `0::/path`, version 1 one for each controller.
fn group_bytes(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            "memory" => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let group: PathBuf = Path::new(path.trim_start_matches('/')).to_owned();
        // In a container the path may be the host's, which is not there: then only the root is.
        group
            .ancestors()
            .filter_map(|group| {
                let text = fs::read_to_string(root.join(group).join(file)).ok()?;
                // `max` is no number, and no limit.
                text.trim().parse::<u64>().ok()
            })
            .min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_group_decides() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let bytes = |groups: &str| group_bytes(groups, root.path());
        assert_eq!(bytes("0::/a/b\n"), None);
        write("a/b/memory.max", "max\n");
        assert_eq!(bytes("0::/a/b\n"), None);
        write("a/memory.max", "1000\n");
        assert_eq!(bytes("0::/a/b\n"), Some(1000));
        write("a/b/memory.max", "500\n");
        assert_eq!(bytes("0::/a/b\n"), Some(500));
        write("a/b/memory.max", "5000\n");
        assert_eq!(bytes("0::/a/b\n"), Some(1000));
        assert_eq!(bytes("0::/elsewhere\n"), None);
        write("memory/c/memory.limit_in_bytes", "300\n");
        assert_eq!(bytes("5:cpu:/x\n4:memory:/c\n0::/\n"), Some(300));
    }

    #[test]
    fn this_process_can_have_some() {
        let bytes = most_bytes();
        assert!(bytes > 64 * 1024 * 1024, "{bytes}");
    }
}
