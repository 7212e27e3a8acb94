//! Virtual machines that hold one service: monitors that boot the workload as its own kernel, or a
//! Linux kernel with it.
//!
//! A monitor is launched for each start and goes with it. What it has beside the guest is made before
//! anything is timed: the image's copy, and the TAP device where the network is one. What the guest has
//! reached comes over its serial port, a byte each, and is dated here: one clock for all of it.
//!
//! What executes the guest is a part of every cell ([`results::values::Virtualisation`]): on a machine
//! whose KVM interprets kernels, and in an emulator, figures say nothing of machines with
//! virtualisation, and are not compared.

mod bare;
mod boot;
mod engine;
mod firecracker;
mod guest;
mod initramfs;
mod instance;
mod linux;
mod milestone;
mod modules;
mod monitor;
mod qemu;
mod qemu_linux;
mod unikernel;
mod virtualisation;

use results::record::Scenario;
use results::values::Named as _;
use results::{Param, Params};

use self::bare::Bare;
use self::engine::Machines;
use self::firecracker::Firecracker;
use self::monitor::Monitor;
use self::qemu::Qemu;
use self::qemu_linux::QemuLinux;
use super::managed::{Engine, EngineContext, ManagedSystem, Programs};
use super::{Acquire, Adapter, BuildRequest, Estimate, Found, LaunchSpec, Unavailable};

pub use self::virtualisation::{Kvm, KvmFound, kvm};

/// Virtual machines of one monitor.
pub(super) struct MicroVm(&'static dyn Monitor);

impl MicroVm {
    pub(super) const BARE: Self = Self(&Bare);
    pub(super) const QEMU: Self = Self(&Qemu);
    pub(super) const QEMU_LINUX: Self = Self(&QemuLinux);
    pub(super) const FIRECRACKER: Self = Self(&Firecracker);
}

impl Adapter for MicroVm {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn find(&self) -> Result<Found, Unavailable> {
        self.0.find()
    }

    fn acquire_modes(&self) -> &'static [Acquire] {
        &[]
    }

    fn prepare(&self, _: &Found, _: &BuildRequest<'_>) -> Result<LaunchSpec, String> {
        Err("a virtual machine is started by its monitor".to_owned())
    }

    fn estimate(&self, _: Option<Acquire>, _: Scenario) -> Estimate {
        Estimate {
            start_ms: self.0.start_ms(),
            request_us: 1_000.0,
        }
    }

    fn managed(&self) -> Option<&dyn ManagedSystem> {
        Some(self)
    }

    fn keeps_state(&self) -> Result<&'static str, &'static str> {
        Ok("memory of the virtual machine")
    }
}

impl ManagedSystem for MicroVm {
    fn engine(&self, context: EngineContext<'_>) -> Result<Box<dyn Engine>, String> {
        Ok(Box::new(Machines::new(self.0, context)?))
    }

    fn variants(&self, service: bool, scenario: Scenario) -> Vec<Params> {
        if scenario == Scenario::ImageCold {
            return Vec::new();
        }
        let choices = self.0.choices().into_iter();
        let params = choices.map(|virtualisation| {
            let mut params = Params::from([
                (Param::Virtualisation, virtualisation.name()),
                (Param::Guest, self.0.guest().name()),
            ]);
            if service {
                params.insert(Param::Network, self.0.wire().name());
            }
            params
        });
        params.collect()
    }

    fn programs(&self, found: &Found) -> Programs {
        Programs {
            started: vec![found.program.clone()],
            live_on: Vec::new(),
        }
    }
}
