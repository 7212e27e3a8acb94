//! The commands that share their dependencies.

use crate::resolution::{Root, Side};

/// All of them; those that people run first come first, in their order.
pub(crate) const ROOTS: &[Root] = &[
    Root {
        command: "cargo run -p host",
        arguments: &["--package", "host"],
        tests: false,
        group: Some("host"),
        shared: BOTH,
    },
    Root {
        command: "cargo run -p external",
        arguments: &["--package", "external"],
        tests: false,
        group: Some("external"),
        shared: BOTH,
    },
    Root {
        command: "cargo run -p analysis",
        arguments: &["--package", "analysis"],
        tests: false,
        group: Some("analysis"),
        shared: BOTH,
    },
    // The front door: what it leads to is built by a cargo of its own.
    Root {
        command: "cargo run",
        arguments: &["--package", "coldphase"],
        tests: false,
        group: None,
        shared: BOTH,
    },
    Root {
        command: "cargo build -p host-wasmedge --features wasmedge",
        arguments: &["--package", "host-wasmedge", "--features", "wasmedge"],
        tests: false,
        group: Some("host-wasmedge"),
        shared: BOTH,
    },
    Root {
        command: "cargo test -p host-wasmedge --features wasmedge",
        arguments: &["--package", "host-wasmedge", "--features", "wasmedge"],
        tests: true,
        group: Some("host-wasmedge-tests"),
        shared: BOTH,
    },
    Root {
        command: "cargo build -p host-wasmi --features wasmi",
        arguments: &["--package", "host-wasmi", "--features", "wasmi"],
        tests: false,
        group: Some("host-wasmi"),
        shared: BOTH,
    },
    Root {
        command: "cargo test -p host-wasmi --features wasmi",
        arguments: &["--package", "host-wasmi", "--features", "wasmi"],
        tests: true,
        group: Some("host-wasmi-tests"),
        shared: BOTH,
    },
    // The native programs are measured: they are linked with the features that they need, not with
    // those of the programs that measure them.
    Root {
        command: "cargo build -p native",
        arguments: &["--package", "native"],
        tests: false,
        group: Some("native"),
        shared: &[Side::Build],
    },
    Root {
        command: "cargo run -p workloads",
        arguments: &["--package", "workloads"],
        tests: false,
        group: Some("workloads"),
        shared: BOTH,
    },
    Root {
        command: "cargo bench -p benches",
        arguments: &["--package", "benches"],
        tests: true,
        group: Some("benches"),
        shared: BOTH,
    },
    Root {
        command: "cargo run -p xtask",
        arguments: &["--package", "xtask"],
        tests: false,
        group: Some("xtask-programs"),
        shared: BOTH,
    },
    Root {
        command: "cargo run -p xtask --no-default-features",
        arguments: &["--package", "xtask", "--no-default-features"],
        tests: false,
        group: Some("xtask"),
        shared: BOTH,
    },
    Root {
        command: "cargo test --workspace",
        arguments: &["--workspace"],
        tests: true,
        group: None,
        shared: BOTH,
    },
];

/// Both sides.
pub(crate) const BOTH: &[Side] = &[Side::Program, Side::Build];
