//! QEMU's smallest machine, under KVM or emulated, and what its machines have in common.

use std::ffi::OsString;

use results::values::Virtualisation;

use super::super::programs::unavailable;
use super::super::{Found, Unavailable, find_program, found, run};
use super::guest::Address;
use super::monitor::{MEMORY, Monitor, Network, Order, Wire};
use super::virtualisation::{kvm, under_kvm};

const PROGRAM: &str = "qemu-system-x86_64";

/// A machine with no device but those that are named, which ends when its guest resets it or says so.
pub(super) const ENDING: [&str; 11] = [
    "-m",
    MEMORY,
    "-display",
    "none",
    "-monitor",
    "none",
    "-device",
    "isa-debug-exit,iobase=0xf4,iosize=0x04",
    "-nodefaults",
    "-no-user-config",
    "-no-reboot",
];

/// Finds QEMU.
pub(super) fn find_qemu() -> Result<Found, Unavailable> {
    let remedy = "`./setup microvm` installs it";
    let unavailable = unavailable(remedy);
    let program = find_program(PROGRAM, &[])
        .ok_or_else(|| unavailable(format!("there is no program `{PROGRAM}`")))?;
    let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
    // `QEMU emulator version 7.2.0 (Debian …)`
    let version = printed.split_whitespace().nth(3).unwrap_or("unknown");
    found(program, version.to_owned(), remedy)
}

/// What QEMU calls what executes a guest, and the processor that the guest is given by it.
pub(super) const fn accelerated(by: Virtualisation) -> (&'static str, &'static str) {
    match by {
        Virtualisation::Emulated => ("tcg", "max"),
        // Where KVM interprets, this is a feature that it offers and cannot give.
        Virtualisation::InterpretedRing0 => ("kvm", "host,arch-capabilities=off"),
        Virtualisation::Hardware => ("kvm", "host"),
    }
}

/// The user's network, which has no way out: only the one port leads in.
pub(super) fn user_network(port: u16) -> String {
    let guest = Address::OF_USER.own;
    format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-{guest}:{port}")
}

/// The guest's code, of QEMU's own: its device for ending doubles the code and adds one.
pub(super) const fn guests_code(code: i32) -> Option<i64> {
    if code % 2 == 1 {
        Some((code / 2) as i64)
    } else {
        None
    }
}

pub(super) fn words(pairs: &[[&str; 2]]) -> Vec<OsString> {
    pairs.concat().into_iter().map(OsString::from).collect()
}

pub(in crate::system) struct Qemu;

impl Monitor for Qemu {
    fn name(&self) -> &'static str {
        "qemu-vm"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        find_qemu()
    }

    fn choices(&self) -> Vec<Virtualisation> {
        let mut choices = vec![Virtualisation::Emulated];
        if kvm().is_ok() {
            choices.insert(0, under_kvm());
        }
        choices
    }

    fn wire(&self) -> Wire {
        Wire::User
    }

    /// The machine with a serial port, a way to end and a place for a network device, and with no clock,
    /// no interrupt controller of a PC's and no ACPI, none of which the guest has a use for. The serial port
    /// is QEMU's standard output.
    fn arguments(&self, order: &Order) -> Vec<OsString> {
        let (accelerator, processor) = accelerated(order.virtualisation);
        let machine = format!(
            "microvm,accel={accelerator},acpi=off,pit=off,pic=off,rtc=off,isa-serial=on,\
                auto-kernel-cmdline=on"
        );
        let mut arguments = words(&[
            ["-M", machine.as_str()],
            ["-cpu", processor],
            ["-serial", "stdio"],
            ["-append", order.command_line.as_str()],
        ]);
        arguments.extend(ENDING.map(OsString::from));
        arguments.push("-kernel".into());
        arguments.push(order.image.clone().into());
        if let Some(Network::User { port }) = order.network {
            let network = user_network(port);
            arguments.extend(words(&[
                ["-netdev", network.as_str()],
                ["-device", "virtio-net-device,netdev=net"],
                // The guest knows devices of version 1 only.
                ["-global", "virtio-mmio.force-legacy=false"],
            ]));
        }
        arguments
    }

    fn guests_code(&self, code: i32) -> Option<i64> {
        guests_code(code)
    }
}
