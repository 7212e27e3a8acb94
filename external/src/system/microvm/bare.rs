//! Our own monitor, with nothing but what the machine needs: the floor of what any other can reach.

use std::ffi::OsString;

use campaign::sibling::Package;
use results::values::Virtualisation;

use super::super::programs::unavailable;
use super::super::{Found, Unavailable, found};
use super::monitor::{MEMORY_MIB, Monitor, Network, Order, Wire};
use super::virtualisation::{check_kvm_and_tap, under_kvm};

const PACKAGE: Package = Package {
    name: "bare-monitor",
    arguments: &[],
    flags: None,
    first_build: "building the monitor of bare virtual machines: once, some seconds",
};

pub(in crate::system) struct Bare;

impl Monitor for Bare {
    fn name(&self) -> &'static str {
        "bare-vm"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        check_kvm_and_tap()?;
        let remedy = PACKAGE.remedy();
        let program = PACKAGE.program("bare-monitor");
        let program = program.map_err(unavailable(&remedy))?;
        found(program, env!("CARGO_PKG_VERSION").to_owned(), &remedy)
    }

    fn choices(&self) -> Vec<Virtualisation> {
        vec![under_kvm()]
    }

    fn wire(&self) -> Wire {
        Wire::Tap
    }

    fn arguments(&self, order: &Order) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "run".into(),
            "--image".into(),
            order.image.clone().into(),
            "--memory-mib".into(),
            MEMORY_MIB.to_string().into(),
            "--command-line".into(),
            order.command_line.clone().into(),
        ];
        if let Some(Network::Tap { device, mac }) = &order.network {
            arguments.extend(["--tap", device.as_str(), "--mac", mac.as_str()].map(OsString::from));
        }
        arguments
    }

    /// It ends with the guest's own code.
    fn guests_code(&self, code: i32) -> Option<i64> {
        Some(code.into())
    }
}
