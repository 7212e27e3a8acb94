//! What a request costs by the life cycle of its instance, rankings within one, and pools by slots.

use findings::Measure;
use findings::statistics::Verdict;
use results::record::Scenario;
use results::{Cell, Evidence, Sample};

use crate::builder::{Builder, cell, findings};

const REQUESTS: u64 = 1_000;
const WARM_UP: u64 = 100;

fn way(system: &str, scenario: Scenario, lifecycle: &str, pool: Option<&str>) -> Cell {
    let connections = if scenario == Scenario::Warm {
        "1"
    } else {
        "10"
    };
    let mut params = vec![
        ("pace", "closed"),
        ("connections", connections),
        ("lifecycle", lifecycle),
    ];
    params.extend(pool.map(|pool| ("pool", pool)));
    cell(system, scenario, &params)
}

/// Loads of twelve blocks whose system takes so many microseconds for each request, from a generator
/// that took so many hundredths of its core.
fn loads(cell: &Cell, each_us: u64, generator: u64) -> Vec<Sample> {
    let sample = |block: u32| {
        let noise = u64::from(block % 4) * 20;
        let cpu_ns = (each_us * 1_000 + noise) * (REQUESTS + WARM_UP);
        Builder::new(cell, block)
            .load(REQUESTS, each_us * 2_000 + noise, &[REQUESTS])
            .attest(Evidence::LoadCpuNs, cpu_ns)
            .attest(Evidence::WarmUp, WARM_UP)
            .attest(Evidence::GeneratorCpuNs, generator * 10_000_000)
            .build()
    };
    (0..12).map(sample).collect()
}

fn all_ways(scenario: Scenario) -> Vec<(Cell, u64, u64)> {
    let (each, one) = ("per-request", "reused");
    vec![
        (way("native", scenario, one, None), 9, 99),
        (way("wasmedge-cli", scenario, one, None), 10, 99),
        (way("wasmtime-cli", scenario, one, Some("default")), 20, 60),
        (way("wasmtime-cli", scenario, each, Some("default")), 58, 20),
        (way("wasmtime-cli", scenario, each, Some("tuned")), 38, 30),
        (
            way("wasmtime-embedded", scenario, each, Some("none")),
            73,
            15,
        ),
        (
            way("wasmtime-embedded", scenario, one, Some("none")),
            16,
            70,
        ),
    ]
}

#[test]
fn cpu_time_of_a_request_counts_the_warm_up_and_is_compared_within_one_life_cycle() {
    let samples = all_ways(Scenario::Throughput)
        .into_iter()
        .flat_map(|(cell, cpu, generator)| loads(&cell, cpu, generator));
    let found = findings(samples.collect());
    let native = &found
        .facts
        .find(&all_ways(Scenario::Throughput)[0].0)
        .unwrap();
    let cpu_ns = native.median(Measure::RequestCpuNs).unwrap();
    assert!((cpu_ns - 9_030.0).abs() < 1.0, "{cpu_ns}");
    let [of] = found.lifecycles.as_slice() else {
        panic!("{:?}", found.lifecycles);
    };
    let named = |id: &String| found.facts.cell(id).unwrap().system().to_owned();
    let groups: Vec<(&str, Vec<String>, String)> = of
        .groups
        .iter()
        .map(|it| {
            let cells = it.cells.iter().map(named).collect();
            (it.lifecycle.as_str(), cells, named(&it.baseline))
        })
        .collect();
    let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        groups,
        [
            (
                "per-request",
                texts(&["wasmtime-cli", "wasmtime-cli", "wasmtime-embedded"]),
                "wasmtime-embedded".to_owned()
            ),
            (
                "reused",
                texts(&[
                    "native",
                    "wasmedge-cli",
                    "wasmtime-embedded",
                    "wasmtime-cli"
                ]),
                "native".to_owned()
            ),
        ]
    );
    // Nothing of one life cycle is judged by something of another, but for a system by itself.
    for family in of.groups.iter().filter_map(|it| it.family.as_ref()) {
        for member in &family.members {
            let [one, two] = [&member.candidate, &member.baseline]
                .map(|id| found.facts.cell(id).unwrap().cell.params.get("lifecycle"));
            assert_eq!(one, two);
        }
    }
    let price = of.price.as_ref().unwrap();
    let ratios: Vec<_> = price
        .members
        .iter()
        .map(|it| {
            let [one, two] = [&it.candidate, &it.baseline].map(named);
            assert_eq!(one, two);
            assert_eq!(it.verdict, Verdict::Slower);
            (one, (it.ratio.unwrap().estimate * 10.0).round() / 10.0)
        })
        .collect();
    let cli = || "wasmtime-cli".to_owned();
    let embedded = "wasmtime-embedded".to_owned();
    assert_eq!(ratios, [(cli(), 1.9), (cli(), 2.9), (embedded, 4.6)]);
    assert!(found.requests[0].has_life_cycles);
}

#[test]
fn systems_are_ranked_within_one_life_cycle_by_what_a_busy_generator_does_not_change() {
    let mut samples = Vec::new();
    for scenario in [Scenario::Throughput, Scenario::Warm] {
        for (cell, cpu, generator) in all_ways(scenario) {
            samples.extend(loads(&cell, cpu, generator));
        }
    }
    for system in [
        "native",
        "wasmedge-cli",
        "wasmtime-cli",
        "wasmtime-embedded",
    ] {
        for block in 0..12 {
            let start = cell(system, Scenario::WarmDisk, &[]);
            let noise = u64::from(block % 4) * 1_000;
            samples.push(
                Builder::new(&start, block)
                    .total(5_000_000 + noise)
                    .pss(1 << 20)
                    .build(),
            );
        }
    }
    // Memory of a running instance is that of its start where it was not measured itself.
    let found = findings(samples);
    let of_use = |lifecycle: &str| {
        let ranking = found.rankings.iter().find(|it| {
            it.for_use.name == "long-running" && it.lifecycle.as_deref() == Some(lifecycle)
        });
        let ranking = ranking.unwrap_or_else(|| panic!("{lifecycle}: {:?}", found.rankings));
        assert!(ranking.unranked.is_empty(), "{:?}", ranking.unranked);
        let places = ranking.places.iter();
        places
            .map(|place| (place.system.clone(), place.rank))
            .collect::<Vec<_>>()
    };
    let place = |system: &str, rank: usize| (system.to_owned(), rank);
    assert_eq!(
        of_use("reused"),
        [
            place("native", 1),
            place("wasmedge-cli", 2),
            place("wasmtime-embedded", 3),
            place("wasmtime-cli", 4),
        ]
    );
    // The pool that each has unless it is told otherwise stands for it.
    assert_eq!(
        of_use("per-request"),
        [place("wasmtime-cli", 1), place("wasmtime-embedded", 2)]
    );
}

#[test]
fn a_pool_costs_a_start_what_its_slots_cost() {
    let mut samples = Vec::new();
    let start = |slots: Option<&str>| {
        let mut params = vec![("allocator", "on_demand")];
        if let Some(slots) = slots {
            params = vec![("allocator", "pooling"), ("pool_slots", slots)];
        }
        cell("wasmtime-embedded", Scenario::WarmDisk, &params)
    };
    for block in 0..12 {
        let noise = u64::from(block % 4) * 100;
        let mut sample = |cell: &Cell, ns: u64| {
            samples.push(Builder::new(cell, block).total(ns + noise).build());
        };
        sample(&start(None), 2_000_000);
        for (slots, n) in [("1", 1), ("16", 16), ("100", 100), ("1000", 1000)] {
            sample(&start(Some(slots)), 2_700_000 + 3_000 * n);
        }
    }
    let found = findings(samples);
    let [of] = found.pool_slots.as_slice() else {
        panic!("{:?}", found.pool_slots);
    };
    let slots: Vec<_> = of.steps.iter().map(|(slots, _)| *slots).collect();
    assert_eq!(slots, [1, 16, 100, 1000]);
    let fit = of.fit.unwrap();
    assert!((fit.slope - 3_000.0).abs() < 1.0, "{fit:?}");
    let interval = fit.slope_interval.unwrap();
    assert!(interval.low <= 3_000.0 && 3_000.0 <= interval.high);
    let unpooled = found.facts.find(&start(None)).unwrap();
    assert_eq!(of.unpooled.as_ref(), Some(&unpooled.id));
    let family = of.family.as_ref().unwrap();
    assert!(
        family
            .members
            .iter()
            .all(|it| it.verdict == Verdict::Slower)
    );
}
