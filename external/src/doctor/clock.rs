//! The clock: what it is read from, what a reading costs, how late a sleep may end.

use machine::clock::now_ns;
use nix::time::{ClockId, clock_getres};
use results::machine::Machine;

use super::finding::Finding;
use super::finding::Severity::{Bad, Good, Note, Warning};
use super::root::Root;

/// What reading the clock costs, and the smallest difference that it shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockCost {
    /// One reading, in nanoseconds.
    pub reading_ns: f64,
    /// The smallest difference that it can show, if the kernel reports it.
    pub resolution_ns: Option<u64>,
}

impl ClockCost {
    /// Measures it. Takes under a millisecond with a good clock.
    pub fn measure() -> Self {
        const BATCHES: usize = 10;
        const READINGS: u32 = 1_000;
        let batch = || {
            let begin = now_ns();
            (0..READINGS).for_each(|_| _ = std::hint::black_box(now_ns()));
            now_ns() - begin
        };
        // The fastest: the others were interrupted.
        let fastest = (0..BATCHES).map(|_| batch()).min().unwrap_or(0);
        let resolution_ns = clock_getres(ClockId::CLOCK_MONOTONIC)
            .ok()
            .and_then(|resolution| {
                let (seconds, nanos) = (
                    u64::try_from(resolution.tv_sec()).ok()?,
                    u64::try_from(resolution.tv_nsec()).ok()?,
                );
                Some(seconds * 1_000_000_000 + nanos)
            });
        Self {
            reading_ns: fastest as f64 / f64::from(READINGS),
            resolution_ns,
        }
    }
}

/// What the clock is read from.
pub(super) fn source(machine: &Machine) -> Finding {
    let Some(source) = machine.clock_source.as_deref() else {
        return Finding::new(
            "clock source",
            Note,
            "the kernel does not say",
            "See the cost of a reading instead.",
        );
    };
    let (severity, effect) = match source {
        "tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page" => {
            return Finding::new(
                "clock source",
                Good,
                source,
                "Read without a system call, the same on all cores.",
            );
        }
        "hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" => (
            Bad,
            "A reading is a system call and a slow access to a device, or comes in steps of \
                milliseconds: the shortest phases are mostly clock.",
        ),
        _ => (
            Warning,
            "A reading may be a system call: the shortest phases then hold some of the clock \
                itself.",
        ),
    };
    Finding::new("clock source", severity, source, effect).remedy(
        "see available_clocksource beside \
            /sys/devices/system/clocksource/clocksource0/current_clocksource; tsc is left out \
            when the kernel found it unstable (dmesg says why)",
    )
}

/// What reading it costs.
pub(super) fn cost(
    ClockCost {
        reading_ns,
        resolution_ns,
    }: ClockCost,
) -> Finding {
    let resolution = resolution_ns.map_or_else(String::new, |ns| format!(", resolution {ns} ns"));
    let found = format!("{reading_ns:.0} ns a reading{resolution}");
    let remedy = "mend the clock source; for the resolution, high-resolution timers must be on in \
        the kernel";
    if resolution_ns.is_some_and(|ns| ns > 1_000) || reading_ns >= 1_000.0 {
        let effect = "Phases of a few microseconds (store, instantiate) cannot be distinguished \
            from the clock.";
        return Finding::new("clock cost", Bad, found, effect).remedy(remedy);
    }
    if reading_ns >= 150.0 {
        let effect = "Each phase is longer by one reading: more than a hundredth of the shortest \
            ones.";
        return Finding::new("clock cost", Warning, found, effect).remedy(remedy);
    }
    Finding::new(
        "clock cost",
        Good,
        found,
        "A phase is longer by one reading, which no phase notices.",
    )
}

/// How much later than asked for a sleep may end.
pub(super) fn timer_slack(root: Root) -> Option<Finding> {
    let slack: u64 = root.number("proc/self/timerslack_ns")?;
    let found = format!("{} µs", slack / 1_000);
    if slack <= 50_000 {
        let effect = "A sleep may end that much late. It moves no phase; under load the generator \
            records its lateness.";
        return Some(Finding::new("timer slack", Good, found, effect));
    }
    let effect = "Sleeps end late: an open-loop generator falls behind its plan and reports it as \
        lateness.";
    Some(Finding::new("timer slack", Warning, found, effect).remedy(
        "start from a shell that has the default of 50 µs: what started this one (systemd's \
            TimerSlackNSec=) changed it",
    ))
}
