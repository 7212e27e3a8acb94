//! Memory is judged by figures that are alike for every system.

use findings::questions::ranking::{Criterion, Ranking};
use findings::{Findings, Measure};
use results::record::Scenario;
use results::{Evidence, Sample};

use crate::builder::{Builder, cell, findings};
use crate::{close, configured};

const MIB: f64 = 1048576.0;

/// What a system takes, in MiB: each instance, its shim, what instances share, the engine.
struct Takes {
    system: &'static str,
    each: u64,
    shim: u64,
    shared: u64,
    engine: Option<u64>,
}

const NATIVE: Takes = Takes {
    system: "native",
    each: 2,
    shim: 0,
    shared: 4,
    engine: Some(0),
};

const DOCKER: Takes = Takes {
    system: "docker",
    each: 1,
    shim: 3,
    shared: 1,
    engine: Some(120),
};

const WASMCLOUD: Takes = Takes {
    system: "wasmcloud",
    each: 1,
    shim: 0,
    shared: 100,
    engine: Some(0),
};

/// Idle instances in some numbers, in so many blocks, each with a little noise of its own.
fn idle(systems: &[Takes], blocks: u32) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..blocks {
        for takes in systems {
            for (n, text) in [(1, "1"), (4, "4"), (8, "8")] {
                let cell = cell(takes.system, Scenario::Density, &[("instances", text)]);
                let pss = (takes.shared + n * takes.each) << 20;
                let noise = n * u64::from(block % 3) * 1024;
                let mut sample = Builder::new(&cell, block)
                    .pss(pss + noise)
                    .attest(Evidence::ShimPssBytes, n * takes.shim << 20);
                if let Some(engine) = takes.engine {
                    sample = sample.attest(Evidence::EnginePssBytes, engine << 20);
                }
                samples.push(sample.build());
            }
        }
    }
    samples
}

/// The figures of a system, in MiB.
fn figures(found: &Findings, system: &str) -> [Option<f64>; 3] {
    let measures = [
        Measure::InstanceBytes,
        Measure::OnceBytes,
        Measure::ServiceBytes,
    ];
    measures.map(|measure| {
        let cells = found.facts.cells.iter();
        let with = cells.filter(|it| it.system() == system && it.median(measure).is_some());
        let found: Vec<f64> = with.filter_map(|it| it.median(measure)).collect();
        assert!(found.len() < 2, "one cell of a line has it");
        found
            .first()
            .map(|bytes| (bytes / MIB * 50.0).round() / 50.0)
    })
}

#[test]
fn a_shim_is_an_instances_and_an_engine_is_paid_once() {
    let found = findings(idle(&[NATIVE, DOCKER, WASMCLOUD], 8));
    assert_eq!(figures(&found, "native"), [2.0, 4.0, 6.0].map(Some));
    assert_eq!(figures(&found, "docker"), [4.0, 121.0, 125.0].map(Some));
    assert_eq!(figures(&found, "wasmcloud"), [1.0, 100.0, 101.0].map(Some));
    // The line through all samples says the same.
    let docker = found.density.iter().find(|it| it.cell.system == "docker");
    let docker = docker.unwrap();
    assert_eq!(docker.memory_measure, Some(Measure::FleetBytes));
    assert!((docker.memory.unwrap().slope / MIB - 4.0).abs() < 0.01);
}

#[test]
fn what_an_engine_takes_is_unknown_where_the_record_does_not_say() {
    let old = Takes {
        engine: None,
        ..DOCKER
    };
    let found = findings(idle(&[NATIVE, old], 8));
    assert_eq!(figures(&found, "docker"), [Some(4.0), None, None]);
    let steps = &found.density.iter().find(|it| it.cell.system == "docker");
    let none = steps
        .unwrap()
        .steps
        .iter()
        .all(|it| it.per_second_and_mib.is_none());
    assert!(none, "no requests per second and MiB without the engine's");
}

fn ranked<'a>(found: &'a Findings, name: &str) -> &'a Ranking {
    let mut rankings = found.rankings.iter();
    rankings.find(|it| it.for_use.name == name).unwrap()
}

/// Each system's memory in a ranking, in MiB.
fn weighed(ranking: &Ranking, system: &str) -> Option<(Criterion, f64)> {
    let place = ranking.places.iter().find(|it| it.system == system)?;
    let factor = place.factors.iter().find(|it| it.criterion.is_memory())?;
    Some((factor.criterion, (factor.value / MIB).round()))
}

#[test]
fn many_tenants_pay_for_one_more_and_one_service_for_all_of_it() {
    let mut samples = configured(&[
        ("native", 2.0, 10),
        ("docker", 300.0, 2),
        ("wasmcloud", 20.0, 101),
        ("runc", 40.0, 1),
    ]);
    samples.extend(idle(&[NATIVE, DOCKER, WASMCLOUD], 14));
    let found = findings(samples);
    let (edge, serverless) = (ranked(&found, "edge"), ranked(&found, "serverless"));
    for (system, each, whole) in [
        ("native", 2.0, 6.0),
        ("docker", 4.0, 125.0),
        ("wasmcloud", 1.0, 101.0),
    ] {
        let wanted = Some((Criterion::InstanceMemory, each));
        assert_eq!(weighed(edge, system), wanted, "{system}");
        let wanted = Some((Criterion::ServiceMemory, whole));
        assert_eq!(weighed(serverless, system), wanted, "{system}");
    }
    for ranking in [edge, serverless] {
        assert_eq!(ranking.not_judged, []);
        let why = &ranking.unranked[0];
        assert_eq!(why.system, "runc");
        assert!(why.why.contains("memory of one"), "{why:?}");
    }
}

#[test]
fn memory_is_not_judged_where_no_line_was_measured() {
    let mut samples = configured(&[("native", 2.0, 10), ("docker", 300.0, 2)]);
    // A line of one system compares with nothing.
    samples.extend(idle(&[NATIVE], 14));
    let found = findings(samples);
    let edge = ranked(&found, "edge");
    assert_eq!(edge.not_judged, [Criterion::InstanceMemory]);
    assert_eq!(edge.places.len(), 2);
    let weights: Vec<f64> = edge.weighed.iter().map(|(_, weight)| *weight).collect();
    assert_eq!(weights.len(), 2);
    close(weights[0], 0.8);
    close(weights[1], 0.2);
}
