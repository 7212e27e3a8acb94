//! A server of a run, around what is measured: launched, guarded, its log read, and stopped with this.

use std::time::Duration;

use machine::clock::now_ns;
use results::record::Resources;

use crate::process::reaper::{Guard, Reaper};
use crate::process::{Launch, Running};
use machine::usage;

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// How long one that has closed its log may take to be dead.
const DYING_NS: u64 = 1_000_000_000;

/// A server that runs. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Child {
    name: &'static str,
    running: Running,
    /// What it had cost when its sample began; nothing of one that was launched for it.
    before: Resources,
    // After the process, which must be gone before it is guarded no longer.
    _guard: Guard,
}

impl Child {
    /// Launches it. Returns when its program has been executed.
    pub(super) fn launch(
        name: &'static str,
        launch: &Launch,
        reaper: &Reaper,
    ) -> Result<Self, String> {
        let running = launch.launch().map_err(|error| error.to_string())?;
        let guard = reaper.guard_group(running.pid()).map_err(|error| {
            format!("{name} cannot be guarded against our being killed: {error}")
        })?;
        Ok(Self {
            name,
            running,
            before: Resources::default(),
            _guard: guard,
        })
    }

    /// Waits for a line in its log, and gives it.
    pub(super) fn wait_for_line(&mut self, needle: &str, until_ns: u64) -> Result<String, String> {
        if let Some(line) = self.running.log_line(needle, until_ns) {
            return Ok(line);
        }
        // A process that is dying has closed its log some milliseconds before it is dead.
        if now_ns() < until_ns {
            self.running.wait_end(until_ns.min(now_ns() + DYING_NS));
        }
        Err(match self.ended() {
            Some(end) => end,
            None => format!(
                "{} did not log {needle:?} in time{}",
                self.name,
                log_excerpt(&mut self.running)
            ),
        })
    }

    pub(super) const fn pid(&self) -> u32 {
        self.running.pid()
    }

    pub(super) const fn launched_ns(&self) -> u64 {
        self.running.launched_ns()
    }

    /// How it ended, if it has, with the end of its log.
    pub(super) fn ended(&mut self) -> Option<String> {
        let end = self.running.ended()?;
        Some(format!(
            "{} {end}{}",
            self.name,
            log_excerpt(&mut self.running)
        ))
    }

    pub(super) fn log_tail(&mut self) -> String {
        self.running.log_tail()
    }

    /// From now on its costs count.
    pub(super) fn begin(&mut self) {
        self.before = self.running.usage();
    }

    /// What it has cost since its sample began. Memory is what it has, whenever it got it.
    pub(super) fn usage(&self) -> Resources {
        usage::since(&self.before, &self.running.usage())
    }

    /// Waits for the end of a command, which must be a good one.
    pub(super) fn wait_for_success(&mut self, until_ns: u64) -> Result<(), String> {
        let end = self.running.wait_end(until_ns);
        match end {
            Some(end) if end.code == Some(0) => Ok(()),
            Some(_) => Err(self.ended().unwrap_or_default()),
            None => Err(format!(
                "{} did not end in time{}",
                self.name,
                log_excerpt(&mut self.running)
            )),
        }
    }

    /// Requests it to end, and kills it if it does not. Returns once nothing of it is left.
    pub(super) fn stop(mut self) {
        self.running.stop(GRACE);
    }
}

/// The end of a log as a part of a sentence.
fn log_excerpt(running: &mut Running) -> String {
    let tail = running.log_tail();
    let tail = tail.trim();
    if tail.is_empty() {
        "; its log is empty".to_owned()
    } else {
        format!("; the end of its log: {tail:?}")
    }
}
