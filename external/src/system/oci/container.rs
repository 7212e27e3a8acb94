//! A container of an OCI runtime, from its creation to its removal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::clock::now_ns;
use machine::{ports, usage};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use results::record::Resources;
use results::{Attested, Failure, PhaseTime};
use serde_json::Value;

use super::super::container::{Instants, charged, confinement, printed, tail};
use super::super::managed::{Ended, Instance, Usage, ended_late};
use super::orphans::{self, Awaited};
use super::runtime::{Bundles, PANIC, first_line};
use crate::client::readiness::{FirstAnswer, Target};
use crate::process::Adopting;

/// The container. Dropping it deletes it.
pub(super) struct Container<'a> {
    pub(super) bundles: &'a Bundles,
    pub(super) bundle: PathBuf,
    /// The network of its cell, and what it was started with.
    pub(super) network: String,
    pub(super) configuration: Value,
    /// The machine's address that it is reached at.
    pub(super) address: IpAddr,
    /// The port that it listens on whatever it is told.
    pub(super) fixed: Option<u16>,
    pub(super) milestones: Option<PathBuf>,
    pub(super) pid: u32,
    /// The CPU time of the runtime's programs that created and started it.
    pub(super) called_ns: Option<u64>,
    pub(super) instants: Instants,
    pub(super) ended: Option<WaitStatus>,
    pub(super) removed: bool,
    pub(super) _awaited: Awaited,
    pub(super) _adopting: Adopting,
}

/// So much of what a sandbox's kernel says at its end is looked at.
const FIRST_BYTES: u64 = 2048;

/// Between two looks for processes of a sandbox that have ended.
const REAPING: Duration = Duration::from_millis(3);

impl Container<'_> {
    /// How its first process ended, if it has.
    fn poll_end(&mut self) -> Option<WaitStatus> {
        if self.ended.is_none() && self.pid > 0 {
            let status = waitpid(
                Pid::from_raw(self.pid.cast_signed()),
                Some(WaitPidFlag::WNOHANG),
            );
            self.ended = match status {
                Ok(WaitStatus::StillAlive) | Err(_) => None,
                Ok(status) => Some(status),
            };
        }
        self.ended
    }

    /// Has the runtime delete it. That of a sandbox waits until each of its processes is gone, most of
    /// which are children of this process by now.
    fn delete(&mut self) -> Result<(), String> {
        let bundles = self.bundles;
        if !bundles.product.is_sandbox() {
            return bundles.delete();
        }
        let deleted = std::thread::scope(|scope| {
            let deleting = scope.spawn(|| bundles.delete());
            while !deleting.is_finished() {
                self.poll_end();
                orphans::reap();
                std::thread::sleep(REAPING);
            }
            deleting.join()
        });
        orphans::reap();
        deleted.unwrap_or_else(|_| Err("the thread that deletes it has failed".to_owned()))
    }
}

impl Instance for Container<'_> {
    fn launched_ns(&self) -> u64 {
        self.instants.launched_ns
    }

    fn target(&self, port: u16) -> Target {
        Target::new(SocketAddr::new(self.address, self.fixed.unwrap_or(port)))
    }

    fn verify(&mut self) -> Result<Attested, Failure> {
        // Of a sandbox its first process is a kernel, which is confined otherwise than what it runs.
        let is_sandbox = self.bundles.product.is_sandbox();
        let configuration = (!is_sandbox).then_some(&self.configuration);
        confinement(self.pid, &self.network, configuration)
    }

    fn processes(&mut self) -> Vec<u32> {
        usage::members(self.pid)
    }

    fn ended(&mut self) -> Option<String> {
        self.poll_end().map(|status| match status {
            WaitStatus::Exited(_, code) => format!("its process exited with code {code}"),
            WaitStatus::Signaled(_, signal, _) => format!("its process died of {signal}"),
            other => format!("its process ended: {other:?}"),
        })
    }

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, Failure> {
        loop {
            // A descriptor of the process tells its end at once; looking each 50 µs would take a
            // third of a core.
            let ended = self.poll_end();
            let seen_ns = now_ns();
            match ended {
                Some(WaitStatus::Exited(_, code)) => {
                    return Ok(Ended {
                        code: code.into(),
                        printed: printed(&self.bundle.join("stdout"))?,
                        seen_ns,
                    });
                }
                Some(other) => return Err(format!("its process ended: {other:?}").into()),
                None if seen_ns >= deadline_ns => {
                    return Err(ended_late());
                }
                None => {
                    crate::process::wait_for_end(self.pid, deadline_ns.min(seen_ns + 50_000_000));
                }
            }
        }
    }

    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        self.instants
            .phases(self.milestones.as_deref(), first, answered_ns)
    }

    fn usage(&mut self) -> Usage {
        let called = Resources {
            cpu_ns: self.called_ns,
            ..Resources::default()
        };
        Usage {
            resources: charged(&[usage::of_group(self.pid)], self.called_ns),
            parts: BTreeMap::from([(self.bundles.product.name.to_owned(), called)]),
        }
    }

    fn verify_port(&mut self, port: u16) -> Result<(), Failure> {
        Ok(ports::held_by(self.fixed.unwrap_or(port), self.pid)?)
    }

    fn attested(&mut self) -> Attested {
        self.instants.attested()
    }

    fn log_tail(&mut self) -> String {
        let panicked = panicked(&self.bundle.join(PANIC));
        panicked.unwrap_or_else(|| tail(&self.bundle.join("stderr")))
    }

    fn remove(&mut self) -> Result<u64, String> {
        let before_ns = now_ns();
        let deleted = self.delete();
        let took_ns = now_ns() - before_ns;
        // Reaped, so that no zombie of it is left.
        let until_ns = now_ns() + 1_000_000_000;
        while self.poll_end().is_none() && self.pid > 0 && now_ns() < until_ns {
            std::thread::sleep(Duration::from_micros(200));
        }
        self.removed = deleted.is_ok();
        deleted
            .map(|()| took_ns)
            .map_err(|reason| format!("the runtime cannot delete its container: {reason}"))
    }
}

/// Why the kernel of a sandbox has ended, if by a fault of its own: the first line, which says it, and
/// not the thousands of what each of its threads did.
fn panicked(file: &Path) -> Option<String> {
    let mut said = Vec::new();
    File::open(file)
        .and_then(|file| file.take(FIRST_BYTES).read_to_end(&mut said))
        .ok()?;
    let said = String::from_utf8_lossy(&said);
    Some(format!("the sandbox's kernel: {}", first_line(&said)?))
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if !self.removed {
            let _ = self.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_says_why_its_kernel_has_ended_and_nothing_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PANIC);
        assert_eq!(panicked(&file), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(panicked(&file), None);
        let trace = "\npanic: running on goroutine 7\n\ngoroutine 29 [running]:\n";
        std::fs::write(&file, trace.to_owned() + &"x".repeat(100_000)).unwrap();
        assert_eq!(
            panicked(&file).unwrap(),
            "the sandbox's kernel: panic: running on goroutine 7"
        );
    }
}
