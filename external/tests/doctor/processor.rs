//! The cores: how many, how fast, and who decides that.

use external::doctor::Severity::{Bad, Good, Note, Warning};

use crate::fake::{Fake, remedy};

#[test]
fn the_governor_decides_how_fast_a_short_start_runs() {
    const GOVERNOR: &str = "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor";
    Fake::good().finds("governor", Good, "performance");
    Fake::good()
        .file(GOVERNOR, "userspace\n")
        .finds("governor", Warning, "performance, userspace");
    let finding = Fake::good().file(GOVERNOR, "powersave\n").finds(
        "governor",
        Warning,
        "performance, powersave",
    );
    assert!(remedy(&finding).contains("scaling_governor"));
    let none = |mut fake: Fake| {
        for core in 0..4 {
            fake = fake.without(&format!("sys/devices/system/cpu/cpu{core}/cpufreq"));
        }
        fake
    };
    none(Fake::virtual_machine()).finds("governor", Note, "the hypervisor decides");
    none(Fake::good()).finds("governor", Note, "none");
}

#[test]
fn turbo_is_found_under_both_of_its_names() {
    const NO_TURBO: &str = "sys/devices/system/cpu/intel_pstate/no_turbo";
    const BOOST: &str = "sys/devices/system/cpu/cpufreq/boost";
    Fake::good().finds("turbo", Good, "off");
    let on = Fake::good()
        .file(NO_TURBO, "0\n")
        .finds("turbo", Note, "on");
    assert_eq!(remedy(&on), format!("echo 1 | sudo tee /{NO_TURBO}"));
    let on = Fake::good()
        .without(NO_TURBO)
        .file(BOOST, "1\n")
        .finds("turbo", Note, "on");
    assert_eq!(remedy(&on), format!("echo 0 | sudo tee /{BOOST}"));
    Fake::good()
        .without(NO_TURBO)
        .file(BOOST, "0\n")
        .finds("turbo", Good, "off");
    assert_eq!(Fake::good().without(NO_TURBO).finding("turbo"), None);
}

#[test]
fn threads_that_share_a_core_are_found_with_and_without_the_switch() {
    const ACTIVE: &str = "sys/devices/system/cpu/smt/active";
    Fake::good().finds("smt", Good, "off");
    Fake::good().file(ACTIVE, "1\n").finds("smt", Warning, "on");
    let siblings = "sys/devices/system/cpu/cpu0/topology/thread_siblings_list";
    Fake::good()
        .without(ACTIVE)
        .file(siblings, "0,2\n")
        .finds("smt", Warning, "on");
    Fake::good().without(ACTIVE).finds("smt", Good, "off");
    Fake::virtual_machine().finds("smt", Note, "not visible");
}

#[test]
fn one_core_is_bad_and_two_are_few() {
    let cores = |n: usize| Fake::good().trial(|trials| trials.allowed = (0..n).collect());
    cores(1).finds("cores", Bad, "1");
    cores(2).finds("cores", Note, "2");
    cores(3).finds("cores", Good, "3");
    cores(0).finds("cores", Note, "does not say");
}

#[test]
fn the_tightest_quota_counts_wherever_it_is_set() {
    Fake::good().finds("cpu quota", Good, "none");
    let own = Fake::good().file("sys/fs/cgroup/user/session/cpu.max", "150000 100000\n");
    own.finds(
        "cpu quota",
        Warning,
        "1.50 cores: 150000 µs of each 100000 µs",
    );
    own.file("sys/fs/cgroup/user/cpu.max", "10000 20000\n")
        .finds("cpu quota", Warning, "0.50 cores");
    // In a container the group's path is that of the host, and the container's own group is mounted
    // as the root.
    Fake::good()
        .file("sys/fs/cgroup/cpu.max", "25000 100000")
        .finds("cpu quota", Warning, "0.25 cores");
}

#[test]
fn a_quota_of_the_first_control_groups_counts_too() {
    let version1 = |mount: &str, quota: &str| {
        Fake::good()
            .file(
                "proc/self/cgroup",
                "5:memory:/a\n4:cpu,cpuacct:/docker/17\n0::/\n",
            )
            .file(
                &format!("sys/fs/cgroup/{mount}/docker/17/cpu.cfs_quota_us"),
                quota,
            )
            .file(
                &format!("sys/fs/cgroup/{mount}/docker/17/cpu.cfs_period_us"),
                "100000\n",
            )
    };
    version1("cpu,cpuacct", "50000\n").finds("cpu quota", Warning, "0.50 cores");
    version1("cpu", "50000\n").finds("cpu quota", Warning, "0.50 cores");
    version1("cpu", "-1\n").finds("cpu quota", Good, "none");
}

#[test]
fn says_what_runs_below_and_what_the_kernel_guards_against() {
    Fake::good().finds("virtualised", Good, "no");
    Fake::virtual_machine().finds("virtualised", Note, "yes");
    let vendor = Fake::virtual_machine().file("sys/class/dmi/id/sys_vendor", "QEMU\n");
    vendor.finds("virtualised", Note, "yes, by QEMU");
    Fake::good()
        .without("proc/cpuinfo")
        .finds("virtualised", Note, "does not say");
    Fake::good().finds("mitigations", Good, "none");
    let guarded = Fake::good()
        .file(
            "sys/devices/system/cpu/vulnerabilities/spectre_v2",
            "Mitigation: Retpolines\n",
        )
        .file(
            "sys/devices/system/cpu/vulnerabilities/mds",
            "Mitigation: Clear CPU buffers\n",
        )
        .file(
            "sys/devices/system/cpu/vulnerabilities/l1tf",
            "Not affected\n",
        );
    guarded.finds("mitigations", Note, "2: mds, spectre_v2");
}
