//! Runs that nobody measured: every byte of them follows from their shape.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each user of this module uses another part of it"
)]

mod draw;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use campaign::schedule::Plan;
use results::machine::Machine;
use results::manifest::{Build, Manifest, Order, System};
use results::names::{Attested, Param, Params};
use results::noise::Noise;
use results::record::{Requests, Resources, Scenario};
use results::sum_rule::sum_rule;
use results::{Cell, Outcome, Phase, PhaseTime, SCHEMA_VERSION, Sample, latency};

use draw::Draw;

/// What a run is like.
#[derive(Clone)]
pub struct Shape {
    pub run: &'static str,
    pub samples: u32,
    pub requests: u64,
    pub scenarios: Vec<Scenario>,
    pub workloads: Vec<&'static str>,
    /// How many times as slow every system but `native` is.
    pub slower: f64,
    pub seed: u64,
}

impl Shape {
    /// A small one with everything in it.
    pub fn small(run: &'static str) -> Self {
        Self {
            run,
            samples: 8,
            requests: 1_200,
            scenarios: Scenario::ALL.to_vec(),
            workloads: vec!["http-hello"],
            slower: 1.0,
            seed: 7,
        }
    }
}

/// A system: its name, how it comes by code, its phases in microseconds, a request in nanoseconds,
/// memory in MiB.
type Kind = (
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

fn kind(cell: &Cell) -> &'static Kind {
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
                if acquire.is_some() && compiles != (scenario == Scenario::Cold) {
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
                    let page_cache = if scenario == Scenario::Cold {
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

pub fn manifest(shape: &Shape) -> Manifest {
    let system = |name: &str, version: &str, unavailable: Option<&str>| System {
        name: name.to_owned(),
        version: version.to_owned(),
        sha256: None,
        unavailable: unavailable.map(str::to_owned),
    };
    Manifest {
        schema: SCHEMA_VERSION,
        run: shape.run.to_owned(),
        created_at: "2026-11-25T12:00:00.000000Z".to_owned(),
        command_line: vec!["external".to_owned(), "suite".to_owned()],
        config: BTreeMap::new(),
        order: Order::by_comparison(),
        seed: shape.seed,
        samples_per_cell: shape.samples,
        cells: cells(shape),
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

pub fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "invented times are small and positive"
    )]
    {
        value.round().max(1.0) as u64
    }
}

fn histogram(draw: &mut Draw, requests: u64, ns: f64) -> String {
    let mut histogram = latency::empty();
    for _ in 0..requests {
        latency::count(&mut histogram, whole(ns * draw.factor(0.5)));
    }
    latency::encode(&histogram)
}

/// The requests of a sample under load, of which one takes so many nanoseconds.
fn requests(
    shape: &Shape,
    planned: &campaign::schedule::Planned,
    draw: &mut Draw,
    request_ns: f64,
    instances: f64,
) -> Requests {
    let busy = if planned.cell.scenario == Scenario::Throughput {
        5.0
    } else {
        1.0
    };
    let ns = request_ns * busy * draw.factor(0.05);
    let wall_ns = whole(ns * shape.requests as f64 / busy / 1.7 / instances.powf(0.8));
    let latency_hdr = Some(histogram(draw, shape.requests, ns));
    Requests {
        sent: shape.requests,
        ok: shape.requests,
        failed: 0,
        dropped: 0,
        late: 0,
        wall_ns,
        latency_hdr,
        series: None,
    }
}

fn sample(shape: &Shape, planned: &campaign::schedule::Planned, draw: &mut Draw) -> Sample {
    let cell = &planned.cell;
    let (_, _, phases, request, mib) = *kind(cell);
    let bridge = if cell
        .params
        .get("network")
        .is_some_and(|network| network == "bridge")
    {
        1.35
    } else {
        1.0
    };
    let slower = if cell.system.starts_with("native") {
        1.0
    } else {
        shape.slower
    } * bridge;
    let starts = cell.scenario.starts();
    let watched = cell
        .params
        .get("observer")
        .is_some_and(|observer| observer != "none");
    let cold = if cell.scenario == Scenario::Cold {
        1.6
    } else {
        1.0
    };
    let times: Vec<_> = phases
        .iter()
        .map(|(name, micros)| PhaseTime {
            name: *name,
            ns: whole(micros * 1e3 * slower * cold * draw.factor(0.08)),
        })
        .collect();
    let total: u64 =
        times.iter().map(|phase| phase.ns).sum::<u64>() + if watched { 1_200 } else { 0 };
    let instances: f64 = cell
        .params
        .get("instances")
        .map_or(1.0, |n| n.parse().unwrap());
    let firewall: f64 = match cell.params.get("firewall") {
        Some("rules:100") => 1.02,
        Some("rules:1000") => 1.3,
        _ => 1.0,
    };
    let slower = slower * firewall;
    let is_density = cell.scenario == Scenario::Density;
    let requests = (!starts && !is_density)
        .then(|| requests(shape, planned, draw, request * slower, instances));
    let phases = if starts && watched { times } else { Vec::new() };
    let residual_ns =
        (!phases.is_empty()).then(|| sum_rule(total, &phases).expect("1.2 µs are allowed"));
    let bytes = whole(mib * 1_048_576.0 * (0.4 + 0.6 * instances) * draw.factor(0.01));
    let mut attested = Attested::default();
    if cell.params.contains_key("instances") {
        attested.insert("ready_ns", total);
        attested.insert("pss_bytes", bytes);
        attested.insert("private_bytes", bytes * 9 / 10);
        attested.insert("start_last_ns", total / 2);
        attested.insert("oversubscribed", instances > 2.0);
    }
    Sample {
        schema: SCHEMA_VERSION,
        run: shape.run.to_owned(),
        order: planned.order,
        block: planned.block,
        cell: cell.clone(),
        outcome: Outcome::Ok,
        reason: None,
        started_at: "2026-11-25T12:00:01.000000Z".to_owned(),
        total_ns: (starts || is_density).then_some(total),
        residual_ns,
        phases,
        resources: Resources {
            cpu_ns: Some(total / 2),
            max_rss_bytes: Some(bytes * 2),
            pss_bytes: Some(bytes),
            minor_faults: Some(300),
            ..Resources::default()
        },
        noise: Noise {
            steal_ns: Some(if draw.unit() < 0.04 { 10_000_000 } else { 0 }),
            cpu_pressure_ns: Some(0),
            load1: Some(0.3),
        },
        requests,
        artifact_sha256: None,
        attested,
    }
}

/// Writes a run below `raw` and returns its folder.
pub fn write(raw: &Path, shape: &Shape) -> PathBuf {
    let folder = raw.join(shape.run);
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = manifest(shape);
    std::fs::write(
        folder.join("manifest.json"),
        serde_json::to_vec_pretty(&manifest).unwrap(),
    )
    .unwrap();
    let plan = Plan::from(&manifest);
    let mut draw = Draw::new(shape.seed);
    let mut ledger = BufWriter::new(File::create(folder.join("samples.jsonl")).unwrap());
    for planned in plan.order() {
        serde_json::to_writer(&mut ledger, &sample(shape, &planned, &mut draw)).unwrap();
        ledger.write_all(b"\n").unwrap();
    }
    ledger.flush().unwrap();
    folder
}
