//! One virtual machine, from its monitor's launch to its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use machine::clock::now_ns;
use machine::{ports, usage};
use results::{Attested, Evidence, Failure, FailureKind, Phase, PhaseTime};
use serde_json::json;

use super::super::managed::{Ended, Instance, Usage, ended_late, partition};
use super::guest::{Guest, Sign};
use super::milestone;
use super::monitor::Monitor;
use crate::client::readiness::{FirstAnswer, Target};
use crate::network::tap::Tap;
use crate::process::reaper::Guard;
use crate::process::{End, Running};

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
        let name = name_of(self.monitor.guest(), byte);
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

    /// When a sign came, if it has.
    fn instant(&self, sign: Sign) -> Option<u64> {
        match sign {
            Sign::Byte(byte) => self.running.milestone(byte),
            Sign::Words(words) => self.running.said(words),
        }
    }

    /// What the guest has reached, each with when.
    fn instants(&self) -> impl DoubleEndedIterator<Item = (&'static str, u64)> {
        let signs = self.monitor.guest().signs().iter();
        signs.filter_map(|(sign, name)| Some((*name, self.instant(*sign)?)))
    }

    /// How far the guest has come, in words.
    fn reached(&self) -> String {
        self.instants().next_back().map_or_else(
            || "it was never entered".to_owned(),
            |(name, _)| format!("the last that it reached is `{name}`"),
        )
    }

    fn seen(&self, phase: Phase, sign: Sign) -> Result<u64, String> {
        self.instant(sign).ok_or_else(|| {
            format!(
                "the start cannot be divided into phases: the guest did not say that `{phase}` was over; {}",
                self.reached()
            )
        })
    }
}

fn name_of(guest: Guest, byte: u8) -> &'static str {
    let mut all = guest.signs().iter();
    all.find(|(sign, _)| matches!(sign, Sign::Byte(known) if *known == byte))
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
        let printed = match self.monitor.guest() {
            Guest::Unikernel => self.running.stdout().bytes,
            // What comes before is its firmware's.
            Guest::Linux => self
                .running
                .text_after(milestone::EXECUTED)
                .unwrap_or_default(),
        };
        Ok(Ended {
            code,
            printed,
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
        let guest = self.monitor.guest();
        // Another thread reads what the guest says, and may do so after the end was seen of all of it.
        let own: Result<Vec<_>, String> = guest
            .phases(first.is_some())
            .iter()
            .map(|(phase, sign)| Ok((*phase, self.seen(*phase, *sign)?.min(answered_ns))))
            .collect();
        let own = own?;
        let entered_ns = own.first().map_or(self.executed_ns, |(_, ns)| *ns);
        // Its parent may be told late that it was executed.
        let mut ends = vec![(Phase::Spawn, self.executed_ns.min(entered_ns))];
        ends.extend(own);
        if first.is_some() {
            let accepted_ns = self.seen(Phase::Connect, Sign::Byte(milestone::ACCEPTED))?;
            ends.extend([
                (Phase::Connect, accepted_ns.min(answered_ns)),
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
        let after_launch = |(name, ns): (_, u64)| (name, ns.saturating_sub(launched_ns));
        let instants: BTreeMap<_, _> = self.instants().map(after_launch).collect();
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
