//! The clock, and what this process may do.

use external::doctor::ClockCost;
use external::doctor::Severity::{Bad, Good, Note, Warning};
use nix::errno::Errno;
use results::values::Virtualisation;

use crate::fake::{Fake, LIMITS, remedy};

#[test]
fn a_slow_clock_is_found_by_name_and_by_its_cost() {
    let source = |source: &str| {
        Fake::good().file(
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            source,
        )
    };
    source("tsc\n").finds("clock source", Good, "tsc");
    source("kvm-clock\n").finds("clock source", Good, "kvm-clock");
    source("xen\n").finds("clock source", Warning, "xen");
    source("hpet\n").finds("clock source", Bad, "hpet");
    source("acpi_pm\n").finds("clock source", Bad, "acpi_pm");
    let cost = |reading_ns, resolution_ns| {
        Fake::good().trial(|trials| {
            trials.clock = ClockCost {
                reading_ns,
                resolution_ns,
            }
        })
    };
    cost(21.4, Some(1)).finds("clock cost", Good, "21 ns a reading, resolution 1 ns");
    cost(21.4, None).finds("clock cost", Good, "21 ns a reading");
    cost(200.0, Some(1)).finds("clock cost", Warning, "200 ns");
    cost(1_400.0, Some(1)).finds("clock cost", Bad, "1400 ns");
    cost(21.4, Some(4_000_000)).finds("clock cost", Bad, "resolution 4000000 ns");
}

#[test]
fn the_clock_of_this_machine_costs_something() {
    let ClockCost {
        reading_ns,
        resolution_ns,
    } = ClockCost::measure();
    assert!(reading_ns > 0.0 && reading_ns < 100_000.0, "{reading_ns}");
    assert!(resolution_ns.is_some_and(|ns| ns > 0));
}

#[test]
fn late_sleeps_are_found() {
    Fake::good().finds("timer slack", Good, "50 µs");
    Fake::good()
        .file("proc/self/timerslack_ns", "4000000\n")
        .finds("timer slack", Warning, "4000 µs");
    assert_eq!(
        Fake::good()
            .without("proc/self/timerslack_ns")
            .finding("timer slack"),
        None
    );
}

#[test]
fn without_namespaces_the_remedy_depends_on_what_forbids_them() {
    let denied = |errno| Fake::good().trial(|trials| trials.network_namespace = Err(errno));
    Fake::good().finds("namespaces", Good, "can be made");
    let user = denied(Errno::EPERM).finds("namespaces", Warning, "Operation not permitted");
    assert!(remedy(&user).contains("unshare --map-root-user"));
    for (file, text) in [
        ("proc/sys/user/max_user_namespaces", "0\n"),
        ("proc/sys/kernel/unprivileged_userns_clone", "0\n"),
        (
            "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1\n",
        ),
    ] {
        let forbidden =
            denied(Errno::EPERM)
                .file(file, text)
                .finds("namespaces", Warning, "not permitted");
        assert!(
            remedy(&forbidden).starts_with("run as root; in a container"),
            "{forbidden:#?}"
        );
    }
    let without = denied(Errno::EINVAL).finds("namespaces", Warning, "Invalid argument");
    assert!(remedy(&without).contains("CONFIG_NET_NS"));
}

#[test]
fn the_observer_explains_why_it_cannot_observe() {
    Fake::good().finds("observer", Good, "works");
    let reason = "the kernel has no user notification".to_owned();
    let without = Fake::good().trial(|trials| trials.observer = Err(reason));
    without.finds("observer", Bad, "the kernel has no user notification");
}

#[test]
fn the_limit_of_open_files_says_whether_one_can_raise_it() {
    let limits = |soft: &str, hard: &str| {
        Fake::good().file(
            "proc/self/limits",
            &LIMITS.replace("65536  ", soft).replace("1048576", hard),
        )
    };
    limits("65536  ", "1048576").finds("open files", Good, "up to 65536");
    limits("unlimited", "unlimited").finds("open files", Good, "up to");
    let usual = limits("1024 ", "524288").finds("open files", Note, "up to 1024");
    assert_eq!(remedy(&usual), "ulimit -n 65536");
    assert_eq!(
        remedy(&limits("1024 ", "4096").finds("open files", Note, "up to 1024")),
        "ulimit -n 4096"
    );
    let low = limits("256 ", "256").finds("open files", Warning, "up to 256");
    assert!(remedy(&low).contains("raise the hard limit"));
}

#[test]
fn one_layout_for_all_processes_is_a_warning() {
    Fake::good().finds("address layout", Good, "random");
    Fake::good()
        .file("proc/sys/kernel/randomize_va_space", "0\n")
        .finds("address layout", Warning, "the same");
}

#[test]
fn what_executes_virtual_machines_is_said_with_what_it_means() {
    Fake::good().finds("virtualisation", Good, "hardware");
    let interpreted = Fake::good()
        .trial(|trials| trials.virtualisation = Ok(Virtualisation::InterpretedRing0))
        .finds("virtualisation", Note, "interpreted-ring0");
    assert!(interpreted.effect.contains("compared with nothing"));
    Fake::good()
        .trial(|trials| trials.virtualisation = Err("no /dev/kvm".to_owned()))
        .finds("virtualisation", Note, "no /dev/kvm");
}
