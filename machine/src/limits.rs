//! The limits of this process that a start can run into: what its machine, its shell or its service
//! manager gave it. None of them is a guest's fault.

use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Mappings that a process may have. `Documentation/admin-guide/sysctl/vm.rst`.
const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";

/// How many mappings a process may have; nothing if the kernel does not say.
pub fn max_mappings() -> Option<u64> {
    number(Path::new(MAX_MAP_COUNT))
}

/// How many bytes of addresses a process of this machine has at all: its stack lies at their end. Nothing if
/// the kernel does not say.
pub fn addresses() -> Option<u64> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let end = |line: &str| {
        let (_, rest) = line.split_once('-')?;
        u64::from_str_radix(rest.split(' ').next()?, 16).ok()
    };
    // The last one of x86-64 is the kernel's.
    let highest = maps
        .lines()
        .filter_map(end)
        .filter(|end| end >> 63 == 0)
        .max()?;
    highest.checked_next_power_of_two()
}

/// How many bytes of addresses this process may have; nothing if that is not limited.
pub fn address_space_bytes() -> Option<u64> {
    soft(Resource::RLIMIT_AS)
}

fn soft(resource: Resource) -> Option<u64> {
    let (soft, _) = getrlimit(resource).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

/// How many descriptors this process may have; nothing if that is not limited.
pub fn descriptors() -> Option<u64> {
    soft(Resource::RLIMIT_NOFILE)
}

/// How many more processes and threads there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tasks {
    /// How many there may be in all.
    pub limit: u64,
    /// How many more than there are.
    pub left: u64,
    /// What says so: [`PID_MAX`], [`THREADS_MAX`] or [`PIDS_MAX`].
    pub limited_by: &'static str,
}

/// Numbers of processes and threads of a machine.
pub const PID_MAX: &str = "kernel.pid_max";

/// Processes and threads of a machine.
pub const THREADS_MAX: &str = "kernel.threads-max";

/// Those of a control group.
pub const PIDS_MAX: &str = "pids.max of this process's control group";

impl Tasks {
    /// What raises it to that many.
    pub fn remedy(&self, limit: u64) -> String {
        if self.limited_by == PIDS_MAX {
            return format!("{limit} in {PIDS_MAX} allows it");
        }
        format!("`sysctl -w {}={limit}` allows it", self.limited_by)
    }
}

/// How many more processes and threads there may be, by the limit that is reached first; nothing if the
/// kernel does not say.
pub fn tasks() -> Option<Tasks> {
    // Running and all tasks of the machine. proc_loadavg(5).
    let loadavg = std::fs::read_to_string("/proc/loadavg").ok()?;
    let there_are: u64 = loadavg.split(['/', ' ']).nth(4)?.parse().ok()?;
    let of_machine = |name: &'static str| {
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        let limit = number(Path::new(&file))?;
        Some(Tasks {
            limit,
            left: limit.saturating_sub(there_are),
            limited_by: name,
        })
    };
    let of_machine = [PID_MAX, THREADS_MAX].into_iter().filter_map(of_machine);
    of_machine.chain(tasks_of_group()).min_by_key(|it| it.left)
}

/// What the control groups of version 2 that this process is in allow, each those below it too.
fn tasks_of_group() -> Option<Tasks> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let group = Path::new("/sys/fs/cgroup").join(path);
    let of = |folder: &Path| {
        let limit = number(&folder.join("pids.max"))?;
        let there_are = number(&folder.join("pids.current"))?;
        Some(Tasks {
            limit,
            left: limit.saturating_sub(there_are),
            limited_by: PIDS_MAX,
        })
    };
    group.ancestors().filter_map(of).min_by_key(|it| it.left)
}

/// A number in a file; nothing where there is none, such as `max`.
fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
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
        let addresses = addresses().unwrap();
        let here = std::ptr::from_ref(&addresses).addr() as u64;
        assert!(addresses > here && addresses / 4 < here, "{addresses:#x}");
        let tasks = tasks().unwrap();
        assert!(tasks.left > 0 && tasks.left < tasks.limit, "{tasks:?}");
        assert!(descriptors().is_none_or(|descriptors| descriptors >= 256));
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
