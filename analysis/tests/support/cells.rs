//! The cells of invented runs, and what each of them costs.

use results::names::{Param, Params};
use results::record::Scenario;
use results::{Cell, Phase};

use super::Shape;

/// A system: its name, how it comes by code, its phases in microseconds, a request in nanoseconds,
/// memory in MiB.
pub(super) type Kind = (
    &'static str,
    Option<&'static str>,
    &'static [(Phase, f64)],
    f64,
    f64,
);

const KINDS: [Kind; 10] = [
    (
        "native",
        None,
        &[
            (Phase::Spawn, 600.0),
            (Phase::Init, 700.0),
            (Phase::Connect, 150.0),
            (Phase::Respond, 350.0),
        ],
        24e3,
        1.2,
    ),
    (
        "wasmtime-embedded",
        Some("compile"),
        &[
            (Phase::Spawn, 800.0),
            (Phase::Init, 1200.0),
            (Phase::Load, 88_000.0),
            (Phase::Respond, 700.0),
        ],
        61e3,
        38.0,
    ),
    (
        "wasmtime-embedded",
        Some("deserialize_file"),
        &[
            (Phase::Spawn, 800.0),
            (Phase::Init, 1100.0),
            (Phase::Load, 1500.0),
            (Phase::Respond, 600.0),
        ],
        61e3,
        11.0,
    ),
    (
        "wasmtime-cli",
        Some("deserialize_file"),
        &[
            (Phase::Spawn, 900.0),
            (Phase::Init, 8800.0),
            (Phase::Load, 2100.0),
            (Phase::Connect, 200.0),
            (Phase::Respond, 900.0),
        ],
        150e3,
        19.0,
    ),
    (
        "wasmtime-cli",
        Some("compile"),
        &[
            (Phase::Spawn, 900.0),
            (Phase::Init, 8800.0),
            (Phase::Load, 93_000.0),
            (Phase::Connect, 200.0),
            (Phase::Respond, 900.0),
        ],
        150e3,
        52.0,
    ),
    (
        "wasmedge-cli",
        Some("aot"),
        &[
            (Phase::Spawn, 1000.0),
            (Phase::Init, 15_000.0),
            (Phase::Load, 6000.0),
            (Phase::Respond, 800.0),
        ],
        120e3,
        31.0,
    ),
    (
        "runc",
        None,
        &[
            (Phase::Create, 38_000.0),
            (Phase::Start, 9000.0),
            (Phase::Init, 700.0),
            (Phase::Respond, 350.0),
        ],
        26e3,
        4.0,
    ),
    (
        "containerd",
        None,
        &[
            (Phase::Create, 52_000.0),
            (Phase::Start, 61_000.0),
            (Phase::Init, 700.0),
            (Phase::Respond, 350.0),
        ],
        26e3,
        9.0,
    ),
    (
        "docker",
        None,
        &[
            (Phase::Create, 61_000.0),
            (Phase::Start, 170_000.0),
            (Phase::Init, 800.0),
            (Phase::Respond, 400.0),
        ],
        27e3,
        5.0,
    ),
    (
        "wasmcloud",
        None,
        &[
            (Phase::Spawn, 900.0),
            (Phase::HostReady, 310_000.0),
            (Phase::Schedule, 120_000.0),
            (Phase::Respond, 2500.0),
        ],
        210e3,
        96.0,
    ),
];

pub(super) fn kind(cell: &Cell) -> &'static Kind {
    let system = cell.system.strip_suffix("-aa").unwrap_or(&cell.system);
    let acquire = cell.params.get("acquire");
    KINDS
        .iter()
        .find(|kind| kind.0 == system && kind.1 == acquire)
        .expect("cells are made of kinds")
}

/// The cells of a shape.
pub fn cells(shape: &Shape) -> Vec<Cell> {
    let mut cells = Vec::new();
    for workload in &shape.workloads {
        for &scenario in &shape.scenarios {
            if matches!(scenario, Scenario::Scaling | Scenario::Density) {
                continue;
            }
            for (system, acquire, ..) in KINDS {
                let starts = scenario.starts();
                let compiles = acquire == Some("compile");
                if acquire.is_some() && compiles != (scenario == Scenario::DiskCold) {
                    continue;
                }
                let networks: &[Option<&str>] = match system {
                    "docker" => &[Some("host"), Some("bridge")],
                    "runc" | "containerd" => &[Some("host")],
                    _ => &[None],
                };
                let observers: &[Option<&str>] = if starts {
                    &[Some("none"), Some("seccomp")]
                } else {
                    &[None]
                };
                let twins: &[&str] = if system == "native" {
                    &["", "-aa"]
                } else {
                    &[""]
                };
                for ((network, observer), twin) in networks
                    .iter()
                    .flat_map(|n| observers.iter().map(move |o| (*n, *o)))
                    .flat_map(|c| twins.iter().map(move |t| (c, *t)))
                {
                    if !twin.is_empty() && observer == Some("seccomp") {
                        continue;
                    }
                    let page_cache = if scenario == Scenario::DiskCold {
                        "evicted"
                    } else {
                        "hot"
                    };
                    let connections = if scenario == Scenario::Throughput {
                        "10"
                    } else {
                        "1"
                    };
                    let mut params = Params::default();
                    let mut set = |key: &str, value: Option<&str>| {
                        if let Some(value) = value {
                            params.insert(key, value);
                        }
                    };
                    set("acquire", acquire);
                    set("network", network);
                    set("observer", observer);
                    set("page_cache", starts.then_some(page_cache));
                    set("connections", (!starts).then_some(connections));
                    set("pace", (!starts).then_some("closed"));
                    cells.push(Cell {
                        system: format!("{system}{twin}").into(),
                        workload: (*workload).into(),
                        scenario,
                        params,
                    });
                }
            }
        }
    }
    cells.extend(growing(shape));
    cells
}

/// Cells with many instances, and with a firewall in the way.
fn growing(shape: &Shape) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |system: &str, acquire: Option<&str>, scenario, params: &[(&str, &str)]| {
        let mut all = Params::default();
        for (key, value) in params {
            all.insert(*key, *value);
        }
        if let Some(acquire) = acquire {
            all.insert(Param::Acquire, acquire);
        }
        cells.push(Cell {
            system: system.into(),
            workload: "http-hello".into(),
            scenario,
            params: all,
        });
    };
    for (system, acquire) in [
        ("native", None),
        ("wasmtime-embedded", Some("deserialize_file")),
        ("docker", None),
    ] {
        if shape.scenarios.contains(&Scenario::Scaling) {
            for instances in ["1", "2", "4"] {
                add(
                    system,
                    acquire,
                    Scenario::Scaling,
                    &[
                        ("instances", instances),
                        ("connections", "8"),
                        ("pace", "closed"),
                    ],
                );
            }
        }
        if shape.scenarios.contains(&Scenario::Density) {
            for instances in ["1", "10", "40"] {
                add(
                    system,
                    acquire,
                    Scenario::Density,
                    &[("instances", instances)],
                );
            }
        }
        if shape.scenarios.contains(&Scenario::Warm) && shape.scenarios.contains(&Scenario::Scaling)
        {
            for firewall in ["baseline", "rules:100", "rules:1000"] {
                add(
                    system,
                    acquire,
                    Scenario::Warm,
                    &[
                        ("firewall", firewall),
                        ("connections", "1"),
                        ("pace", "closed"),
                    ],
                );
            }
        }
    }
    cells
}
