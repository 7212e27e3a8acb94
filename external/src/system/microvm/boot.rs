//! What each kind of guest is booted from, and what it is told.

use std::path::Path;

use workloads::Workload;

use super::guest::{Address, Boot, Guest};
use super::{linux, unikernel};

/// Which of a guest's images a workload is in: one holds all of them, or each has its own.
pub(super) const fn name(guest: Guest, workload: Workload) -> &'static str {
    match (guest, workload) {
        (Guest::Unikernel, _) => "all",
        (Guest::Linux, Workload::Hello) => "hello",
        (Guest::Linux, Workload::CpuHash) => "cpu-hash",
        (Guest::Linux, _) => "http",
    }
}

/// Writes what is booted for a workload into a folder.
///
/// # Errors
/// What is missing, in a sentence.
pub(super) fn write(guest: Guest, workload: Workload, folder: &Path) -> Result<Boot, String> {
    match guest {
        Guest::Unikernel => unikernel::write(folder),
        Guest::Linux => linux::write(workload, &folder.join(name(guest, workload))),
    }
}

/// What it is told; a service with where it answers.
pub(super) fn command_line(guest: Guest, workload: Workload, at: Option<(Address, u16)>) -> String {
    match guest {
        Guest::Unikernel => unikernel::command_line(workload, at),
        Guest::Linux => linux::command_line(workload, at),
    }
}
