//! A machine that a test makes up.

use external::doctor::Severity::Warning;
use external::doctor::{
    Activity, Background, ClockCost, Finding, NoiseSources, PageCache, Report, Severity,
    SystemState, Trials,
};
use results::machine::Machine;
use results::noise::Noise;
use results::values::Virtualisation;

/// A machine on which nothing is wrong, to be made worse one file or trial at a time.
pub(crate) struct Fake {
    pub(crate) root: tempfile::TempDir,
    pub(crate) trials: Trials,
}

pub(crate) const MEMINFO: &str = "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\nSwapTotal: 0 \
    kB\nSwapFree: 0 kB\n";
pub(crate) const LIMITS: &str = "Limit Soft Hard Units\nMax open files            65536                1048576              files\n";

impl Fake {
    pub(crate) fn good() -> Self {
        let noise = Noise {
            steal_ns: Some(0),
            cpu_pressure_ns: Some(0),
            load1: Some(0.08),
            ..Noise::default()
        };
        let trials = Trials {
            allowed: vec![0, 1, 2, 3],
            activity: Activity {
                interval_ns: 500_000_000,
                noise,
                background: Vec::new(),
                unseen: 0.0,
            },
            noise: NoiseSources {
                waits: true,
                others: true,
            },
            clock: ClockCost {
                reading_ns: 21.4,
                resolution_ns: Some(1),
            },
            page_cache: PageCache::Controlled,
            network_namespace: Ok(()),
            observer: Ok(()),
            virtualisation: Ok(Virtualisation::Hardware),
        };
        let mut fake = Self {
            root: tempfile::tempdir().unwrap(),
            trials,
        }
        .file(
            "proc/cpuinfo",
            "processor : 0\nmodel name : Fake 4-Core\nflags : fpu sse tsc\n",
        )
        .file("proc/meminfo", MEMINFO)
        .file("proc/self/cgroup", "0::/user/session\n")
        .file("proc/self/limits", LIMITS)
        .file("proc/self/timerslack_ns", "50000\n")
        .file("proc/sys/kernel/osrelease", "6.18.0\n")
        .file("proc/sys/kernel/version", "#1 SMP\n")
        .file("proc/sys/kernel/randomize_va_space", "2\n")
        .file(
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "tsc\n",
        )
        .file("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
        .file("sys/devices/system/cpu/smt/active", "0\n")
        .file("sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
        .file("sys/fs/cgroup/user/session/cpu.max", "max 100000\n")
        .file(
            "sys/kernel/mm/transparent_hugepage/enabled",
            "always [madvise] never\n",
        );
        for core in 0..4 {
            let folder = format!("sys/devices/system/cpu/cpu{core}");
            fake = fake
                .file(
                    &format!("{folder}/cpufreq/scaling_governor"),
                    "performance\n",
                )
                .file(
                    &format!("{folder}/topology/thread_siblings_list"),
                    &format!("{core}\n"),
                );
        }
        fake
    }

    pub(crate) fn virtual_machine() -> Self {
        Self::good().file(
            "proc/cpuinfo",
            "processor : 0\nmodel name : Fake vCPU\nflags : fpu hypervisor tsc\n",
        )
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn without(self, name: &str) -> Self {
        let path = self.root.path().join(name);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
        self
    }

    pub(crate) fn trial(mut self, change: impl FnOnce(&mut Trials)) -> Self {
        change(&mut self.trials);
        self
    }

    pub(crate) fn noise(self, change: impl FnOnce(&mut Noise)) -> Self {
        self.trial(|trials| change(&mut trials.activity.noise))
    }

    pub(crate) fn background(self, name: &str, processes: usize, share: f64) -> Self {
        self.trial(|trials| {
            trials.activity.background.push(Background {
                name: name.to_owned(),
                processes,
                share,
            });
        })
    }

    pub(crate) fn report(&self, systems: Vec<SystemState>) -> Report {
        let report = Report::new(self.root.path(), &self.trials, systems);
        // The one fact that comes from the real machine.
        Report {
            machine: Machine {
                cores: Some(4),
                ..report.machine
            },
            ..report
        }
    }

    pub(crate) fn finding(&self, check: &str) -> Option<Finding> {
        self.report(Vec::new())
            .findings
            .into_iter()
            .find(|finding| finding.check == check)
    }

    /// Asserts what a check found; `found` is a part of it. What is bad or a warning says what to
    /// do.
    #[track_caller]
    pub(crate) fn finds(&self, check: &str, severity: Severity, found: &str) -> Finding {
        let finding = self.finding(check).expect(check);
        assert!(
            finding.severity == severity && finding.found.contains(found),
            "{finding:#?}"
        );
        assert!(
            finding.severity < Warning || finding.remedy.is_some(),
            "{finding:#?}"
        );
        assert!(finding.effect.ends_with('.'), "{finding:#?}");
        finding
    }
}

pub(crate) fn remedy(finding: &Finding) -> &str {
    finding.remedy.as_deref().expect("a remedy")
}
