//! Facts of the machine, read once per run. What cannot be read is `null`.

use std::path::Path;

use procfs::{CpuInfo, Current as _, FromRead as _, Meminfo};
use results::machine::Machine;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The facts of this machine.
///
/// `sysinfo` knows processors that `/proc/cpuinfo` does not name, such as those of ARM.
pub fn this_machine() -> Machine {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::everything());
    let below = read(Path::new("/"));
    let Ok(system) = System::new_with_specifics(wanted) else {
        return below;
    };
    let brand = system.cpus().first().map(|core| core.brand().to_owned());
    Machine {
        cpu_model: brand.filter(|brand| !brand.is_empty()).or(below.cpu_model),
        memory_bytes: Some(system.total_memory()),
        swap_bytes: Some(system.total_swap()),
        ..below
    }
}

/// Reads the facts that lie in files below `root`: `/`, or what a test made.
pub fn read(root: &Path) -> Machine {
    let text = |name: &str| {
        std::fs::read_to_string(root.join(name))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let cpu = CpuInfo::from_file(root.join("proc/cpuinfo")).ok();
    let field = |name: &str| {
        let cpu = cpu.as_ref()?;
        let own = cpu.cpus.first().and_then(|core| core.get(name));
        own.or_else(|| cpu.fields.get(name)).cloned()
    };
    let memory = text("proc/meminfo").unwrap_or_default();
    Machine {
        cpu_model: field("model name"),
        microcode: field("microcode"),
        cores: std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.get() as u64),
        smt: text("sys/devices/system/cpu/smt/control"),
        memory_bytes: kibibytes(&memory, "MemTotal"),
        swap_bytes: kibibytes(&memory, "SwapTotal"),
        kernel: text("proc/sys/kernel/osrelease").map(|release| {
            let version = text("proc/sys/kernel/version").unwrap_or_default();
            format!("{release} {version}")
        }),
        virtualised: field("flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        governor: text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock_source: text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
        transparent_huge_pages: text("sys/kernel/mm/transparent_hugepage/enabled")
            .and_then(|text| bracketed(&text)),
        mitigations: mitigations(&root.join("sys/devices/system/cpu/vulnerabilities")),
        cgroup_version: cgroup_version(root),
    }
}

/// A line `name: N kB` of `/proc/meminfo`, in bytes. By hand: `procfs` reads the whole file or
/// nothing, and containers show a part of it.
pub(crate) fn kibibytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Memory of this machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What could be had without swapping.
    pub available_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// The memory of this machine; nothing where the kernel does not report it.
pub fn memory() -> Option<Memory> {
    let memory = Meminfo::current().ok()?;
    Some(Memory {
        available_bytes: memory.mem_available?,
        total_bytes: memory.mem_total,
    })
}

/// The choice in force in a list such as `always [madvise] never`.
fn bracketed(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

fn mitigations(folder: &Path) -> Vec<String> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path()).ok()?;
            let name = entry.file_name().into_string().ok()?;
            (text.trim() != "Not affected").then(|| format!("{name}: {}", text.trim()))
        })
        .collect();
    found.sort();
    found
}

fn cgroup_version(root: &Path) -> Option<u8> {
    let cgroup = root.join("sys/fs/cgroup");
    if cgroup.join("cgroup.controllers").exists() {
        Some(2)
    } else if cgroup.join("cpu").exists() || cgroup.join("memory").exists() {
        Some(1)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn reads_a_machine() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nmicrocode\t: 0xa1\nflags\t\t: fpu \
            hypervisor sse\n\n";
        write(root, "proc/cpuinfo", cpuinfo);
        let huge_pages = "sys/kernel/mm/transparent_hugepage/enabled";
        write(root, huge_pages, "always [madvise] never\n");
        let vulnerabilities = "sys/devices/system/cpu/vulnerabilities";
        let spectre = format!("{vulnerabilities}/spectre_v2");
        write(root, &spectre, "Mitigation: Retpolines\n");
        write(root, &format!("{vulnerabilities}/l1tf"), "Not affected\n");
        write(root, "sys/fs/cgroup/cgroup.controllers", "cpu");
        let machine = read(root);
        assert_eq!(machine.cpu_model.as_deref(), Some("AMD EPYC"));
        assert_eq!(machine.virtualised, Some(true));
        assert_eq!(machine.transparent_huge_pages.as_deref(), Some("madvise"));
        assert_eq!(machine.mitigations, ["spectre_v2: Mitigation: Retpolines"]);
        assert_eq!(machine.cgroup_version, Some(2));
        assert_eq!(machine.governor, None);
    }

    #[test]
    fn an_unreadable_machine_is_all_null() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine {
            cores: None,
            ..read(root.path())
        };
        assert_eq!(machine, Machine::default());
    }

    #[test]
    fn this_machine_is_the_one_that_the_kernel_describes() {
        let (machine, files) = (this_machine(), read(Path::new("/")));
        assert_eq!(machine.memory_bytes, files.memory_bytes);
        assert_eq!(machine.swap_bytes, files.swap_bytes);
        assert_eq!(
            machine.memory_bytes,
            memory().map(|memory| memory.total_bytes)
        );
        assert!(
            files
                .cpu_model
                .is_none_or(|model| machine.cpu_model == Some(model))
        );
    }
}
