//! What goes on while nothing is measured: load, steal, waiting for cores, and who is on them.

use std::collections::BTreeMap;
use std::path::Path;

use machine::noise::{Census, Counters};
use machine::usage;
use results::noise::Noise;

use super::finding::Finding;
use super::finding::Severity::{Bad, Good, Note, Warning};

/// The kernel counts a process's time in ticks of 1/100 s. proc(5).
const TICK_NS: u64 = 10_000_000;
/// The part of one core from which a process is named.
const NAMED: f64 = 0.05;
/// The part of one core from which time of processes that nobody saw is named. Ticks are counted
/// for each process and for all of them on their own, so a few of them always differ.
const UNSEEN_NAMED: f64 = 0.15;
/// Names that are listed: whoever comes after them matters less.
const NAMES_SHOWN: usize = 5;

/// The kernel's counters at one moment.
#[derive(Debug)]
pub struct Reading {
    at_ns: u64,
    counters: Counters,
    /// Ticks in which any core was busy, since boot.
    busy: Option<u64>,
    own: u64,
    /// By number and start, since numbers come again: name and ticks.
    processes: BTreeMap<(u32, u64), (String, u64)>,
}

impl Reading {
    /// Reads them below `proc`, which is `/proc` but in tests, at the instant `at_ns`. The process
    /// `own` is nobody's background.
    pub fn take(proc: &Path, own: u32, at_ns: u64) -> Self {
        let mut reading = Self {
            at_ns,
            counters: Counters::read(proc),
            busy: None,
            own: 0,
            processes: BTreeMap::new(),
        };
        reading.busy = std::fs::read_to_string(proc.join("stat"))
            .ok()
            .as_deref()
            .and_then(busy);
        for entry in std::fs::read_dir(proc).into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // It may have ended since the folder was listed.
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
                continue;
            };
            match process(&stat) {
                Some((_, _, ticks)) if pid == own => reading.own = ticks,
                Some((name, since, ticks)) => {
                    _ = reading.processes.insert((pid, since), (name, ticks));
                }
                None => {}
            }
        }
        reading
    }

    /// What went on since `earlier`.
    pub fn since(&self, earlier: &Self) -> Activity {
        let interval_ns = self.at_ns.saturating_sub(earlier.at_ns).max(1);
        let share = |ticks: u64| (ticks * TICK_NS) as f64 / interval_ns as f64;
        let mut names: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for (key, (name, ticks)) in &self.processes {
            // One that was not there before has used all its time since.
            let used =
                ticks.saturating_sub(earlier.processes.get(key).map_or(0, |(_, ticks)| *ticks));
            if used > 0 {
                let (count, sum) = names.entry(name).or_default();
                (*count, *sum) = (*count + 1, *sum + used);
            }
        }
        let seen = names.values().map(|(_, ticks)| ticks).sum::<u64>()
            + self.own.saturating_sub(earlier.own);
        let busy = self
            .busy
            .zip(earlier.busy)
            .map_or(0, |(now, then)| now.saturating_sub(then));
        let mut background: Vec<_> = names
            .into_iter()
            .map(|(name, (processes, ticks))| Background {
                name: name.to_owned(),
                processes,
                share: share(ticks),
            })
            .collect();
        background.sort_by(|a, b| b.share.total_cmp(&a.share));
        let unseen = share(busy.saturating_sub(seen));
        Activity {
            interval_ns,
            noise: self.counters.since(&earlier.counters),
            background,
            unseen,
        }
    }
}

/// User, nice, system, interrupts: what is neither idle nor given to others, from the line `cpu` of
/// `/proc/stat`.
fn busy(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    [0, 1, 2, 5, 6]
        .into_iter()
        .map(|column| ticks.get(column).copied())
        .sum()
}

/// Name, start and ticks used, from `/proc/PID/stat`. The name may hold blanks and parentheses: the
/// last one ends it.
fn process(stat: &str) -> Option<(String, u64, u64)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<_> = tail.split_whitespace().collect();
    // proc(5) counts from the process's number: the state, which is third there, is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some((name, field(22)?, field(14)? + field(15)?))
}

/// What went on between two readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Time between them.
    pub interval_ns: u64,
    /// Steal, waiting for cores, load.
    pub noise: Noise,
    /// Who used the cores, the busiest first; this process is not among them.
    pub background: Vec<Background>,
    /// The part of one core that nobody in sight used: processes that began and ended in between,
    /// or that a container does not show.
    pub unseen: f64,
}

/// Whether the kernel tells this process what marks a sample as noisy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoiseSources {
    /// How long a process waited for a core (`/proc/PID/schedstat`, of kernels with
    /// `CONFIG_SCHED_INFO`).
    pub waits: bool,
    /// What all others took of the cores, which a container does not show.
    pub others: bool,
}

impl NoiseSources {
    pub(super) fn here() -> Self {
        Self {
            waits: usage::core_wait_ns(std::process::id()).is_some(),
            others: Census::take().others_since(&[]).is_some(),
        }
    }

    pub(super) fn finding(self) -> Finding {
        const NAME: &str = "noise";
        let effect = "What it does not tell is unknown in the record, and the report says of how \
            many samples.";
        match (self.waits, self.others) {
            (true, true) => Finding::new(
                NAME,
                Good,
                "the kernel tells what others take of the cores, and how long a process waits for one",
                "Samples that others disturbed are marked as noisy and stay in.",
            ),
            (false, true) => Finding::new(
                NAME,
                Note,
                "the kernel does not tell how long a process waits for a core (no CONFIG_SCHED_INFO)",
                format!("Samples are marked as noisy by what others took of the cores. {effect}"),
            ),
            (true, false) => Finding::new(
                NAME,
                Note,
                "not all processes of the machine are shown here, as within a container",
                format!(
                    "Samples are marked as noisy if they waited for a core, for whomever: for \
                        threads of their own too. {effect}"
                ),
            ),
            (false, false) => Finding::new(
                NAME,
                Warning,
                "the kernel tells neither what others take of the cores nor who waits for one",
                format!("Only stolen time can mark a sample as noisy. {effect}"),
            )
            .remedy("measure outside of a container, on a kernel with CONFIG_SCHED_INFO"),
        }
    }
}

/// Processes of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// The name, as the kernel keeps it: at most 15 bytes.
    pub name: String,
    /// How many of them used a core.
    pub processes: usize,
    /// The part of one core that they used together: 1 is a whole core.
    pub share: f64,
}

fn percent(part: f64) -> String {
    if part < 0.0995 {
        format!("{:.1} %", part * 100.0)
    } else {
        format!("{:.0} %", part * 100.0)
    }
}

impl Activity {
    pub(super) fn findings(&self, cores: usize) -> Vec<Finding> {
        vec![
            self.load(cores),
            self.steal(cores),
            self.pressure(),
            self.who(cores),
        ]
    }

    fn load(&self, cores: usize) -> Finding {
        let Some(load) = self.noise.load1 else {
            return Finding::new(
                "load",
                Note,
                "the kernel does not say",
                "Whether the machine was idle is not known.",
            );
        };
        let cores = cores.max(1) as f64;
        let found = format!("{load:.2} on {cores} cores, over the last minute");
        if load <= cores / 4.0 {
            return Finding::new(
                "load",
                Good,
                found,
                "The machine was idle: what is measured has it to itself.",
            );
        }
        let severity = if load <= cores { Warning } else { Bad };
        Finding::new(
            "load",
            severity,
            found,
            "Work that goes on takes cores and caches from what is measured: starts become longer \
                and vary more.",
        )
        .remedy("wait a minute (a build that has just ended still counts), or stop what runs")
    }

    fn steal(&self, cores: usize) -> Finding {
        let Some(steal_ns) = self.noise.steal_ns else {
            return Finding::new(
                "steal",
                Note,
                "the kernel does not say",
                "Noisy samples cannot be marked by it.",
            );
        };
        if steal_ns == 0 {
            return Finding::new(
                "steal",
                Good,
                "0 %",
                "The hypervisor gave no time of these cores to others.",
            );
        }
        let part = steal_ns as f64 / (self.interval_ns as f64 * cores.max(1) as f64);
        Finding::new(
            "steal",
            if part < 0.05 { Warning } else { Bad },
            format!("{} of all cores", percent(part)),
            "The hypervisor gives time of these cores to others: a start that loses some is \
                longer by it. Such samples are marked as noisy and stay in.",
        )
        .remedy(
            "measure at another hour, take more samples, or use a machine with cores of its own",
        )
    }

    fn pressure(&self) -> Finding {
        let Some(waited_ns) = self.noise.cpu_pressure_ns else {
            return Finding::new(
                "cpu pressure",
                Note,
                "the kernel does not say (no /proc/pressure/cpu)",
                "Whether what runs now would be in the way is not known.",
            );
        };
        let part = waited_ns as f64 / self.interval_ns as f64;
        let found = format!("something waited for a core {} of the time", percent(part));
        match part {
            part if part < 0.02 => {
                Finding::new("cpu pressure", Good, found, "Who wants a core has one.")
            }
            part => Finding::new(
                "cpu pressure",
                if part < 0.25 { Warning } else { Bad },
                found,
                "More wants to run than there are cores: what is measured will wait too, and wall \
                    time then says more about its neighbours than about it.",
            )
            .remedy("stop what runs"),
        }
    }

    fn who(&self, cores: usize) -> Finding {
        let named: Vec<_> = self
            .background
            .iter()
            .filter(|background| background.share > NAMED)
            .collect();
        let mut listed: Vec<_> = named
            .iter()
            .take(NAMES_SHOWN)
            .map(
                |Background {
                     name,
                     processes,
                     share,
                 }| match processes {
                    1 => format!("{name} {}", percent(*share)),
                    n => format!("{name} ({n} processes) {}", percent(*share)),
                },
            )
            .collect();
        if named.len() > NAMES_SHOWN {
            listed.push(format!("{} more", named.len() - NAMES_SHOWN));
        }
        let unseen = if self.unseen > UNSEEN_NAMED {
            self.unseen
        } else {
            0.0
        };
        if unseen > 0.0 {
            listed.push(format!(
                "{} by what ended meanwhile or is not shown here",
                percent(unseen)
            ));
        }
        if listed.is_empty() {
            return Finding::new(
                "on the cores",
                Good,
                "nobody above 5 % of one",
                "The cores are free.",
            );
        }
        let all: f64 = named.iter().map(|background| background.share).sum::<f64>() + unseen;
        Finding::new(
            "on the cores",
            if all * 2.0 < cores as f64 {
                Warning
            } else {
                Bad
            },
            format!("{} (of one core)", listed.join(", ")),
            "They take time and caches from what is measured, and by no pattern that averages out.",
        )
        .remedy("stop them, or wait until they are done")
    }
}
