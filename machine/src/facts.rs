//! Facts of the machine, read once per run. What cannot be read is `null`.

use std::path::Path;

use results::machine::Machine;

/// Reads the facts below `root`, which is `/` but in tests.
pub fn read(root: &Path) -> Machine {
    let text = |name: &str| {
        std::fs::read_to_string(root.join(name))
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let cpuinfo = text("proc/cpuinfo").unwrap_or_default();
    let meminfo = text("proc/meminfo").unwrap_or_default();
    Machine {
        cpu_model: field(&cpuinfo, "model name"),
        microcode: field(&cpuinfo, "microcode"),
        cores: std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.get() as u64),
        smt: text("sys/devices/system/cpu/smt/control"),
        memory_bytes: kibibytes(&meminfo, "MemTotal"),
        swap_bytes: kibibytes(&meminfo, "SwapTotal"),
        kernel: text("proc/sys/kernel/osrelease").map(|release| {
            format!(
                "{release} {}",
                text("proc/sys/kernel/version").unwrap_or_default()
            )
        }),
        virtualised: field(&cpuinfo, "flags")
            .map(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        governor: text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock_source: text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
        transparent_huge_pages: text("sys/kernel/mm/transparent_hugepage/enabled")
            .and_then(|text| bracketed(&text)),
        mitigations: mitigations(&root.join("sys/devices/system/cpu/vulnerabilities")),
        cgroup_version: cgroup_version(root),
    }
}

/// The value of `name : value` in the form of `/proc/cpuinfo`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn kibibytes(meminfo: &str, name: &str) -> Option<u64> {
    let value = field(meminfo, name)?;
    Some(value.strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
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
        write(
            root,
            "proc/cpuinfo",
            "processor\t: 0\nmodel name\t: AMD EPYC\nmicrocode\t: 0xa1\nflags\t\t: fpu hypervisor \
                sse\n",
        );
        write(
            root,
            "proc/meminfo",
            "MemTotal:       24576 kB\nSwapTotal:             0 kB\n",
        );
        write(
            root,
            "sys/kernel/mm/transparent_hugepage/enabled",
            "always [madvise] never\n",
        );
        write(
            root,
            "sys/devices/system/cpu/vulnerabilities/spectre_v2",
            "Mitigation: Retpolines\n",
        );
        write(
            root,
            "sys/devices/system/cpu/vulnerabilities/l1tf",
            "Not affected\n",
        );
        write(root, "sys/fs/cgroup/cgroup.controllers", "cpu");
        let machine = read(root);
        assert_eq!(machine.cpu_model.as_deref(), Some("AMD EPYC"));
        assert_eq!(
            (machine.memory_bytes, machine.swap_bytes),
            (Some(24576 * 1024), Some(0))
        );
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
}
