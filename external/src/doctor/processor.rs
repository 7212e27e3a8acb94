//! The cores: how many, how fast, and who decides that.

use std::collections::BTreeSet;

use results::machine::Machine;

use super::finding::Finding;
use super::finding::Severity::{Bad, Good, Note, Warning};
use super::root::Root;
use machine::cores;

/// How fast the cores run, and what decides it.
pub(super) fn governor(root: Root, virtualised: bool) -> Finding {
    let governor = |core| {
        root.text(&format!(
            "sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"
        ))
    };
    let governors: BTreeSet<_> = root.cores().into_iter().filter_map(governor).collect();
    let governors: Vec<_> = governors.iter().map(String::as_str).collect();
    let finding =
        |severity, effect| Finding::new("governor", severity, governors.join(", "), effect);
    match governors[..] {
        [] if virtualised => Finding::new(
            "governor",
            Note,
            "none: the hypervisor decides",
            "The frequency can be neither read nor held here; runs at different times may have \
                had different ones. Compare within a run, where the order is shuffled.",
        ),
        [] => Finding::new(
            "governor",
            Note,
            "none",
            "The kernel does not control the frequency: firmware does, or it is fixed.",
        ),
        ["performance"] => finding(Good, "A start does not wait until its core has sped up."),
        ["userspace"] => finding(
            Note,
            "Somebody set the frequency by hand: figures belong to that frequency and not to the \
                processor's own.",
        ),
        _ => finding(
            Warning,
            "A core speeds up only after it has been busy for a while: short starts run at a low \
                frequency, long ones at a high one, and the same start varies with what ran \
                before it.",
        )
        .remedy(
            "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        ),
    }
}

/// Frequencies above the nominal one; nothing where the kernel does not show them.
pub(super) fn turbo(root: Root) -> Option<Finding> {
    // One driver has a switch that turns it off, the others one that turns it on.
    const FOLDER: &str = "sys/devices/system/cpu";
    let of = |file: &'static str| {
        root.text(&format!("{FOLDER}/{file}"))
            .map(|value| (file, value))
    };
    let ((file, value), off) = match of("intel_pstate/no_turbo") {
        Some(found) => (found, "1"),
        None => (of("cpufreq/boost")?, "0"),
    };
    if value == off {
        return Some(Finding::new(
            "turbo",
            Good,
            "off",
            "All cores keep to one frequency, cool or hot, alone or not.",
        ));
    }
    let effect = "The frequency depends on temperature and on how many cores are busy: one busy \
        core runs faster than several, and the first minutes faster than the rest.";
    Some(
        Finding::new("turbo", Note, "on", effect)
            .remedy(format!("echo {off} | sudo tee /{FOLDER}/{file}")),
    )
}

/// Whether two of the cores are threads of one.
pub(super) fn smt(root: Root, virtualised: bool) -> Finding {
    let shared = || {
        root.cores()
            .into_iter()
            .any(|core| cores::siblings(root.0, core).len() > 1)
    };
    let on = root
        .text("sys/devices/system/cpu/smt/active")
        .map_or_else(shared, |active| active == "1");
    if on {
        return Finding::new(
            "smt",
            Warning,
            "on: threads share physical cores",
            "What runs on the sibling of a core slows what is measured on it. System and \
                generator are kept off each other's siblings where there are two physical cores; \
                everything else is not.",
        )
        .remedy("echo off | sudo tee /sys/devices/system/cpu/smt/control");
    }
    if virtualised {
        let effect = "Whether two of these cores are threads of one physical core, with each \
            other or with another machine's, only the host knows.";
        return Finding::new("smt", Note, "not visible to this virtual machine", effect);
    }
    Finding::new(
        "smt",
        Good,
        "off",
        "Each core has its units and caches to itself.",
    )
}

/// How many cores there are to share.
pub(super) fn count(allowed: &[usize]) -> Finding {
    match allowed.len() {
        0 => Finding::new(
            "cores",
            Note,
            "the kernel does not say which this process may use",
            "System and generator are kept on no core of their own: the scheduler moves them.",
        ),
        1 => Finding::new(
            "cores",
            Bad,
            "1",
            "The load generator shares the core with the system: latency under load and \
                throughput are those of the pair. Cold starts share it with whatever else runs.",
        )
        .remedy(
            "use a machine with at least two cores; if this one has them, look at taskset, cpuset \
                and container limits",
        ),
        2 => Finding::new(
            "cores",
            Note,
            "2",
            "System and generator have one each: there is no room for background work, a server's \
                second thread competes with the generator, and two points make no scaling curve.",
        ),
        n => Finding::new(
            "cores",
            Good,
            n.to_string(),
            "System, generator and background work have room beside each other.",
        ),
    }
}

/// A limit on CPU time, which stops a process in the middle of a start.
pub(super) fn quota(root: Root) -> Finding {
    let Some((quota_us, period_us)) = tightest_quota(root) else {
        return Finding::new(
            "cpu quota",
            Good,
            "none",
            "No control group stops a process when it has used its share.",
        );
    };
    let cores = quota_us as f64 / period_us as f64;
    Finding::new(
        "cpu quota",
        Warning,
        format!("{cores:.2} cores: {quota_us} µs of each {period_us} µs"),
        "What has used up its share stands still until the next period: a start that compiles on \
            all cores grows by up to a period, and tails under load show the limit and not the \
            system.",
    )
    .remedy(
        "run outside that limit: docker's --cpus, systemd's CPUQuota=, Kubernetes' limits.cpu set \
            it",
    )
}

/// Quota and period in microseconds of the tightest limit among this process's control group and
/// those above it.
fn tightest_quota(root: Root) -> Option<(u64, u64)> {
    let groups = root.text("proc/self/cgroup")?;
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else {
            continue;
        };
        let group = group.trim_start_matches('/');
        if controllers.is_empty() {
            limits.extend(up(group).filter_map(|group| version2(root, &group)));
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            limits.extend(up(group).filter_map(|group| version1(root, controllers, &group)));
        }
    }
    // Quotas of different periods: a/b < c/d without a division.
    limits
        .into_iter()
        .min_by(|(a, b), (c, d)| (a * d).cmp(&(c * b)))
}

/// The group and all above it, up to the root of the hierarchy, which in a container is all that
/// there is.
fn up(group: &str) -> impl Iterator<Item = String> {
    std::path::Path::new(group)
        .ancestors()
        .map(|group| group.display().to_string())
}

fn version2(root: Root, group: &str) -> Option<(u64, u64)> {
    let limit = root.text(&format!("sys/fs/cgroup/{group}/cpu.max"))?;
    let (quota, period) = limit.split_once(' ')?;
    // No limit is the word `max`.
    Some((quota.parse().ok()?, period.parse().ok()?))
}

fn version1(root: Root, controllers: &str, group: &str) -> Option<(u64, u64)> {
    [controllers, "cpu"].iter().find_map(|mount| {
        let folder = format!("sys/fs/cgroup/{mount}/{group}");
        // No limit is -1, which no unsigned number is.
        let quota = root.number(&format!("{folder}/cpu.cfs_quota_us"))?;
        Some((quota, root.number(&format!("{folder}/cpu.cfs_period_us"))?))
    })
}

/// Whether a hypervisor runs below.
pub(super) fn virtualised(root: Root, machine: &Machine) -> Finding {
    let vendor = root
        .text("sys/class/dmi/id/sys_vendor")
        .filter(|vendor| !vendor.is_empty());
    match machine.virtualised {
        Some(true) => Finding::new(
            "virtualised",
            Note,
            vendor.map_or_else(|| "yes".to_owned(), |vendor| format!("yes, by {vendor}")),
            "Page faults, interrupts and timers cost more than on the metal, and neighbours may \
                take time (see steal). Compare with figures from the same kind of machine only.",
        ),
        Some(false) => Finding::new(
            "virtualised",
            Good,
            "no",
            "Nothing below the kernel takes time from it.",
        ),
        None => Finding::new(
            "virtualised",
            Note,
            "the kernel does not say",
            "If a hypervisor runs below, its costs are in every figure.",
        ),
    }
}

/// What the kernel does against flaws of the processor.
pub(super) fn mitigations(machine: &Machine) -> Finding {
    if machine.mitigations.is_empty() {
        return Finding::new(
            "mitigations",
            Good,
            "none",
            "System calls cost what the processor makes them cost.",
        );
    }
    let names: Vec<_> = machine
        .mitigations
        .iter()
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    Finding::new(
        "mitigations",
        Note,
        format!("{}: {}", names.len(), names.join(", ")),
        "System calls, context switches and page faults cost more with some of them: a process's \
            launch and a server's answers most, a guest's computing least. The manifest records \
            them; compare runs with the same ones.",
    )
}
