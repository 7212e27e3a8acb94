//! The manifests of invented runs.

use std::collections::BTreeMap;

use results::machine::Machine;
use results::manifest::{Build, Manifest, Order, System};
use results::{Cell, SCHEMA_VERSION};

/// The manifest of a run of these cells, on a machine that does not exist.
pub fn manifest(run: &str, cells: Vec<Cell>, samples_per_cell: u32, seed: u64) -> Manifest {
    let system = |name: &str, version: &str, unavailable: Option<&str>| System {
        name: name.to_owned(),
        version: version.to_owned(),
        engine_version: None,
        sha256: None,
        unavailable: unavailable.map(str::to_owned),
        description: None,
    };
    Manifest {
        schema: SCHEMA_VERSION,
        run: run.to_owned(),
        created_at: "2026-11-25T12:00:00.000000Z".to_owned(),
        command_line: vec!["external".to_owned(), "suite".to_owned()],
        config: BTreeMap::new(),
        order: Order::by_comparison(),
        seed,
        samples_per_cell,
        cells,
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        dirty: Some(false),
        build: Build {
            profile: "debug".to_owned(),
            opt_level: "3".to_owned(),
            debug_assertions: false,
            target: "x86_64-unknown-linux-gnu".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            sha256: "00".repeat(32),
        },
        machine: Machine {
            cpu_model: Some("An invented CPU".to_owned()),
            cores: Some(2),
            memory_bytes: Some(8 << 30),
            kernel: Some("6.18.0".to_owned()),
            virtualised: Some(true),
            ..Machine::default()
        },
        systems: vec![
            system("native", "0.1.0", None),
            system("wasmtime-embedded", "48.0.2", None),
            system("wasmtime-cli", "48.0.2", None),
            system(
                "wasmedge-embedded",
                "",
                Some("libwasmedge is not there; `./setup wasmedge` installs it"),
            ),
        ],
        artifacts: Vec::new(),
    }
}
