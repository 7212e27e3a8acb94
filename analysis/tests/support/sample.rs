//! The samples of invented runs.

use campaign::schedule::Planned;
use results::names::Attested;
use results::noise::Noise;
use results::record::{Requests, Resources, Scenario};
use results::sum_rule::sum_rule;
use results::{Outcome, PhaseTime, SCHEMA_VERSION, Sample, latency};

use super::Shape;
use super::cells::kind;
use super::draw::Draw;

/// Bytes of so many MiB.
fn bytes_of(mib: f64) -> u64 {
    if mib > 0.0 {
        whole(mib * 1_048_576.0)
    } else {
        0
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

/// The spread of requests, as [`Draw::factor`] takes it.
pub const REQUEST_SPREAD: f64 = 0.5;

/// The histogram of so many requests about a time in nanoseconds, with a tail.
pub fn histogram(draw: &mut Draw, requests: u64, ns: f64) -> String {
    let mut histogram = latency::empty();
    for _ in 0..requests {
        latency::count(&mut histogram, whole(ns * draw.factor(REQUEST_SPREAD)));
    }
    latency::encode(&histogram)
}

/// The requests of a sample under load, of which one takes so many nanoseconds.
fn requests(
    shape: &Shape,
    planned: &Planned,
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
        by_request: None,
    }
}

pub(super) fn sample(shape: &Shape, planned: &Planned, draw: &mut Draw) -> Sample {
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
    let cold = if cell.scenario == Scenario::DiskCold {
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
        let [shim, engine] = match cell.system.original_name() {
            "docker" => [3.0 * instances, 120.0],
            _ => [0.0, 0.0],
        };
        attested.insert("shim_pss_bytes", bytes_of(shim));
        attested.insert("engine_pss_bytes", bytes_of(engine));
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
            others_cpu_ns: Some(0),
            capacity_ns: Some(4 * total),
        },
        requests,
        artifact_sha256: None,
        attested,
    }
}
