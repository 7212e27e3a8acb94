//! Virtual machines for one service.

use results::Param;

use super::usual::Usual;
use super::{Family, Kind, Known, Marker, look};

/// What executes the guest is what the machine has; the workload as its own kernel is the smallest
/// guest.
const USUAL: [Usual; 2] = [
    (
        Param::Virtualisation,
        &["hardware", "interpreted-ring0", "emulated"],
    ),
    (Param::Guest, &["unikernel", "linux"]),
];

pub(super) const KNOWN: [Known; 4] = [
    Known {
        name: "bare-vm",
        label: "KVM alone",
        kind: Kind::MicroVm,
        family: Family::MicroVm,
        engine: None,
        usual: &USUAL,
        look: look("olive", Marker::Plus, false),
    },
    Known {
        name: "qemu-vm",
        label: "QEMU",
        kind: Kind::MicroVm,
        family: Family::MicroVm,
        engine: None,
        usual: &USUAL,
        look: look("olive", Marker::Cross, true),
    },
    Known {
        name: "qemu-linux",
        label: "QEMU, Linux",
        kind: Kind::MicroVm,
        family: Family::MicroVm,
        engine: None,
        usual: &USUAL,
        look: look("olive", Marker::Circle, false),
    },
    Known {
        name: "firecracker",
        label: "Firecracker",
        kind: Kind::MicroVm,
        family: Family::MicroVm,
        engine: None,
        usual: &USUAL,
        look: look("olive", Marker::Diamond, true),
    },
];
