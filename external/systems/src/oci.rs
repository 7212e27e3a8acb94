//! OCI runtimes alone, and the sandbox that is one.

use results::Param;

use super::usual::Usual;
use super::{Family, Instead, Kind, Known, Layer, Marker, look};

/// They make no network that a service could be reached in; a command may have none at all.
const USUAL: [Usual; 1] = [(Param::Network, &["host", "none"])];

/// What a sandbox is used with unless it is told otherwise.
const USUAL_OF_SANDBOX: [Usual; 2] = [
    (Param::Platform, &["systrap", "ptrace"]),
    (Param::Network, &["host", "none"]),
];

pub(super) const KNOWN: [Known; 4] = [
    Known {
        name: "runc",
        label: "runc",
        kind: Kind::Container,
        family: Family::Container,
        engine: None,
        usual: &USUAL,
        look: look("wine", Marker::Down, false),
    },
    Known {
        name: "crun",
        label: "crun",
        kind: Kind::Container,
        family: Family::Container,
        engine: None,
        usual: &USUAL,
        look: look("rose", Marker::Down, true),
    },
    Known {
        name: "youki",
        label: "youki",
        kind: Kind::Container,
        family: Family::Container,
        engine: None,
        usual: &USUAL,
        look: look("orange", Marker::Down, false),
    },
    Known {
        name: "gvisor",
        label: "gVisor",
        kind: Kind::Container,
        family: Family::Sandbox,
        engine: None,
        usual: &USUAL_OF_SANDBOX,
        look: look("sky", Marker::Down, true),
    },
];

pub(super) const LAYER: Layer = Layer {
    system: "runc",
    network: Some("host"),
    unless: None,
    step: "OCI runtime",
    work: "namespaces, mounts, control groups, the seccomp filter: the OCI runtime's two calls",
};

/// What stands in the place of that runtime, given the same bundle.
pub(super) const INSTEAD: [Instead; 3] = [
    instead("crun", "the same two calls, of a runtime in C"),
    instead("youki", "the same two calls, of a runtime in Rust"),
    instead(
        "gvisor",
        "a kernel of its own, which takes the program's system calls, and a process that hands it \
            files",
    ),
];

const fn instead(system: &'static str, work: &'static str) -> Instead {
    Instead {
        around: "program",
        layer: Layer {
            system,
            work,
            ..LAYER
        },
    }
}
