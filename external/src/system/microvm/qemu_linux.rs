//! QEMU's usual machine with a Linux kernel, under KVM or emulated.

use std::ffi::OsString;

use results::values::Virtualisation;

use super::super::{Found, Unavailable};
use super::guest::Guest;
use super::linux;
use super::monitor::{Monitor, Network, Order, Wire};
use super::qemu::{ENDING, accelerated, find_qemu, guests_code, user_network, words};
use super::virtualisation::{kvm, under_kvm};

pub(in crate::system) struct QemuLinux;

impl Monitor for QemuLinux {
    fn name(&self) -> &'static str {
        "qemu-linux"
    }

    fn find(&self) -> Result<Found, Unavailable> {
        let found = find_qemu()?;
        linux::check()?;
        Ok(found)
    }

    fn guest(&self) -> Guest {
        Guest::Linux
    }

    /// Emulated first where KVM interprets kernels: this one is skipped there.
    fn choices(&self) -> Vec<Virtualisation> {
        match (kvm().is_ok(), under_kvm()) {
            (false, _) => vec![Virtualisation::Emulated],
            (true, Virtualisation::Hardware) => {
                vec![Virtualisation::Hardware, Virtualisation::Emulated]
            }
            (true, other) => vec![Virtualisation::Emulated, other],
        }
    }

    fn wire(&self) -> Wire {
        Wire::User
    }

    fn start_ms(&self) -> f64 {
        3_000.0
    }

    /// The smallest of QEMU's machines that this kernel finds a network card in, with firmware: in
    /// `microvm` Debian's kernel does not boot under TCG. Firmware and the first serial port are QEMU's standard
    /// output; the second one, the kernel's console, is its standard error.
    fn arguments(&self, order: &Order) -> Vec<OsString> {
        let (accelerator, processor) = accelerated(order.virtualisation);
        let machine = format!("q35,accel={accelerator}");
        let mut arguments = words(&[
            ["-M", machine.as_str()],
            ["-cpu", processor],
            ["-chardev", "stdio,id=said,mux=on,signal=off"],
            ["-serial", "chardev:said"],
            ["-device", "isa-debugcon,iobase=0x402,chardev=said"],
            ["-serial", "file:/proc/self/fd/2"],
            ["-append", order.command_line.as_str()],
        ]);
        arguments.extend(ENDING.map(OsString::from));
        arguments.push("-kernel".into());
        arguments.push(order.image.clone().into());
        if let Some(initramfs) = &order.initramfs {
            arguments.push("-initrd".into());
            arguments.push(initramfs.into());
        }
        if let Some(Network::User { port }) = order.network {
            let network = user_network(port);
            arguments.extend(words(&[
                ["-netdev", network.as_str()],
                // Without the firmware to boot over the network.
                ["-device", "virtio-net-pci,netdev=net,romfile="],
            ]));
        }
        arguments
    }

    fn guests_code(&self, code: i32) -> Option<i64> {
        guests_code(code)
    }
}
