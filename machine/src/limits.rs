//! The limits of this process that a start can run into: what its machine, its shell or its service
//! manager gave it. None of them is a guest's fault.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Mappings that a process may have. `Documentation/admin-guide/sysctl/vm.rst`.
const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";

/// How many mappings a process may have; nothing if the kernel does not say.
pub fn max_mappings() -> Option<u64> {
    std::fs::read_to_string(MAX_MAP_COUNT)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// How many bytes of addresses this process may have; nothing if that is not limited.
pub fn address_space_bytes() -> Option<u64> {
    soft(Resource::RLIMIT_AS)
}

fn soft(resource: Resource) -> Option<u64> {
    let (soft, _) = getrlimit(resource).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

/// What to do where the machine did not give what a start needs: names the limits that are set, and
/// what lifts them.
pub fn hint() -> String {
    let mut found = Vec::new();
    if let Some(bytes) = address_space_bytes() {
        found.push(format!(
            "`ulimit -v` is {} KiB, and an engine reserves 4 GiB of addresses for each memory of a \
                guest: `ulimit -v unlimited` lifts it",
            bytes / 1024
        ));
    }
    if let Some(bytes) = soft(Resource::RLIMIT_DATA) {
        found.push(format!(
            "`ulimit -d` is {} KiB: `ulimit -d unlimited` lifts it",
            bytes / 1024
        ));
    }
    // What is usual is no news; what is less than any login gets may be what was run into.
    if let Some(files) = soft(Resource::RLIMIT_NOFILE).filter(|files| *files < 256) {
        found.push(format!(
            "`ulimit -n` is {files}: `ulimit -n 1024` allows more"
        ));
    }
    if let Some(processes) = soft(Resource::RLIMIT_NPROC).filter(|processes| *processes < 1024) {
        found.push(format!(
            "`ulimit -u` is {processes}: `ulimit -u 4096` allows more"
        ));
    }
    if found.is_empty() {
        "no ulimit is in the way: see free memory, the limits of the control group and \
            vm.max_map_count"
            .to_owned()
    } else {
        found.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_its_limits() {
        assert!(max_mappings().is_some_and(|mappings| mappings > 1_000));
        assert!(!hint().is_empty());
    }
}
