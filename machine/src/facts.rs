//! Facts of the machine, read once per run. What cannot be read is `null`.

use std::path::Path;

use procfs::Current as _;
use results::machine::Machine;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Reads the facts of this machine.
pub fn read() -> Machine {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(wanted).ok();
    let cpu = procfs::CpuInfo::current().ok();
    let first = |name: &str| cpu.as_ref()?.get_field(0, name).map(str::to_owned);
    let brand = system
        .as_ref()
        .and_then(|system| Some(system.cpus().first()?.brand().to_owned()));
    Machine {
        cpu_model: brand.filter(|brand| !brand.is_empty()),
        microcode: first("microcode"),
        cores: std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.get() as u64),
        memory_bytes: system.as_ref().map(System::total_memory),
        swap_bytes: system.as_ref().map(System::total_swap),
        kernel: kernel(),
        virtualised: first("flags").map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        ..settings(Path::new("/"))
    }
}

/// Release and version of the kernel.
fn kernel() -> Option<String> {
    let version = std::fs::read_to_string("/proc/sys/kernel/version").unwrap_or_default();
    Some(format!(
        "{} {}",
        System::kernel_version().ok()?,
        version.trim()
    ))
}

/// The machine's settings in `/sys`, read below `root`, which is `/` but in tests.
fn settings(root: &Path) -> Machine {
    let text = |name: &str| {
        std::fs::read_to_string(root.join("sys").join(name))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    Machine {
        smt: text("devices/system/cpu/smt/control"),
        governor: text("devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock_source: text("devices/system/clocksource/clocksource0/current_clocksource"),
        transparent_huge_pages: text("kernel/mm/transparent_hugepage/enabled")
            .and_then(|text| bracketed(&text)),
        mitigations: mitigations(&root.join("sys/devices/system/cpu/vulnerabilities")),
        cgroup_version: cgroup_version(root),
        ..Machine::default()
    }
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
    fn settings_are_read_below_a_root() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let huge_pages = "sys/kernel/mm/transparent_hugepage/enabled";
        write(root, huge_pages, "always [madvise] never\n");
        let vulnerabilities = "sys/devices/system/cpu/vulnerabilities";
        write(
            root,
            &format!("{vulnerabilities}/spectre_v2"),
            "Mitigation: Retpolines\n",
        );
        write(root, &format!("{vulnerabilities}/l1tf"), "Not affected\n");
        write(root, "sys/fs/cgroup/cgroup.controllers", "cpu");
        let expected = Machine {
            transparent_huge_pages: Some("madvise".to_owned()),
            mitigations: vec!["spectre_v2: Mitigation: Retpolines".to_owned()],
            cgroup_version: Some(2),
            ..Machine::default()
        };
        assert_eq!(settings(root), expected);
    }

    #[test]
    fn unreadable_settings_are_null() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(settings(root.path()), Machine::default());
    }

    #[test]
    fn this_machine_is_the_one_that_the_kernel_describes() {
        let machine = read();
        let text = |name: &str| std::fs::read_to_string(name).unwrap();
        let total = text("/proc/meminfo");
        let total = total
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap();
        let kibibytes: u64 = total.parse().unwrap();
        assert_eq!(machine.memory_bytes, Some(kibibytes * 1024));
        let model = machine.cpu_model.unwrap_or_default();
        assert!(text("/proc/cpuinfo").contains(&model), "{model}");
        let release = text("/proc/sys/kernel/osrelease");
        assert!(machine.kernel.unwrap().starts_with(release.trim()));
    }
}
