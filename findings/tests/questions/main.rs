//! Questions asked of samples whose answers are known.

mod blocks;
mod builder;
mod carry_over;
mod duel;
mod few_blocks;
mod harness;
mod levers;
mod lifecycles;
mod load;
mod memory;
mod objectives;
mod selection;
mod simulated;
mod virtual_machines;

use builder::{Builder, cell, findings};
use findings::Measure;
use findings::comparison::Design;
use findings::questions::container_layers::ContainerLayers;
use findings::questions::factors::Factor;
use findings::questions::scaling::Limit;
use findings::statistics::Verdict;
use results::record::Scenario;
use results::{Cell, Evidence, Phase, Sample};

fn close(one: f64, two: f64) {
    assert!(
        (one - two).abs() <= 1e-6 * two.abs().max(1.0),
        "{one} for {two}"
    );
}

fn of_workload(workload: &str, cell: Cell) -> Cell {
    Cell {
        workload: workload.into(),
        ..cell
    }
}

/// One instance answers 100 requests a second, two 180, and four 150.
fn scaled() -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..8 {
        for (instances, ok) in [("1", 100), ("2", 180), ("4", 150)] {
            let cell = cell("native", Scenario::Scaling, &[("instances", instances)]);
            samples.push(Builder::new(&cell, block).answers(ok).build());
        }
    }
    samples
}

#[test]
fn scaling_is_the_throughput_over_that_of_the_fewest() {
    let found = findings(scaled());
    let scaling = &found.scaling[0];
    let efficiencies: Vec<f64> = scaling
        .steps
        .iter()
        .map(|step| step.efficiency.unwrap().estimate)
        .collect();
    for (found, wanted) in efficiencies.iter().zip([1.0, 0.9, 0.375]) {
        close(*found, wanted);
    }
    let degraded: Vec<bool> = scaling.steps.iter().map(|step| step.is_degraded).collect();
    assert_eq!(degraded, [false, false, true]);
    assert_eq!(scaling.limit, Limit::Falls { instances: 4 });
}

#[test]
fn a_number_of_instances_with_failures_is_beyond_the_limit() {
    let mut samples = scaled();
    let cell = cell("native", Scenario::Scaling, &[("instances", "2")]);
    samples.push(Builder::new(&cell, 9).failed("no answer").build());
    let limit = findings(samples).scaling[0].limit;
    let (instances, failed, of) = (2, 1, 9);
    assert_eq!(
        limit,
        Limit::Fails {
            instances,
            failed,
            of
        }
    );
}

fn dense(totals_mib: [(&str, u64); 3]) -> Vec<Sample> {
    let sample = |(instances, mib): (&str, u64)| {
        let cell = cell("native", Scenario::Density, &[("instances", instances)]);
        let sample = Builder::new(&cell, 0).pss(mib << 20).answers(9);
        sample.attest(Evidence::EnginePssBytes, 0).build()
    };
    totals_mib.map(sample).to_vec()
}

#[test]
fn what_one_more_instance_takes_is_the_slope() {
    // 3 MiB for any number, and 2 MiB each.
    let found = findings(dense([("1", 5), ("4", 11), ("16", 35)]));
    let density = &found.density[0];
    let fit = density.memory.unwrap();
    close(fit.slope, f64::from(2 << 20));
    close(fit.intercept, f64::from(3 << 20));
    assert!(density.is_line() && density.worst.unwrap().share < 1e-9);
    // 9 answers in a second from 5 MiB.
    close(density.steps[0].per_second_and_mib.unwrap().value, 1.8);
    let bent = findings(dense([("1", 10), ("4", 90), ("16", 100)]));
    assert!(!bent.density[0].is_line());
}

#[test]
fn a_factor_is_judged_within_blocks() {
    let start = |level: &str, block: u32, ns: u64| {
        let cell = cell("native", Scenario::WarmDisk, &[("firewall", level)]);
        Builder::new(&cell, block).total(ns).build()
    };
    let mut samples = Vec::new();
    for block in 0..12 {
        // The machine gets slower and slower; the difference within a block stays.
        let off = 1_000_000 + u64::from(block) * 100_000;
        samples.push(start("off", block, off));
        samples.push(start("rules:1000", block, off + off / 5 + u64::from(block)));
        samples.push(start("rules:10", block, off + off / 1_000));
    }
    let found = findings(samples);
    let variation = &found.variations[0];
    assert_eq!(variation.factor, Factor::Firewall);
    assert_eq!(variation.family.design, Design::Blocked);
    let verdict = |level: &str| {
        let id = found.facts.cells.iter();
        let cell = id
            .into_iter()
            .find(|it| it.cell.params.is("firewall", level));
        let member = variation.family.of_candidate(&cell.unwrap().id).unwrap();
        (member.verdict.clone(), member.ratio.unwrap().estimate)
    };
    let (slower, ratio) = verdict("rules:1000");
    assert_eq!(slower, Verdict::Slower);
    assert!((ratio - 1.2).abs() < 1e-3, "{ratio}");
    assert_eq!(verdict("rules:10").0, Verdict::Indistinguishable);
}

#[test]
fn samples_of_other_blocks_are_independent() {
    let start = |system: &str, block: u32, ns: u64| {
        let cell = cell(system, Scenario::WarmDisk, &[]);
        Builder::new(&cell, block).total(ns).build()
    };
    let mut samples = Vec::new();
    for block in 0..12 {
        samples.push(start("native", block, 1_000_000 + u64::from(block)));
        samples.push(start("docker", block + 100, 9_000_000 + u64::from(block)));
    }
    let found = findings(samples);
    let family = &found.facts.families[0];
    assert_eq!(family.design, Design::Independent);
    assert_eq!(family.members[0].verdict, Verdict::Slower);
    assert_eq!(
        found.headlines[0]
            .container
            .as_ref()
            .unwrap()
            .verdict
            .as_ref(),
        Some(&family.members[0])
    );
}

#[test]
fn a_wire_makes_starts_alike() {
    let mut samples = Vec::new();
    for block in 0..12 {
        for (system, total) in [("native", 2_000_000), ("wasmtime-cli", 10_000_000)] {
            let total = total + u64::from(block);
            let near = cell(system, Scenario::WarmDisk, &[]);
            let far = cell(system, Scenario::WarmDisk, &[("path", "veth")]);
            samples.push(Builder::new(&near, block).total(total).build());
            samples.push(Builder::new(&far, block).total(total + 100_000).build());
        }
    }
    let found = findings(samples);
    let path = found.network_path.as_ref().unwrap();
    let of = |system: &str| {
        let fits = |id: &str| found.facts.cell(id).unwrap().system() == system;
        path.starts.iter().find(|start| fits(&start.cell)).unwrap()
    };
    // 10.1 and 2.1 ms, and 50.1 and 42.1 with two round trips of 20 ms.
    let wasm = of("wasmtime-cli");
    let family = path.over_network.as_ref().unwrap();
    let ratio = family.of_candidate(&wasm.cell).unwrap().ratio.unwrap();
    assert!((ratio.estimate - 10.1 / 2.1).abs() < 1e-3);
    let (total, times) = wasm.at_20_ms.unwrap();
    assert!((total - 50.1e6).abs() < 100.0 && (times.unwrap() - 50.1 / 42.1).abs() < 1e-4);
    assert!(wasm.loopback.is_some() && of("native").loopback.is_some());
    let far = findings(
        (0..6)
            .map(|block| {
                let params = [("path", "veth"), ("delay_ms", "10")];
                let cell = cell("native", Scenario::WarmDisk, &params);
                Builder::new(&cell, block).total(42_000_000).build()
            })
            .collect(),
    );
    let far = far.network_path.unwrap();
    assert!(far.is_delayed && far.starts[0].at_20_ms.is_none());
    assert_eq!(
        far.starts[0].calculated_ns, None,
        "there is no start without"
    );
}

#[test]
fn a_measured_delay_stands_beside_the_arithmetic_of_it() {
    let near = cell("native", Scenario::WarmDisk, &[]);
    let far = cell("native", Scenario::WarmDisk, &[("path", "veth")]);
    let delayed = [("path", "veth"), ("delay_ms", "20"), ("jitter_ms", "1")];
    let delayed = cell("native", Scenario::WarmDisk, &delayed);
    let samples = |cells: &[(&Cell, u64)]| {
        let sample = |block: u32, (cell, total): &(&Cell, u64)| {
            Builder::new(cell, block)
                .total(*total)
                .attest(Evidence::LinkMeans, "tun")
                .build()
        };
        (0..6)
            .flat_map(|block| cells.iter().map(move |it| sample(block, it)))
            .collect::<Vec<_>>()
    };
    let calculated = |cells: &[(&Cell, u64)]| {
        let found = findings(samples(cells)).network_path.unwrap();
        assert!(found.means.contains("tun") && found.means.len() == 1);
        let delayed = found.starts.iter().filter_map(|it| it.calculated_ns);
        delayed.collect::<Vec<_>>()
    };
    // Two round trips of 40 ms more than over the same path, or else than over the loopback.
    let all = [
        (&near, 2_000_000),
        (&far, 3_000_000),
        (&delayed, 81_000_000),
    ];
    assert_eq!(calculated(&all), [83e6]);
    assert_eq!(calculated(&[all[0], all[2]]), [82e6]);
    assert!(calculated(&[all[2]]).is_empty());
}

#[test]
fn systems_that_can_never_keep_state_are_known_with_their_reasons() {
    let stateful = of_workload("http-state", cell("wasmtime-cli", Scenario::Warm, &[]));
    let skipped = Builder::new(&stateful, 0).not_applicable("each request has an instance");
    let found = findings(vec![skipped.build()]);
    let (system, _, reason) = &found.state.cannot[0];
    assert_eq!(
        (system.as_str(), reason.as_str()),
        ("wasmtime-cli", "each request has an instance")
    );
}

#[test]
fn layers_are_compared_with_the_one_inside_and_the_whole_with_the_innermost() {
    let host = [("network", "host")];
    let layers = [
        cell("native-static", Scenario::DiskCold, &[]),
        cell("runc", Scenario::DiskCold, &host),
        cell("docker", Scenario::DiskCold, &host),
    ];
    let mut samples = Vec::new();
    // Another build of the program is no layer where the one that containers hold was measured.
    let other = cell("native", Scenario::DiskCold, &[]);
    for block in 0..12 {
        for (layer, ms) in layers.iter().zip([2, 40, 300]) {
            let ns = ms * 1_000_000 + u64::from(block);
            samples.push(Builder::new(layer, block).total(ns).build());
        }
    }
    samples.extend((0..12).map(|block| Builder::new(&other, block).total(3_000_000).build()));
    // A run of before there was the static one.
    let earlier: Vec<_> = samples
        .iter()
        .filter(|it| it.cell.system.as_str() != "native-static")
        .cloned()
        .collect();
    let found = findings(samples);
    let of = &found.container_layers[0];
    let names = |of: &ContainerLayers| -> Vec<String> {
        of.layers.iter().map(|layer| layer.name.clone()).collect()
    };
    assert_eq!(names(of), ["native-static", "runc host", "docker host"]);
    let earlier = findings(earlier);
    assert_eq!(
        names(&earlier.container_layers[0]),
        ["native", "runc host", "docker host"]
    );
    close(of.added(1).unwrap().shift.unwrap().estimate, 38e6);
    close(of.added(2).unwrap().shift.unwrap().estimate, 260e6);
    assert!((of.whole().unwrap().ratio.unwrap().estimate - 150.0).abs() < 0.01);
}

#[test]
fn what_stands_in_the_place_of_a_layer_is_held_against_it_and_against_what_is_inside() {
    let host = [("network", "host")];
    let sandbox = |platform| [("network", "host"), ("platform", platform)];
    let cells = [
        (cell("native-static", Scenario::WarmDisk, &[]), 2),
        (cell("runc", Scenario::WarmDisk, &host), 40),
        (cell("docker", Scenario::WarmDisk, &host), 300),
        (cell("youki", Scenario::WarmDisk, &host), 30),
        (cell("gvisor", Scenario::WarmDisk, &sandbox("ptrace")), 500),
        (cell("gvisor", Scenario::WarmDisk, &sandbox("systrap")), 200),
    ];
    let mut samples = Vec::new();
    for block in 0..12 {
        for (cell, ms) in &cells {
            let ns = ms * 1_000_000 + u64::from(block);
            samples.push(Builder::new(cell, block).total(ns).build());
        }
    }
    let found = findings(samples);
    let of = &found.container_layers[0];
    let layers: Vec<_> = of.layers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(layers, ["native-static", "runc host", "docker host"]);
    let names: Vec<_> = of.instead.iter().map(|it| it.layer.name.as_str()).collect();
    assert_eq!(names, ["youki host", "gvisor host"]);
    assert!(of.instead.iter().all(|it| it.layer.step == "OCI runtime"));
    let [youki, gvisor] = of.instead.as_slice() else {
        panic!("{:?}", of.instead)
    };
    close(youki.added(of).unwrap().shift.unwrap().estimate, 28e6);
    close(youki.against(of).unwrap().shift.unwrap().estimate, -10e6);
    // On its usual platform.
    close(gvisor.added(of).unwrap().shift.unwrap().estimate, 198e6);
    assert!((gvisor.against(of).unwrap().ratio.unwrap().estimate - 5.0).abs() < 0.01);
}

#[test]
fn a_network_sandbox_is_a_layer_of_its_own_where_it_was_measured() {
    let names = ["host", "none", "bridge"];
    let of_networks = |networks: &[&str]| {
        let mut samples = Vec::new();
        for block in 0..12 {
            for (at, network) in (0_u64..).zip(networks) {
                let layer = cell("docker", Scenario::DiskCold, &[("network", network)]);
                let ns = (100 + 40 * at) * 1_000_000 + u64::from(block);
                samples.push(Builder::new(&layer, block).total(ns).build());
            }
        }
        let found = findings(samples);
        let layers = found.container_layers[0].layers.iter();
        layers.map(|layer| layer.step).collect::<Vec<_>>()
    };
    assert_eq!(
        of_networks(&names),
        ["engine", "network sandbox", "sandbox on the bridge"]
    );
    // A service without a way out cannot be reached.
    assert_eq!(
        of_networks(&["host", "bridge"]),
        ["engine", "sandbox on the bridge"]
    );
}

/// Starts and warm requests of systems: milliseconds, MiB.
pub(crate) fn configured(systems: &[(&str, f64, u64)]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..14_u32 {
        for (at, (system, ms, mib)) in systems.iter().enumerate() {
            // A little noise, different for each.
            let noise = f64::from((block * 7 + u32::try_from(at).unwrap() * 3) % 5) / 2_000.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small"
            )]
            let ns = (ms * 1e6 * (1.0 + noise)) as u64;
            let start = cell(system, Scenario::WarmDisk, &[]);
            let warm = cell(system, Scenario::Warm, &[]);
            samples.push(Builder::new(&start, block).total(ns).build());
            let mut histogram = results::latency::empty();
            (0..200).for_each(|_| results::latency::count(&mut histogram, ns / 100));
            let mut sample = Builder::new(&warm, block)
                .answers(200)
                .pss(mib << 20)
                .build();
            if let Some(requests) = &mut sample.requests {
                requests.latency_hdr = Some(results::latency::encode(&histogram));
            }
            samples.push(sample);
        }
    }
    samples
}

#[test]
fn what_cannot_be_told_apart_shares_a_rank() {
    let found = findings(configured(&[
        ("native", 2.0, 10),
        ("native-soft-sha", 2.0005, 10),
        ("docker", 300.0, 10),
    ]));
    let edge = found
        .rankings
        .iter()
        .find(|it| it.for_use.name == "edge")
        .unwrap();
    let places: Vec<_> = edge
        .places
        .iter()
        .map(|place| (place.system.as_str(), place.rank, place.is_shared))
        .collect();
    assert_eq!(places.len(), 3, "{places:?}");
    assert_eq!((places[0].1, places[0].2), (1, true), "{places:?}");
    assert_eq!((places[1].1, places[1].2), (1, true), "{places:?}");
    assert_eq!(places[2], ("docker", 3, false));
}

#[test]
fn phases_are_told_by_the_clock_that_starts_later() {
    let mut samples = Vec::new();
    for block in 0..12 {
        let native = cell("native", Scenario::WarmDisk, &[]);
        let docker = cell("docker", Scenario::WarmDisk, &[("network", "host")]);
        let extra = u64::from(block);
        let phases = [
            (Phase::Init, 1_000_000 + extra),
            (Phase::Respond, 1_000_000),
        ];
        samples.push(Builder::new(&native, block).phases(&phases).build());
        let phases = [
            (Phase::Create, 50_000_000 + extra),
            (Phase::Start, 48_000_000),
            (Phase::Init, 1_000_000),
            (Phase::Respond, 1_000_000),
        ];
        samples.push(Builder::new(&docker, block).phases(&phases).build());
    }
    let found = findings(samples);
    let ratio = |clock: &str| {
        let ratios = found.clocks[0].ratios.iter();
        let fits = |it: &&findings::questions::clocks::ClockRatio| it.clock.contains(clock);
        ratios
            .into_iter()
            .find(fits)
            .unwrap()
            .ratio
            .unwrap()
            .estimate
    };
    assert!((ratio("all prepared") - 0.02).abs() < 1e-4);
    assert!((ratio("created before") - 0.04).abs() < 1e-4);
    assert!((ratio("first statement") - 1.0).abs() < 1e-4);
}

/// A run was interrupted in its fifth block, between two cells, and went on a day later on a machine
/// that was slower.
#[test]
fn what_two_sessions_measured_in_one_block_is_no_pair() {
    let native = cell("native", Scenario::WarmDisk, &[]);
    let wasm = cell("wasmtime-cli", Scenario::WarmDisk, &[]);
    let mut samples = Vec::new();
    for block in 0..16 {
        let (first, second) = (u32::from(block > 4), u32::from(block >= 4));
        let slower = |session: u32| if session == 0 { 1 } else { 10 };
        let start = |cell: &Cell, session: u32, ns: u64| {
            let start = Builder::new(cell, block).attest(Evidence::Session, session);
            start.total(ns * slower(session)).build()
        };
        samples.push(start(&native, first, 1_000_000 + u64::from(block)));
        samples.push(start(&wasm, second, 2_000_000 + u64::from(block)));
    }
    let found = findings(samples);
    assert_eq!((found.limits.sessions, found.limits.split_blocks), (2, 1));
    let member = &found.facts.families[0].members[0];
    assert_eq!(member.n, 15, "the fifth block is no pair: {member:?}");
}

#[test]
fn nothing_is_found_in_nothing() {
    let found = findings(Vec::new());
    assert!(found.headlines.is_empty() && found.starts.is_empty() && found.observer.is_none());
    assert_eq!(found.limits.ok, 0);
    assert!(
        found
            .facts
            .floor(Scenario::DiskCold, Measure::TotalNs)
            .is_none()
    );
}
