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
    in_the_way().unwrap_or_else(|| {
        "no ulimit is in the way: see free memory, the limits of the control group and \
            vm.max_map_count"
            .to_owned()
    })
}

/// The limits of this process that are less than any login gets, and what lifts each; nothing if there
/// is none.
pub fn in_the_way() -> Option<String> {
    let found: Vec<String> = WATCHED.iter().filter_map(Watched::found).collect();
    (!found.is_empty()).then(|| found.join("; "))
}

/// Whether a thread's stack is smaller than programs are written for.
pub fn stack_is_small() -> bool {
    soft(Resource::RLIMIT_STACK).is_some_and(|bytes| bytes < LEAST_STACK)
}

/// Room for the stack of a program that translates or runs a guest, in bytes.
const LEAST_STACK: u64 = 1 << 20;

/// A limit that a start may run into.
struct Watched {
    resource: Resource,
    /// What the shell calls it.
    flag: char,
    /// As much of it, in the kernel's unit, is no news.
    enough: u64,
    /// The shell's unit in the kernel's, and its name.
    unit: (u64, &'static str),
    /// What a start wants with it.
    why: &'static str,
    /// What lifts it.
    lifted: &'static str,
}

impl Watched {
    fn found(&self) -> Option<String> {
        let value = soft(self.resource).filter(|value| *value < self.enough)?;
        let (flag, (size, unit)) = (self.flag, self.unit);
        Some(format!(
            "`ulimit -{flag}` is {}{unit}{}: `ulimit -{flag} {}` lifts it",
            value / size,
            self.why,
            self.lifted
        ))
    }
}

/// Any number at all.
const ANY: u64 = u64::MAX;

/// What starts run into, where it is less than usual.
const WATCHED: [Watched; 7] = [
    Watched {
        resource: Resource::RLIMIT_AS,
        flag: 'v',
        enough: ANY,
        unit: (1024, " KiB"),
        why: ", and an engine reserves 4 GiB of addresses for each memory of a guest",
        lifted: "unlimited",
    },
    Watched {
        resource: Resource::RLIMIT_DATA,
        flag: 'd',
        enough: ANY,
        unit: (1024, " KiB"),
        why: "",
        lifted: "unlimited",
    },
    Watched {
        resource: Resource::RLIMIT_STACK,
        flag: 's',
        enough: LEAST_STACK,
        unit: (1024, " KiB"),
        why: ", and programs are written for 8192",
        lifted: "8192",
    },
    Watched {
        resource: Resource::RLIMIT_CPU,
        flag: 't',
        enough: ANY,
        unit: (1, " s"),
        why: " of CPU time, after which a process is killed",
        lifted: "unlimited",
    },
    Watched {
        resource: Resource::RLIMIT_FSIZE,
        flag: 'f',
        enough: ANY,
        unit: (1024, " KiB"),
        why: ", and no file can be longer",
        lifted: "unlimited",
    },
    Watched {
        resource: Resource::RLIMIT_NOFILE,
        flag: 'n',
        enough: 256,
        unit: (1, ""),
        why: "",
        lifted: "1024",
    },
    Watched {
        resource: Resource::RLIMIT_NPROC,
        flag: 'u',
        enough: 1024,
        unit: (1, ""),
        why: "",
        lifted: "4096",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_its_limits() {
        assert!(max_mappings().is_some_and(|mappings| mappings > 1_000));
        assert!(!hint().is_empty());
    }

    #[test]
    fn a_limit_is_named_as_the_shell_does_and_what_is_usual_is_not() {
        let of = |enough| Watched {
            resource: Resource::RLIMIT_NOFILE,
            flag: 'n',
            enough,
            unit: (1, ""),
            why: "",
            lifted: "1024",
        };
        assert_eq!(of(1).found(), None);
        // However many this process may have.
        if let Some(files) = soft(Resource::RLIMIT_NOFILE) {
            let said = format!("`ulimit -n` is {files}: `ulimit -n 1024` lifts it");
            assert_eq!(of(ANY).found(), Some(said));
        }
    }
}
