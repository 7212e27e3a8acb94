//! QEMU's smallest machine, under KVM or emulated.

use std::ffi::OsString;

use results::values::Virtualisation;

use super::super::programs::unavailable;
use super::super::{Found, Unavailable, find_program, found, run};
use super::monitor::{Guest, MEMORY_MIB, Monitor, Network, Order, Wire};
use super::virtualisation::{kvm, under_kvm};

const PROGRAM: &str = "qemu-system-x86_64";

pub(in crate::system) struct Qemu;

impl Monitor for Qemu {
    fn name(&self) -> &'static str {
        "qemu-vm"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let remedy = "`./setup microvm` installs it";
        let unavailable = unavailable(remedy);
        let program = find_program(PROGRAM, &[])
            .ok_or_else(|| unavailable(format!("there is no program `{PROGRAM}`")))?;
        let printed = run(&program, &["--version".to_owned()]).map_err(&unavailable)?;
        // `QEMU emulator version 7.2.0 (Debian …)`
        let version = printed.split_whitespace().nth(3).unwrap_or("unknown");
        found(program, version.to_owned(), remedy)
    }

    fn choices(&self) -> Vec<(Virtualisation, Guest)> {
        let mut choices = vec![(Virtualisation::Emulated, Guest::Unikernel)];
        if kvm().is_ok() {
            choices.insert(0, (under_kvm(), Guest::Unikernel));
        }
        choices
    }

    fn wire(&self) -> Wire {
        Wire::User
    }

    /// The machine with a serial port, a way to end and a place for a network device, and with no clock,
    /// no interrupt controller of a PC's and no ACPI, none of which the guest has a use for. The serial port
    /// is QEMU's standard output. The user's network has no way out: only the one port leads in.
    fn arguments(&self, order: &Order) -> Vec<OsString> {
        let (accelerator, processor) = match order.virtualisation {
            Virtualisation::Emulated => ("tcg", "max"),
            // Where KVM interprets, this is a feature that it offers and cannot give.
            Virtualisation::InterpretedRing0 => ("kvm", "host,arch-capabilities=off"),
            Virtualisation::Hardware => ("kvm", "host"),
        };
        let machine = format!(
            "microvm,accel={accelerator},acpi=off,pit=off,pic=off,rtc=off,isa-serial=on,\
                auto-kernel-cmdline=on"
        );
        let memory = format!("{MEMORY_MIB}M");
        let mut arguments: Vec<OsString> = [
            ["-M", machine.as_str()],
            ["-cpu", processor],
            ["-m", memory.as_str()],
            ["-display", "none"],
            ["-serial", "stdio"],
            ["-monitor", "none"],
            ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
            ["-append", order.command_line.as_str()],
        ]
        .concat()
        .into_iter()
        .map(OsString::from)
        .collect();
        arguments.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(OsString::from));
        arguments.push("-kernel".into());
        arguments.push(order.image.clone().into());
        if let Some(Network::User { port }) = order.network {
            let network =
                format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-{GUEST}:{port}");
            let words = [
                ["-netdev", network.as_str()],
                ["-device", "virtio-net-device,netdev=net"],
                // The guest knows devices of version 1 only.
                ["-global", "virtio-mmio.force-legacy=false"],
            ];
            arguments.extend(words.concat().into_iter().map(OsString::from));
        }
        arguments
    }

    /// Its device for ending doubles the code and adds one.
    fn guests_code(&self, code: i32) -> Option<i64> {
        (code % 2 == 1).then_some(i64::from(code / 2))
    }
}

/// The guest's address in the network that QEMU makes, and QEMU's own.
pub(super) const GUEST: &str = "10.0.2.15";
pub(super) const GATEWAY: &str = "10.0.2.2";
