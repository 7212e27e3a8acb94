//! A process that was launched: its end, its cost, its log.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use machine::clock::now_ns;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use results::record::Resources;

use super::output::{Captured, Output};
use super::stamped::Stamped;
use crate::fds::ready;
use crate::observe::{Milestones, Observer, open_process};
use machine::processes::{Stat, descendants, members};
use machine::usage;

/// How long a process may take to die of SIGKILL: one that waits for a broken disk takes for ever.
const DYING_NS: u64 = 10_000_000_000;

/// How much of the log a failure's reason shows, in bytes.
const TAIL: usize = 2_000;

/// A process that was launched. Dropping it kills what is left of it and waits for that.
///
/// It has one descriptor of this process while it runs, for what it prints: each launch copies them all.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    launched_ns: u64,
    log: Output,
    stdout: Option<Printed>,
    observer: Option<Observer>,
    end: Option<End>,
}

/// What reads a process's standard output.
#[derive(Debug)]
pub(super) enum Printed {
    /// It is text.
    Text(Output),
    /// It is a serial port.
    Serial(Stamped),
}

/// How long a serial port may take to say its last after its machine has ended.
const LAST_BYTES_NS: u64 = 500_000_000;

/// How a process ended, and what it had cost. Neither code nor signal is known if the system did
/// not report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The code that it exited with.
    pub code: Option<i32>,
    /// The signal that it died of.
    pub signal: Option<Signal>,
    /// The clock when its end was seen.
    pub seen_ns: u64,
    /// From its fork on, with the children that it had waited for. `pss_bytes` is never known at
    /// the end.
    pub resources: Resources,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => write!(f, "died of {signal}"),
            (None, None) => f.write_str("ended, and the system does not say how"),
        }
    }
}

impl Running {
    /// Takes charge of a child.
    pub(super) fn new(
        pid: u32,
        launched_ns: u64,
        log: Output,
        stdout: Option<Printed>,
        observer: Option<Observer>,
    ) -> Self {
        if let Some(observer) = &observer {
            observer.launched(launched_ns);
        }
        Self {
            pid: Pid::from_raw(pid.cast_signed()),
            launched_ns,
            log,
            stdout,
            observer,
            end: None,
        }
    }

    /// The number of the process and of its group.
    pub const fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// The clock right before the launch.
    pub const fn launched_ns(&self) -> u64 {
        self.launched_ns
    }

    /// The milestones seen so far; nothing if it was launched unobserved.
    pub fn milestones(&self) -> Option<Milestones> {
        self.observer.as_ref().map(Observer::seen)
    }

    /// How it ended, if it has. Takes a system call if it has not.
    pub fn ended(&mut self) -> Option<End> {
        self.wait_end(0)
    }

    /// Waits for its end until the clock reads `until_ns`. What is left of its group then is
    /// killed.
    pub fn wait_end(&mut self, until_ns: u64) -> Option<End> {
        if self.end.is_none() && ends_by(self.pid, until_ns) {
            let seen_ns = now_ns();
            // Before it is reaped: until then its number belongs to no other group.
            let _ = killpg(self.pid, Signal::SIGKILL);
            self.end = Some(reap(self.pid, seen_ns));
            self.wait_gone();
            // Not before: those of the group that still lived made calls that it must let go on.
            if let Some(observer) = &mut self.observer {
                observer.stop();
            }
        }
        self.end
    }

    /// Requests the group to end, gives it `grace` for that, and then kills it with all descendants
    /// that have left the group. Returns once nothing of it is left.
    pub fn stop(&mut self, grace: Duration) -> End {
        let grace_ns = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
        if let Some(end) = self.ended() {
            return self.finish(end);
        }
        let mut others = descendants(self.pid());
        let _ = killpg(self.pid, Signal::SIGTERM);
        let end = self
            .wait_end(now_ns().saturating_add(grace_ns))
            .or_else(|| {
                others.extend(descendants(self.pid()));
                let _ = killpg(self.pid, Signal::SIGKILL);
                self.wait_end(now_ns() + DYING_NS)
            });
        let left = others
            .iter()
            .filter(|&&(pid, began)| Stat::of(pid).is_some_and(|stat| stat.began == began));
        left.for_each(|&(pid, _)| {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        });
        let unknown = End {
            code: None,
            signal: None,
            seen_ns: now_ns(),
            resources: Resources::default(),
        };
        self.finish(end.unwrap_or(unknown))
    }

    /// What it printed to standard output, if that is captured; waits for it to be over, so call it
    /// after the end.
    pub fn stdout(&mut self) -> Captured {
        match &mut self.stdout {
            Some(Printed::Text(output)) => output.finish(),
            Some(Printed::Serial(port)) => {
                if self.end.is_some() {
                    port.wait_over(now_ns() + LAST_BYTES_NS);
                }
                Captured {
                    bytes: port.text(),
                    dropped: 0,
                }
            }
            None => Captured {
                bytes: Vec::new(),
                dropped: 0,
            },
        }
    }

    fn serial(&self) -> Option<&Stamped> {
        match &self.stdout {
            Some(Printed::Serial(port)) => Some(port),
            _ => None,
        }
    }

    /// When a byte that is no text came over the serial port, on the clock.
    pub(crate) fn milestone(&self, byte: u8) -> Option<u64> {
        self.serial()?.instant(byte)
    }

    /// When words of the text over the serial port had come, on the clock.
    pub(crate) fn said(&self, words: &str) -> Option<u64> {
        self.serial()?.said(words)
    }

    /// The text that came over the serial port after such a byte; once it has ended, all of it.
    pub(crate) fn text_after(&self, byte: u8) -> Option<Vec<u8>> {
        let serial = self.serial()?;
        if self.end.is_some() {
            serial.wait_over(now_ns() + LAST_BYTES_NS);
        }
        serial.text_after(byte)
    }

    /// Waits until such a byte comes, as far as `until_ns`: when it came.
    pub(crate) fn wait_milestone(&self, byte: u8, until_ns: u64) -> Option<u64> {
        self.serial()?.wait(byte, until_ns)
    }

    /// The last of what is in its log, for the reason of a failure: at most 2 kB, whole lines, no
    /// blank end.
    pub fn log_tail(&mut self) -> String {
        if self.end.is_some() {
            self.log.finish();
        }
        let text = self.log.text();
        let text = text.trim_end();
        let start = text.len().saturating_sub(TAIL);
        let line = |at: &usize| *at == 0 || text.as_bytes()[at - 1] == b'\n';
        // A last line longer than all that is shown is cut between two characters.
        let start = (start..text.len())
            .find(line)
            .or_else(|| (start..text.len()).find(|&at| text.is_char_boundary(at)));
        text[start.unwrap_or(text.len())..].to_owned()
    }

    /// Waits until a whole line of its log holds `needle` and gives that line; nothing if it has
    /// not by `until_ns`.
    pub fn log_line(&self, needle: &str, until_ns: u64) -> Option<String> {
        self.log.line_with(needle, until_ns)
    }

    /// What it has cost since its fork, with all that it has started and that lives, read from
    /// outside. Switches are those of threads that have not ended. Costs the reader some tens of
    /// microseconds, and the process nothing but the time for which its memory map is held.
    pub fn usage(&self) -> Resources {
        if let Some(end) = self.end {
            return end.resources;
        }
        usage::of_tree(self.pid())
    }

    /// The CPU time that it has had since its fork, with all that it has started and that lives.
    pub fn cpu_ns(&self) -> Option<u64> {
        if let Some(end) = self.end {
            return end.resources.cpu_ns;
        }
        usage::cpu_ns_of(&usage::tree(self.pid()))
    }

    /// Waits until nothing of the group lives any more. Its members are no children of ours and are
    /// reaped by others: that they are zombies is enough.
    fn wait_gone(&self) {
        let until_ns = now_ns() + DYING_NS;
        while killpg(self.pid, None).is_ok()
            && !members(self.pid()).is_empty()
            && now_ns() < until_ns
        {
            let _ = killpg(self.pid, Signal::SIGKILL);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn finish(&mut self, end: End) -> End {
        self.log.finish();
        end
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// Waits until a process has ended, or the clock reads `until_ns`. Whose child it is does not
/// matter.
pub fn wait_for_end(pid: u32, until_ns: u64) {
    // One that cannot be opened has ended.
    if let Ok(handle) = open_process(pid) {
        ready(handle.as_fd(), until_ns);
    }
}

/// Whether a child that was not waited for has ended, by `until_ns`.
fn ends_by(pid: Pid, until_ns: u64) -> bool {
    /// Between two looks at a child that cannot be waited for with a limit of time.
    const PAUSE: Duration = Duration::from_millis(1);
    while !has_ended(pid) {
        if now_ns() >= until_ns {
            return false;
        }
        match open_process(pid.as_raw().cast_unsigned()) {
            Ok(handle) => return ready(handle.as_fd(), until_ns),
            // No descriptor is left.
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    true
}

/// Whether a child has ended, which stays as it is. One that is none has been waited for by somebody.
fn has_ended(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(pid), flags) != Ok(WaitStatus::StillAlive)
}

/// Waits for a child: how it ended, and the CPU time of it and of all that it had waited for itself.
///
/// # Errors
/// It is no child of this process, or was waited for before.
pub fn wait_with_cpu(pid: u32) -> io::Result<(ExitStatus, Option<u64>)> {
    let (status, used) = wait(Pid::from_raw(pid.cast_signed()))?;
    Ok((status, cpu_ns(&used)))
}

/// Reaps a child that has ended or has been killed.
#[expect(
    unsafe_code,
    reason = "neither the standard library nor nix reports what the one child cost"
)]
fn wait(pid: Pid) -> io::Result<(ExitStatus, libc::rusage)> {
    let mut status = 0;
    // SAFETY: numbers only; all zero is a valid value.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to our own variables, which live until the call returns.
        let reaped = unsafe { libc::wait4(pid.as_raw(), &raw mut status, 0, &raw mut used) };
        if reaped == pid.as_raw() {
            return Ok((ExitStatus::from_raw(status), used));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Reaps a child that has ended or has been killed.
fn reap(pid: Pid, seen_ns: u64) -> End {
    // Before it is reaped: its number is another's afterwards.
    let core_wait_ns = usage::core_wait_ns_of_ended(pid.as_raw().cast_unsigned());
    let Ok((status, used)) = wait(pid) else {
        return End {
            code: None,
            signal: None,
            seen_ns,
            resources: Resources::default(),
        };
    };
    let signal = status
        .signal()
        .and_then(|signal| Signal::try_from(signal).ok());
    End {
        code: status.code(),
        signal,
        seen_ns,
        resources: Resources {
            core_wait_ns,
            ..resources(&used)
        },
    }
}

/// The largest resident set of a process that has ended. Up to exec(2) a launched process has the
/// memory of the one that launches it, and the kernel keeps the maximum over both: a figure that is not
/// above this process's own peak says nothing about the other.
fn max_rss_bytes(usage: &libc::rusage) -> Option<u64> {
    let bytes = u64::try_from(usage.ru_maxrss).ok()? * 1024;
    let own = usage::peak_rss_bytes(std::process::id())?;
    (bytes > own).then_some(bytes)
}

/// User and system time.
fn cpu_ns(usage: &libc::rusage) -> Option<u64> {
    let count = |number: libc::c_long| u64::try_from(number).ok();
    let ns = |time: libc::timeval| {
        Some(count(time.tv_sec)? * 1_000_000_000 + count(time.tv_usec)? * 1_000)
    };
    Some(ns(usage.ru_utime)? + ns(usage.ru_stime)?)
}

fn resources(usage: &libc::rusage) -> Resources {
    let count = |number: libc::c_long| u64::try_from(number).ok();
    Resources {
        cpu_ns: cpu_ns(usage),
        max_rss_bytes: max_rss_bytes(usage),
        pss_bytes: None,
        minor_faults: count(usage.ru_minflt),
        major_faults: count(usage.ru_majflt),
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
        core_wait_ns: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Launch;
    use super::*;

    /// What takes longer hangs.
    const HANG_NS: u64 = 180_000_000_000;

    /// A shell that runs `script`, once it has printed `ready`.
    fn shell(folder: &tempfile::TempDir, script: &str) -> Running {
        let mut launch = Launch::new("/bin/sh", folder.path(), folder.path().join("log"));
        launch.arguments = vec!["-c".into(), script.into()];
        let running = launch.launch().unwrap();
        running.log_line("ready", now_ns() + HANG_NS).unwrap();
        running
    }

    fn gone(pid: u32) -> bool {
        Stat::of(pid).is_none_or(|stat| !stat.lives)
    }

    #[test]
    fn what_does_not_want_to_end_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; /bin/sleep 3600 & /usr/bin/setsid /bin/sh -c 'echo ready; \
            exec /bin/sleep 3600' & wait; wait";
        let mut running = shell(&folder, script);
        let all = descendants(running.pid());
        assert_eq!(all.len(), 2, "{all:?}");
        let end = running.stop(Duration::from_millis(50));
        assert_eq!(end.signal, Some(Signal::SIGKILL));
        assert_eq!(end.to_string(), "died of SIGKILL");
        assert!(gone(running.pid()));
        // The one in a session of its own was killed last, and dies when it gets to.
        let until_ns = now_ns() + HANG_NS;
        while !all.iter().all(|&(pid, _)| gone(pid)) {
            assert!(now_ns() < until_ns, "{all:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(
            running.stop(Duration::ZERO),
            end,
            "stopping again changes nothing"
        );
    }

    #[test]
    fn what_a_process_leaves_behind_in_its_group_is_killed_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(&folder, "/bin/sleep 3600 & echo ready $!");
        let line = running.log_line("ready", now_ns()).unwrap();
        let left: u32 = line.split(' ').next_back().unwrap().parse().unwrap();
        let end = running.wait_end(now_ns() + HANG_NS).unwrap();
        assert_eq!(end.code, Some(0));
        assert!(gone(left));
    }

    #[test]
    fn dropping_kills_and_reaps() {
        let folder = tempfile::tempdir().unwrap();
        let running = shell(&folder, "echo ready; exec /bin/sleep 3600");
        let pid = running.pid();
        assert!(!gone(pid));
        drop(running);
        assert_eq!(Stat::of(pid), None, "not even a zombie is left");
    }

    #[test]
    fn the_peak_of_memory_is_that_of_the_launched_process_or_unknown() {
        /// More than this process has, whatever else is tested in it.
        const LARGE: u64 = 200_000_000;
        let folder = tempfile::tempdir().unwrap();
        let grown = format!("x=$(head -c {LARGE} /dev/zero | tr '\\0' x); echo ready; read x");
        for (script, large) in [("echo ready; read x", false), (grown.as_str(), true)] {
            let mut running = shell(&folder, script);
            let end = running.stop(Duration::from_nanos(HANG_NS)).resources;
            let peak = end.max_rss_bytes;
            assert!(
                peak.is_none_or(|it| it > LARGE) && peak.is_some() == large,
                "{end:?}"
            );
        }
    }

    #[test]
    fn the_cost_is_read_from_outside_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(
            &folder,
            "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo ready; read x; :",
        );
        let end = running.stop(Duration::from_nanos(HANG_NS)).resources;
        let mut running = shell(
            &folder,
            "/bin/sleep 3600 & i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo ready; wait",
        );
        let usage = running.usage();
        assert!(
            usage.max_rss_bytes.is_some_and(|bytes| bytes > 500_000),
            "{usage:?}"
        );
        for cost in [usage, end] {
            assert!(cost.cpu_ns.is_some_and(|ns| ns > 1_000_000), "{cost:?}");
            assert!(
                cost.minor_faults.is_some_and(|faults| faults > 50),
                "{cost:?}"
            );
            assert!(
                cost.major_faults.is_some() && cost.involuntary_switches.is_some(),
                "{cost:?}"
            );
        }
        assert!(
            usage.pss_bytes.is_some_and(|bytes| bytes > 50_000),
            "{usage:?}"
        );
        assert!(usage.voluntary_switches.is_some());
        running.stop(Duration::ZERO);
    }

    #[test]
    fn the_tail_of_a_log_is_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let mut running = shell(
            &folder,
            "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done; echo ready; echo",
        );
        running.wait_end(now_ns() + HANG_NS).unwrap();
        let tail = running.log_tail();
        assert!(
            tail.starts_with("line ") && tail.ends_with("\nready") && tail.len() <= TAIL,
            "{tail}"
        );
    }
}
