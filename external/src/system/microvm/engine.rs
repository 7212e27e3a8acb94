//! The machines of a run: one at a time, each with a monitor of its own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use machine::clock::now_ns;
use results::values::{Named as _, Virtualisation};
use results::{Attested, Evidence, Param, Skip, SkipKind};
use serde_json::json;
use workloads::Workload;

use super::super::listens;
use super::super::managed::{
    Engine, EngineContext, Instance, Preparation, StartRequest, make_empty,
};
use super::boot;
use super::guest::{Address, Boot, Guest};
use super::instance::Machine;
use super::milestone;
use super::monitor::{Monitor, Network, Order, Wire};
use super::virtualisation::kvm;
use crate::network::tap::Tap;
use crate::process::reaper::Reaper;
use crate::process::{Launch, Stdout};

/// Machines of one monitor.
pub(super) struct Machines {
    monitor: &'static dyn Monitor,
    program: PathBuf,
    version: String,
    work: PathBuf,
    reaper: Reaper,
    /// What is booted, by workload: written once, so that the run owns the pages that it evicts.
    boots: BTreeMap<&'static str, Boot>,
    /// The device between this machine and its guests, made when the first of them needs it.
    tap: Option<Tap>,
}

impl Machines {
    pub(super) fn new(
        monitor: &'static dyn Monitor,
        context: EngineContext<'_>,
    ) -> Result<Self, String> {
        let (work, _) = context.own(monitor.name());
        Ok(Self {
            monitor,
            program: context.found.program.clone(),
            version: context.found.version.clone(),
            work: make_empty(work)?,
            reaper: context.reaper.clone(),
            boots: BTreeMap::new(),
            tap: None,
        })
    }

    /// What is booted for a workload.
    fn boot(&mut self, workload: Workload) -> Result<&Boot, String> {
        let guest = self.monitor.guest();
        match self.boots.entry(boot::name(guest, workload)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(boot::write(guest, workload, &self.work)?)),
        }
    }

    /// What the guest is told, and its monitor of its network.
    fn order(&self, request: &StartRequest, port: Option<u16>) -> Result<Order, String> {
        let guest = self.monitor.guest();
        let boot = self.boots.get(boot::name(guest, request.workload));
        let boot = boot.ok_or("what it boots was not prepared")?;
        let network = port.map(|port| self.network(port)).transpose()?;
        let address = match &self.tap {
            Some(tap) => Address::behind(tap.guests_end()),
            None => Address::OF_USER,
        };
        let at = port.map(|port| (address, port));
        let command_line = boot::command_line(guest, request.workload, at);
        Ok(Order {
            virtualisation: virtualisation(request),
            image: boot.image.clone(),
            initramfs: boot.initramfs.clone(),
            command_line,
            network,
        })
    }

    fn network(&self, port: u16) -> Result<Network, String> {
        match (self.monitor.wire(), &self.tap) {
            (Wire::User, _) => Ok(Network::User { port }),
            (Wire::Tap, Some(tap)) => Ok(Network::Tap {
                device: tap.name(),
                mac: tap.guests_mac(),
            }),
            (Wire::Tap, None) => Err("its network was not prepared".to_owned()),
        }
    }

    /// Why there are no such machines here, or none that end in time.
    fn check(&self, request: &StartRequest) -> Result<(), Skip> {
        let virtualisation = virtualisation(request);
        if self.monitor.guest() == Guest::Linux
            && virtualisation == Virtualisation::InterpretedRing0
        {
            let reason = "a Linux kernel does not come through its boot where KVM interprets ring 0: after a \
                minute it has not said a word, and where it gets further it meets an instruction that this KVM \
                does not know";
            return Err(Skip::new(SkipKind::NotApplicable, reason)
                .remedy("a machine with virtualisation; here `virtualisation=emulated` boots it"));
        }
        if request.workload == Workload::CpuHash && virtualisation != Virtualisation::Hardware {
            let reason = format!(
                "a million rounds of SHA-256 would take a guest longer than a sample may take where {} is \
                    what executes it",
                virtualisation.name()
            );
            return Err(Skip::new(SkipKind::NotApplicable, reason)
                .remedy("`http-cpu` computes a thousand rounds"));
        }
        Ok(())
    }
}

/// What executes the guest of a cell.
fn virtualisation(request: &StartRequest) -> Virtualisation {
    let name = request.variant.get(Param::Virtualisation);
    name.and_then(Virtualisation::from_name)
        .unwrap_or(Virtualisation::Hardware)
}

impl Engine for Machines {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let virtualisation = virtualisation(request);
        self.check(request)?;
        let boot = self.boot(request.workload)?.clone();
        if listens(request.workload) && self.monitor.wire() == Wire::Tap && self.tap.is_none() {
            self.tap = Some(Tap::make(&self.reaper)?);
        }
        let resident: Result<Vec<_>, String> =
            boot.files().map(|file| request.place_pages(file)).collect();
        let resident: Option<usize> = resident?.into_iter().sum();
        let mut attested = Attested::from([
            (Evidence::PagesResident, json!(resident)),
            (Evidence::EngineVersion, json!(self.version)),
        ]);
        if let (Ok(found), true) = (kvm(), virtualisation != Virtualisation::Emulated) {
            let known = [
                (Evidence::Ring0InstructionNs, found.kernel.instruction_ns),
                (Evidence::Ring0ExitNs, found.kernel.exit_ns),
                (Evidence::Ring3InstructionNs, found.programs.instruction_ns),
            ];
            let known = known
                .into_iter()
                .filter_map(|(key, ns)| Some((key, json!(ns?))));
            attested.extend(known);
        }
        attested.extend(boot.attested);
        Ok(Preparation {
            sha256: boot.sha256,
            attested,
            fixed_port: None,
        })
    }

    fn start(
        &mut self,
        request: &StartRequest,
        port: Option<u16>,
    ) -> Result<Box<dyn Instance + '_>, String> {
        let order = self.order(request, port)?;
        let mut launch = Launch::new(&self.program, &self.work, self.work.join("monitor.log"));
        launch.arguments = self.monitor.arguments(&order);
        launch.stdout = Stdout::Stamped;
        launch.core = request.core;
        // A monitor that listens for orders insists on making the place itself.
        let _ = std::fs::remove_file(self.work.join(super::firecracker::SOCKET));
        let tap = self
            .tap
            .as_ref()
            .filter(|_| self.monitor.wire() == Wire::Tap);
        let packets_before = tap.and_then(Tap::packets).unwrap_or(0);
        let running = launch.launch().map_err(|error| error.to_string())?;
        // It returns when the program has been executed.
        let executed_ns = now_ns();
        let guard = self.reaper.guard_group(running.pid());
        let guard = guard.map_err(|error| {
            format!("the monitor cannot be guarded against our being killed: {error}")
        })?;
        let mut machine = Machine {
            running,
            monitor: self.monitor,
            tap,
            packets_before,
            executed_ns,
            _guard: guard,
        };
        let pid = machine.running.pid();
        if let Err(reason) = self.monitor.configure(&order, pid, request.deadline_ns) {
            let log = machine.log_tail();
            return Err(format!("{reason}; what it said: {log:?}"));
        }
        // The guest says when it listens: nobody asks before.
        if port.is_some() {
            machine.wait_for(milestone::LISTENING, request.deadline_ns)?;
        }
        Ok(Box::new(machine))
    }

    fn clean(&mut self) -> Result<(), String> {
        // Each machine's processes are gone with it.
        Ok(())
    }
}
