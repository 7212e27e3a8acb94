//! One virtual machine, from its monitor's launch to its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use machine::clock::now_ns;
use machine::{ports, usage};
use results::{Attested, Evidence, Failure, FailureKind, Phase, PhaseTime};
use serde_json::json;

use super::super::managed::{Ended, Instance, Usage, ended_late, partition};
use super::monitor::Monitor;
use crate::client::readiness::{FirstAnswer, Target};
use crate::network::tap::Tap;
use crate::process::reaper::Guard;
use crate::process::{End, Running};

/// The bytes by which a guest says what it has reached: those of `workloads/unikernel`.
pub(super) mod milestone {
    /// Its first instruction.
    pub(in crate::system::microvm) const ENTERED: u8 = 0x81;
    /// It can allocate memory.
    pub(in crate::system::microvm) const MEMORY: u8 = 0x82;
    /// Its network device works.
    pub(in crate::system::microvm) const DEVICE: u8 = 0x83;
    /// It listens.
    pub(in crate::system::microvm) const LISTENING: u8 = 0x84;
    /// The first connection is there.
    pub(in crate::system::microvm) const ACCEPTED: u8 = 0x85;
    /// The first answer is handed to its device.
    pub(in crate::system::microvm) const ANSWERED: u8 = 0x86;

    /// All of them with what they are called in sentences.
    pub(super) const ALL: [(u8, &str); 6] = [
        (ENTERED, "entered"),
        (MEMORY, "memory"),
        (DEVICE, "network device"),
        (LISTENING, "listening"),
        (ACCEPTED, "accepted"),
        (ANSWERED, "answered"),
    ];
}

/// How long the last milestone may take to be read after the answer that it is of.
const READ_NS: u64 = 1_000_000_000;

/// The machine. Dropping it ends it.
pub(super) struct Machine<'a> {
    pub(super) running: Running,
    pub(super) monitor: &'static dyn Monitor,
    pub(super) tap: Option<&'a Tap>,
    /// How many packets had come over it before.
    pub(super) packets_before: u64,
    /// When the monitor was executed, as its parent sees it.
    pub(super) executed_ns: u64,
    // After the process, which must be gone before it is guarded no longer.
    pub(super) _guard: Guard,
}

impl Machine<'_> {
    /// Waits for a milestone.
    pub(super) fn wait_for(&mut self, byte: u8, until_ns: u64) -> Result<u64, String> {
        if let Some(ns) = self.running.wait_milestone(byte, until_ns) {
            return Ok(ns);
        }
        // A monitor that is dying has closed the port some milliseconds before it is dead.
        if now_ns() < until_ns {
            self.running.wait_end(until_ns.min(now_ns() + READ_NS));
        }
        let end = match self.running.ended() {
            Some(end) => format!("its monitor {end}"),
            None => "it is still there".to_owned(),
        };
        let name = name_of(byte);
        let (reached, log) = (self.reached(), self.log_tail());
        Err(format!(
            "the guest did not reach `{name}` in time; {reached}; {end}{}",
            if log.is_empty() {
                String::new()
            } else {
                format!("; what was said: {log:?}")
            }
        ))
    }

    /// How far the guest has come, in words.
    fn reached(&self) -> String {
        let mut all = milestone::ALL.iter().rev();
        let last = all.find(|(byte, _)| self.running.milestone(*byte).is_some());
        last.map_or_else(
            || "it was never entered".to_owned(),
            |(_, name)| format!("the last that it reached is `{name}`"),
        )
    }

    fn seen(&self, byte: u8) -> Result<u64, String> {
        self.running.milestone(byte).ok_or_else(|| {
            format!(
                "the start cannot be divided into phases: the guest did not say `{}`",
                name_of(byte)
            )
        })
    }
}

fn name_of(byte: u8) -> &'static str {
    let mut all = milestone::ALL.iter();
    all.find(|(known, _)| *known == byte)
        .map_or("something", |(_, name)| *name)
}

impl Instance for Machine<'_> {
    fn launched_ns(&self) -> u64 {
        self.running.launched_ns()
    }

    fn target(&self, port: u16) -> Target {
        self.tap.map_or_else(
            || Target::loopback(port),
            |tap| Target::new(SocketAddr::new(tap.guests_end(), port)),
        )
    }

    fn processes(&mut self) -> Vec<u32> {
        usage::tree(self.running.pid())
    }

    fn ended(&mut self) -> Option<String> {
        let end = self.running.ended()?;
        Some(format!("its monitor {end}; {}", self.reached()))
    }

    fn wait_end(&mut self, deadline_ns: u64) -> Result<Ended, Failure> {
        let Some(end) = self.running.wait_end(deadline_ns) else {
            return Err(ended_late());
        };
        let End { code, seen_ns, .. } = end;
        let code = code.and_then(|code| self.monitor.guests_code(code));
        let Some(code) = code else {
            let reached = self.reached();
            return Err(Failure::new(
                FailureKind::SystemFailed,
                format!("its monitor {end}, and not because the guest had ended; {reached}"),
            ));
        };
        Ok(Ended {
            code,
            printed: self.running.stdout().bytes,
            seen_ns,
        })
    }

    /// Of a service: the monitor's until the guest is entered, and then the guest's own milestones, as they
    /// came over its serial port.
    fn phases(
        &mut self,
        first: Option<&FirstAnswer>,
        answered_ns: u64,
    ) -> Result<Vec<PhaseTime>, String> {
        let entered_ns = self.seen(milestone::ENTERED)?;
        let mut ends = vec![
            // Its parent may be told late that it was executed.
            (Phase::Spawn, self.executed_ns.min(entered_ns)),
            (Phase::Vmm, entered_ns),
            (Phase::Boot, self.seen(milestone::MEMORY)?),
        ];
        if first.is_some() {
            // It was handed to a thread before the answer was, which may be read first.
            let accepted_ns = self.seen(milestone::ACCEPTED)?.min(answered_ns);
            ends.extend([
                (Phase::Init, self.seen(milestone::LISTENING)?),
                (Phase::Connect, accepted_ns),
                (Phase::Respond, answered_ns),
            ]);
        } else {
            ends.push((Phase::Run, answered_ns));
        }
        partition(self.running.launched_ns(), &ends)
    }

    fn usage(&mut self) -> Usage {
        Usage {
            resources: self.running.usage(),
            parts: BTreeMap::new(),
        }
    }

    fn verify_port(&mut self, port: u16) -> Result<(), Failure> {
        // The guest says itself that it has answered.
        let until_ns = now_ns() + READ_NS;
        if self
            .running
            .wait_milestone(milestone::ANSWERED, until_ns)
            .is_none()
        {
            return Err(Failure::new(
                FailureKind::NotAsPlanned,
                format!(
                    "there was an answer, and not of the guest's; {}",
                    self.reached()
                ),
            ));
        }
        match self.tap {
            // Nobody else has its address.
            Some(tap) if tap.packets() > Some(self.packets_before) => Ok(()),
            Some(tap) => Err(Failure::new(
                FailureKind::NotAsPlanned,
                format!(
                    "there was an answer, and no packet came from {}",
                    tap.name()
                ),
            )),
            None => Ok(ports::held_by(port, self.running.pid())?),
        }
    }

    fn attested(&mut self) -> Attested {
        let launched_ns = self.running.launched_ns();
        let instants = milestone::ALL.iter().filter_map(|(byte, name)| {
            let ns = self.running.milestone(*byte)?;
            Some((*name, ns.saturating_sub(launched_ns)))
        });
        let instants: BTreeMap<_, _> = instants.collect();
        Attested::from([(Evidence::GuestMilestonesNs, json!(instants))])
    }

    fn log_tail(&mut self) -> String {
        let serial = self.running.stdout().bytes;
        let serial = String::from_utf8_lossy(&serial);
        let text = format!("{}\n{}", self.running.log_tail(), serial.trim());
        text.trim().to_owned()
    }

    fn remove(&mut self) -> Result<u64, String> {
        let before_ns = now_ns();
        self.running.stop(Duration::ZERO);
        Ok(now_ns() - before_ns)
    }
}
