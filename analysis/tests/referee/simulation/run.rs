//! The samples of a run in a world.

use std::collections::BTreeMap;

use campaign::schedule::{Plan, Planned};
use results::manifest::Manifest;
use results::names::{Attested, Evidence, Param};
use results::noise::Noise;
use results::record::{Requests, Resources, Scenario};
use results::{Cell, Outcome, Phase, PhaseTime, SCHEMA_VERSION, Sample};
use systems::{Kind, describe};

use super::noise::{Common, course, scattered};
use super::world::World;
use crate::support::{Draw, REQUEST_SPREAD, histogram, manifest, whole};

/// What the native program costs: a start and a request alone and under load, in nanoseconds.
pub const START_NS: f64 = 2.25e6;
const REQUEST_NS: f64 = 130e3;
const LOADED_NS: f64 = 24e3;

/// Its memory, and the standard deviation of the logarithm of memory.
const PSS_BYTES: f64 = 1.2 * 1_048_576.0;
const PSS_SD: f64 = 0.01;

/// Seconds from one sample to the next, in which processes are made and looked for; and where an
/// engine of its own serves the sample. 160 cells of the quick profile take 27 seconds.
const PACE: f64 = 0.09;
const MANAGED_PACE: f64 = 1.0;

/// The generator's part of a core: far from its limit.
const GENERATOR_SHARE: f64 = 0.3;

/// The phases of a start that was taken apart, in parts of the whole.
const PROCESS: [(Phase, f64); 5] = [
    (Phase::Spawn, 0.2),
    (Phase::Init, 0.3),
    (Phase::Load, 0.2),
    (Phase::Connect, 0.1),
    (Phase::Respond, 0.2),
];
const COMMAND: [(Phase, f64); 3] = [(Phase::Spawn, 0.2), (Phase::Init, 0.4), (Phase::Run, 0.4)];
const CONTAINER: [(Phase, f64); 4] = [
    (Phase::Create, 0.3),
    (Phase::Start, 0.6),
    (Phase::Init, 0.05),
    (Phase::Respond, 0.05),
];

/// A run: its manifest and its samples in the order in which they were measured.
pub struct Simulated {
    pub manifest: Manifest,
    pub samples: Vec<Sample>,
}

impl Simulated {
    /// A run of a plan in a world; `between` is what all its times are multiplied by.
    pub fn new(name: &str, plan: &Plan, world: &World, between: f64, seed: u64) -> Self {
        let mut draw = Draw::new(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5EED);
        let order = plan.order();
        let seconds: f64 = order.iter().map(|it| pace(&it.cell)).sum();
        let mut machine = Machine {
            name,
            world,
            seconds,
            between,
            common: world.is_common.then(|| Common::new(seconds, &mut draw)),
            now: 0.0,
            is_after_managed: false,
            of_cells: of_cells(&plan.cells, world.each_cell, &mut draw),
            draw,
        };
        Self {
            manifest: Manifest {
                order: plan.order.clone(),
                ..manifest(name, plan.cells.clone(), plan.samples_per_cell, plan.seed)
            },
            samples: order.iter().map(|it| machine.sample(it)).collect(),
        }
    }
}

/// The mean of a request where the median is what native takes: requests spread by half about it,
/// as [`histogram`] makes them, six uniform numbers each.
pub fn mean_request_ns() -> f64 {
    let half = 0.5 * REQUEST_SPREAD;
    REQUEST_NS * (half.sinh() / half).powi(6)
}

/// Whether an engine of its own serves a cell's samples.
pub fn is_managed(cell: &Cell) -> bool {
    describe(&cell.system).kind == Kind::Container || cell.system.original_name() == "wasmcloud"
}

fn pace(cell: &Cell) -> f64 {
    if is_managed(cell) { MANAGED_PACE } else { PACE }
}

/// The machine while it measures.
struct Machine<'a> {
    name: &'a str,
    world: &'a World,
    /// How long the run takes.
    seconds: f64,
    /// What all times of this run are multiplied by.
    between: f64,
    common: Option<Common>,
    now: f64,
    is_after_managed: bool,
    /// What times of each cell are multiplied by, where a run does that.
    of_cells: BTreeMap<Cell, f64>,
    draw: Draw,
}

/// What a run does to each cell.
fn of_cells(cells: &[Cell], sd: f64, draw: &mut Draw) -> BTreeMap<Cell, f64> {
    if sd <= 0.0 {
        return BTreeMap::new();
    }
    let drawn = |cell: &Cell| (cell.clone(), (sd * draw.normal()).exp());
    cells.iter().map(drawn).collect()
}

impl Machine<'_> {
    fn sample(&mut self, planned: &Planned) -> Sample {
        let (world, cell) = (self.world, &planned.cell);
        let common = self
            .common
            .as_mut()
            .map_or(0.0, |it| it.at(self.now, &mut self.draw));
        let mut times = scattered(world, world.truth.time(cell), common, &mut self.draw);
        times *= self.of_cells.get(cell).copied().unwrap_or(1.0);
        times *= self.between * course(world, self.now / self.seconds, planned.block);
        if self.is_after_managed && !is_managed(cell) {
            times *= 1.0 + world.carry_over;
        }
        if let Some(grain) = world.grain {
            times = (times / grain).round().max(1.0) * grain;
        }
        let pss = PSS_BYTES * world.truth.memory(cell) * (PSS_SD * self.draw.normal()).exp();
        let is_failed =
            self.draw.unit() < world.failing || world.breaks(cell, planned.block, times);
        let started_at = clock(self.now);
        self.is_after_managed = is_managed(cell);
        self.now += pace(cell);
        let mut sample = self.record(planned, times, pss);
        sample.started_at = started_at;
        if is_failed {
            fail(&mut sample);
        }
        sample
    }

    fn record(&mut self, planned: &Planned, times: f64, pss: f64) -> Sample {
        let cell = &planned.cell;
        let total_ns = cell.scenario.starts().then(|| whole(times * START_NS));
        let requests = (!cell.scenario.starts()).then(|| self.requests(cell, times));
        let phases = total_ns.map(|total| phases(cell, total));
        let phases = phases.unwrap_or_default();
        let mut attested = Attested::new();
        if let Some(requests) = &requests {
            let cpu_ns = whole(requests.wall_ns as f64 * GENERATOR_SHARE);
            attested.insert(Evidence::GeneratorCpuNs, cpu_ns);
        }
        Sample {
            schema: SCHEMA_VERSION,
            run: self.name.to_owned(),
            order: planned.order,
            block: planned.block,
            cell: cell.clone(),
            outcome: Outcome::Ok,
            reason: None,
            started_at: String::new(),
            total_ns,
            residual_ns: (!phases.is_empty()).then_some(0),
            phases,
            resources: Resources {
                cpu_ns: total_ns,
                max_rss_bytes: Some(whole(2.0 * pss)),
                pss_bytes: Some(whole(pss)),
                ..Resources::default()
            },
            noise: Noise {
                steal_ns: Some(0),
                cpu_pressure_ns: Some(0),
                load1: Some(0.3),
                others_cpu_ns: Some(0),
                capacity_ns: Some(1),
            },
            requests,
            artifact_sha256: None,
            attested,
        }
    }

    fn requests(&mut self, cell: &Cell, times: f64) -> Requests {
        let count = |key: Param, or: u64| {
            let value = cell.params.get(key);
            value.and_then(|it| it.parse().ok()).unwrap_or(or)
        };
        let sent = count(Param::Requests, 200);
        let connections = count(Param::Connections, 1) as f64;
        let each = if cell.scenario == Scenario::Warm {
            REQUEST_NS
        } else {
            LOADED_NS
        };
        // In a closed loop each connection waits for the others' turns.
        let latency = times * each * connections;
        Requests {
            sent,
            ok: sent,
            failed: 0,
            dropped: 0,
            late: 0,
            wall_ns: whole(times * each * sent as f64),
            latency_hdr: Some(histogram(&mut self.draw, sent, latency)),
            series: None,
            by_request: None,
        }
    }
}

/// A sample that came to nothing.
fn fail(sample: &mut Sample) {
    sample.outcome = Outcome::Failed;
    sample.reason = Some("it was made to fail".to_owned());
    sample.total_ns = None;
    sample.residual_ns = None;
    sample.phases = Vec::new();
    sample.requests = None;
}

/// The phases of a start that was taken apart: none of one that nothing observed.
fn phases(cell: &Cell, total_ns: u64) -> Vec<PhaseTime> {
    let parts: &[(Phase, f64)] = match cell.params.get(Param::Observer) {
        None | Some("none") => return Vec::new(),
        Some("own") => &CONTAINER,
        Some(_) if cell.workload.starts_with("http") => &PROCESS,
        Some(_) => &COMMAND,
    };
    let mut left = total_ns;
    let mut phases: Vec<PhaseTime> = parts
        .iter()
        .map(|(name, part)| {
            let ns = whole(total_ns as f64 * part).min(left);
            left -= ns;
            PhaseTime { name: *name, ns }
        })
        .collect();
    if let Some(last) = phases.last_mut() {
        last.ns += left;
    }
    phases
}

/// The time of day so many seconds into the run.
fn clock(seconds: f64) -> String {
    let micros = whole(seconds * 1e6);
    let (second, minute, hour) = (
        micros / 1_000_000,
        micros / 60_000_000,
        micros / 3_600_000_000,
    );
    format!(
        "2026-11-25T{:02}:{:02}:{:02}.{:06}Z",
        9 + hour,
        minute % 60,
        second % 60,
        micros % 1_000_000
    )
}
