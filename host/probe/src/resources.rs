//! What this process has used so far, as the kernel accounts for it.

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use results::record::Resources;

use crate::report::Memory;

/// Counters at one moment. Taking them costs two system calls; turning them into a record is left
/// for later.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    cpu_ns: Option<u64>,
    counters: Option<nix::sys::resource::Usage>,
}

impl Usage {
    /// Now.
    pub fn now() -> Self {
        let cpu = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok();
        let cpu_ns = cpu.and_then(|time| {
            Some(
                u64::try_from(time.tv_sec()).ok()? * 1_000_000_000
                    + u64::try_from(time.tv_nsec()).ok()?,
            )
        });
        Self {
            cpu_ns,
            counters: getrusage(UsageWho::RUSAGE_SELF).ok(),
        }
    }

    /// The record of it, with the high-water mark of resident memory until this call.
    ///
    /// That mark is `VmHWM` and not `ru_maxrss`: the latter survives `exec`, so that a child
    /// spawned with `vfork` begins with its parent's.
    pub fn resources(self) -> Resources {
        let count = |counter: fn(&nix::sys::resource::Usage) -> libc::c_long| {
            self.counters
                .as_ref()
                .and_then(|usage| u64::try_from(counter(usage)).ok())
        };
        Resources {
            cpu_ns: self.cpu_ns,
            max_rss_bytes: kibibytes("/proc/self/status", "VmHWM:"),
            pss_bytes: None,
            minor_faults: count(nix::sys::resource::Usage::minor_page_faults),
            major_faults: count(nix::sys::resource::Usage::major_page_faults),
            voluntary_switches: count(nix::sys::resource::Usage::voluntary_context_switches),
            involuntary_switches: count(nix::sys::resource::Usage::involuntary_context_switches),
            core_wait_ns: machine::usage::core_wait_ns(std::process::id()),
        }
    }
}

/// What this process takes of the machine's memory now.
pub fn memory() -> Memory {
    let mapped = |name| kibibytes("/proc/self/smaps_rollup", name);
    let private = mapped("Private_Clean:").zip(mapped("Private_Dirty:"));
    Memory {
        pss_bytes: mapped("Pss:"),
        private_bytes: private.map(|(clean, dirty)| clean + dirty),
        page_tables_bytes: kibibytes("/proc/self/status", "VmPTE:"),
    }
}

/// The proportional set size of this process.
pub fn pss_bytes() -> Option<u64> {
    kibibytes("/proc/self/smaps_rollup", "Pss:")
}

/// The value of a `name: N kB` line. proc(5).
fn kibibytes(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(
        value
            .trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_reports_everything_that_is_recorded() {
        let before = Usage::now();
        let mut touched = vec![0_u8; 32 * 1024 * 1024];
        touched
            .iter_mut()
            .step_by(4096)
            .for_each(|byte| *byte = std::hint::black_box(1));
        let resources = Usage::now().resources();
        let grown = resources.minor_faults.unwrap() - before.resources().minor_faults.unwrap();
        assert!(
            grown >= 16,
            "{grown} faults for {} pages, huge ones or not",
            touched.len() / 4096
        );
        assert!(resources.max_rss_bytes.unwrap() >= touched.len() as u64);
        assert!(pss_bytes().unwrap() >= touched.len() as u64);
        assert!(resources.cpu_ns.unwrap() > before.cpu_ns.unwrap());
    }
}
