//! The machines of a run: one at a time, each with a monitor of its own.

use std::path::PathBuf;

use machine::clock::now_ns;
use results::values::{Named as _, Virtualisation};
use results::{Attested, Evidence, Param, Skip, SkipKind};
use serde_json::json;
use workloads::{Artifact, Workload};

use super::super::managed::{
    Engine, EngineContext, Instance, Preparation, StartRequest, make_empty,
};
use super::super::{call_arguments, copy_artifact, listens};
use super::instance::{Machine, milestone};
use super::monitor::{Monitor, Network, Order, Wire};
use super::qemu::{GATEWAY, GUEST};
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
    image: Option<(PathBuf, String)>,
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
            image: None,
            tap: None,
        })
    }

    /// The image, copied once: the run owns the pages that it evicts.
    fn image(&mut self) -> Result<(PathBuf, String), String> {
        if let Some(image) = &self.image {
            return Ok(image.clone());
        }
        let image = copy_artifact(Artifact::Unikernel, &self.work)?;
        Ok(self.image.insert(image).clone())
    }

    /// What the guest is told, and its monitor of its network.
    fn order(&self, request: &StartRequest, port: Option<u16>) -> Result<Order, String> {
        let (image, _) = self.image.as_ref().ok_or("the image was not prepared")?;
        let mut words = vec![format!("run={}", work(request.workload))];
        if let [iterations] = &call_arguments(request.workload)[..] {
            words.push(format!("iterations={iterations}"));
        }
        let mut network = None;
        if let Some(port) = port {
            words.push(format!("port={port}"));
            words.extend(tsc_khz().map(|khz| format!("tsc_khz={khz}")));
            network = Some(match (self.monitor.wire(), &self.tap) {
                (Wire::User, _) => {
                    words.push(format!("ip={GUEST}/24 gateway={GATEWAY}"));
                    Network::User { port }
                }
                (Wire::Tap, Some(tap)) => {
                    words.push(format!("ip={}/30", tap.guests_end()));
                    Network::Tap {
                        device: tap.name(),
                        mac: tap.guests_mac(),
                    }
                }
                (Wire::Tap, None) => return Err("its network was not prepared".to_owned()),
            });
        }
        Ok(Order {
            virtualisation: virtualisation(request),
            image: image.clone(),
            command_line: words.join(" "),
            network,
        })
    }
}

/// What the image calls a workload.
const fn work(workload: Workload) -> &'static str {
    match workload {
        Workload::Hello => "hello",
        Workload::CpuHash => "cpu-hash",
        _ => "http",
    }
}

/// What executes the guest of a cell.
fn virtualisation(request: &StartRequest) -> Virtualisation {
    let name = request.variant.get(Param::Virtualisation);
    name.and_then(Virtualisation::from_name)
        .unwrap_or(Virtualisation::Hardware)
}

/// How fast the processor's time stamp counter counts, as the kernel says how fast the processor is: timers
/// of the guest need no more.
fn tsc_khz() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("cpu MHz"))?;
    let (mhz, _) = line.split_once(':')?.1.trim().split_once('.')?;
    Some(mhz.parse::<u64>().ok()? * 1_000)
}

impl Engine for Machines {
    fn prepare(&mut self, request: &StartRequest) -> Result<Preparation, Skip> {
        let virtualisation = virtualisation(request);
        if request.workload == Workload::CpuHash && virtualisation != Virtualisation::Hardware {
            let reason = format!(
                "a million rounds of SHA-256 would take a guest longer than a sample may take where {} is \
                    what executes it",
                virtualisation.name()
            );
            return Err(Skip::new(SkipKind::NotApplicable, reason)
                .remedy("`http-cpu` computes a thousand rounds"));
        }
        let (image, sha256) = self.image()?;
        if listens(request.workload) && self.monitor.wire() == Wire::Tap && self.tap.is_none() {
            self.tap = Some(Tap::make(&self.reaper)?);
        }
        let mut attested = Attested::from([
            (Evidence::PagesResident, json!(request.place_pages(&image)?)),
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
        Ok(Preparation {
            sha256,
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
