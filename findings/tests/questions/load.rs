//! What loads cannot say: rates at the generator's limit, latencies that are waiting, loads that
//! were not steady, and costs of different CPUs.

use findings::Measure;
use findings::comparison::Bound;
use findings::questions::scaling::Limit;
use results::record::Scenario;
use results::{Cell, Evidence, Sample};
use serde_json::json;

use crate::builder::{Builder, cell, findings};

const THROUGHPUT: [(&str, &str); 2] = [("pace", "closed"), ("connections", "10")];
const WARM: [(&str, &str); 2] = [("pace", "closed"), ("connections", "1")];

/// Samples of a load of one second in eight blocks: so many answers, of such a latency, from a
/// generator that took so many hundredths of its core.
fn loads(cell: &Cell, answers: u64, latency_ns: u64, generator: u64) -> Vec<Sample> {
    let eighth = answers / 8;
    let sample = |block: u32| {
        // A little noise, different for each.
        let more = u64::from(block % 3);
        let windows = [
            eighth + more,
            eighth,
            eighth,
            eighth,
            eighth,
            eighth,
            eighth,
            eighth,
        ];
        Builder::new(cell, block)
            .load(windows.iter().sum(), latency_ns, &windows)
            .attest(Evidence::GeneratorCpuNs, generator * 10_000_000)
            .build()
    };
    (0..8).map(sample).collect()
}

#[test]
fn requests_of_a_sequence_are_told_apart() {
    let cell = cell("native", Scenario::Warm, &WARM);
    let sample = |block: u32| {
        let own = 100_000 + 1_000 * u64::from(block);
        Builder::new(&cell, block)
            .answers(2_000)
            .by_request(&[("login", 1_000, 10 * own), ("read", 1_000, own)])
            .build()
    };
    let found = findings((0..8).map(sample).collect());
    let cell = found.facts.find(&cell).unwrap();
    let [login, read] = &cell.by_request[..] else {
        panic!("{:?}", cell.by_request)
    };
    assert_eq!((&*login.name, login.answered), ("login", 8_000));
    let (slow, fast) = (login.p50_ns.unwrap(), read.p50_ns.unwrap());
    assert!(
        (slow.value / fast.value - 10.0).abs() < 0.1,
        "{slow} {fast}"
    );
    assert!(fast.interval.is_some() && read.p99_ns.is_some());
}

#[test]
fn a_rate_at_the_generators_limit_is_a_lower_bound() {
    let (fast, slow) = (
        cell("native", Scenario::Throughput, &THROUGHPUT),
        cell("docker", Scenario::Throughput, &THROUGHPUT),
    );
    let mut samples = loads(&fast, 16_000, 600_000, 97);
    samples.extend(loads(&slow, 8_000, 1_200_000, 80));
    let found = findings(samples);
    let [fast, slow] = [&fast, &slow].map(|it| found.facts.find(it).unwrap());
    assert!(fast.is_generator_limited() && !slow.is_generator_limited());
    assert!(fast.is_lower_bound(Measure::PerSecond) && !fast.is_lower_bound(Measure::P50Ns));
    assert_eq!(fast.median_text(Measure::PerSecond).unwrap(), "≥ 16,001");
    assert_eq!(slow.median_text(Measure::PerSecond).unwrap(), "8,001");
    let requests = &found.requests[0];
    assert_eq!(requests.generator_limited, [(fast.id.clone(), 0.97)]);
    let words = requests.bounds_words().unwrap();
    assert!(words.contains("used 97 % of its core"), "{words}");
    assert_eq!(found.limits.generator_limited, [fast.id.as_str()]);
}

#[test]
fn a_rate_near_what_the_generator_reaches_against_nothing_is_a_lower_bound() {
    let (near, far) = (
        cell("native", Scenario::Throughput, &THROUGHPUT),
        cell("docker", Scenario::Throughput, &THROUGHPUT),
    );
    let mut samples = loads(&near, 16_000, 600_000, 70);
    samples.extend(loads(&far, 8_000, 1_200_000, 70));
    for sample in &mut samples {
        let evidence = Evidence::GeneratorLimitPerSecond;
        sample.attested.insert(evidence, 17_000.0);
    }
    let found = findings(samples);
    let [near, far] = [&near, &far].map(|it| found.facts.find(it).unwrap());
    assert!(near.is_near_limit() && near.is_lower_bound(Measure::PerSecond));
    assert!(!far.is_near_limit() && !far.is_lower_bound(Measure::PerSecond));
    let requests = &found.requests[0];
    assert_eq!(requests.near_limit.len(), 1);
    let words = requests.bounds_words().unwrap();
    assert!(
        words.contains("a server that does nothing, rates are 94 %"),
        "{words}"
    );
    assert_eq!(found.limits.generator_limited, [near.id.as_str()]);
}

#[test]
fn a_warm_up_that_ran_out_of_time_is_told() {
    let loaded = cell("native", Scenario::Throughput, &THROUGHPUT);
    let mut samples = loads(&loaded, 8_000, 1_000_000, 50);
    for (nth, sample) in samples.iter_mut().enumerate() {
        sample.attested.insert(Evidence::WarmUpSteady, nth > 1);
    }
    let found = findings(samples);
    let cell = found.facts.find(&loaded).unwrap();
    assert_eq!(cell.not_warm.len(), 2);
    assert_eq!(found.limits.not_warm, [cell.id.as_str()]);
}

#[test]
fn latency_at_parts_of_the_capacity_is_a_curve_from_one_request_at_a_time() {
    let paced = |system: &str, rate: &str| {
        let params = [("pace", "open"), ("connections", "10"), ("rate", rate)];
        cell(system, Scenario::Paced, &params)
    };
    let alone = cell("native", Scenario::Warm, &WARM);
    let mut samples = loads(&alone, 8_000, 30_000, 20);
    for (system, times) in [("native", 1), ("native-aa", 1), ("docker", 2)] {
        samples.extend(loads(&paced(system, "80%"), 6_400, 90_000 * times, 20));
        samples.extend(loads(&paced(system, "50%"), 4_000, 50_000 * times, 20));
    }
    let found = findings(samples);
    let curves = &found.load_curves[0];
    assert_eq!(curves.curves.len(), 2, "twins have none of their own");
    let native = curves.curves.iter().find(|it| *it.cell.system == *"native");
    let native = native.unwrap();
    let parts: Vec<_> = native.points.iter().map(|it| it.part).collect();
    assert_eq!(parts, [0.5, 0.8]);
    let id = |cell: &Cell| found.facts.find(cell).unwrap().id.clone();
    assert_eq!(native.alone, Some(id(&alone)));
    assert_eq!(
        curves.representatives,
        [id(&paced("native", "80%")), id(&paced("docker", "80%"))]
    );
    assert_eq!(curves.bounds_words(), None);
    // They are compared within one rate, and have a floor of their own.
    let family = found
        .facts
        .family("http-hello", Scenario::Paced, Measure::P50Ns)
        .unwrap();
    assert_eq!(family.members.len(), 2);
    let floor = found.facts.floor(Scenario::Paced, Measure::P50Ns);
    assert!(floor.is_some_and(|floor| floor < 0.01), "{floor:?}");
    assert!(
        found
            .requests
            .iter()
            .all(|it| it.scenario != Scenario::Paced)
    );
}

#[test]
fn an_open_loop_whose_generator_is_at_its_limit_says_nothing_of_latency() {
    let paced = |system: &str, rate: &str| {
        let params = [("pace", "open"), ("connections", "10"), ("rate", rate)];
        cell(system, Scenario::Paced, &params)
    };
    let mut samples = Vec::new();
    for (system, late_ns) in [("native", 6_000_000), ("native-aa", 20_000_000)] {
        samples.extend(loads(&paced(system, "50%"), 4_000, 50_000, 60));
        samples.extend(loads(&paced(system, "80%"), 6_400, late_ns, 97));
    }
    samples.extend(loads(&paced("docker", "80%"), 6_400, 90_000, 20));
    let found = findings(samples);
    let curves = &found.load_curves[0];
    let native = curves.curves.iter().find(|it| *it.cell.system == *"native");
    let signs: Vec<_> = native.unwrap().loads().map(|load| load.sign).collect();
    assert_eq!(signs, ["", "≤ "]);
    assert!(curves.bounds_words().unwrap().contains("an upper bound"));
    let first = found.facts.find(&paced("native", "50%")).unwrap();
    assert_eq!(curves.representatives[0], first.id);
    // Nothing is held against it, and what its twins differ by is the generator's.
    let of = |measure| found.facts.family("http-hello", Scenario::Paced, measure);
    assert!(of(Measure::P50Ns).is_none());
    let floor = found.facts.floor(Scenario::Paced, Measure::P50Ns);
    assert!(floor.is_some_and(|floor| floor < 0.01), "{floor:?}");
}

#[test]
fn what_several_generators_at_their_limit_say_of_scaling_is_a_bound() {
    let step = |instances: &str| {
        let params = [THROUGHPUT[0], THROUGHPUT[1], ("instances", instances)];
        cell("native", Scenario::Scaling, &params)
    };
    let mut samples = loads(&step("1"), 8_000, 1_000_000, 50);
    samples.extend(loads(&step("2"), 16_000, 1_000_000, 90));
    // A generator at its limit that does less is no system that does less.
    samples.extend(loads(&step("4"), 12_000, 1_000_000, 100));
    let found = findings(samples);
    let scaling = &found.scaling[0];
    let bounds: Vec<_> = scaling.steps.iter().map(|step| step.bound).collect();
    assert_eq!(bounds, [None, Some(Bound::AtLeast), Some(Bound::AtLeast)]);
    assert_eq!(scaling.limit, Limit::Generator { instances: 2 });
    assert!(scaling.is_bounded());
    let efficiency = scaling.steps[1].efficiency_text().unwrap();
    assert!(efficiency.starts_with("≥ "), "{efficiency}");
}

#[test]
fn latency_under_load_is_told_apart_into_work_and_waiting() {
    let alone = cell("wasmtime-embedded", Scenario::Warm, &WARM);
    let loaded = cell("wasmtime-embedded", Scenario::Throughput, &THROUGHPUT);
    let mut samples = loads(&alone, 8_000, 130_000, 20);
    samples.extend(loads(&loaded, 13_568, 737_000, 20));
    let found = findings(samples);
    let requests = found.requests.iter();
    let requests: Vec<_> = requests.filter(|it| !it.waiting.is_empty()).collect();
    assert_eq!(
        requests.len(),
        1,
        "none waits for another over one connection"
    );
    let waiting = requests[0]
        .waiting_of(&found.facts.find(&loaded).unwrap().id)
        .unwrap();
    assert_eq!(waiting.connections, 10);
    assert!(
        (waiting.waiting_ns / 607e3 - 1.0).abs() < 0.01,
        "{waiting:?}"
    );
    // Ten connections at 13,569 a second.
    assert!((waiting.by_littles_law_ns / 737e3 - 1.0).abs() < 0.01);
    assert!(waiting.is_most());
    let words = requests[0].waiting_words(str::to_owned).unwrap();
    assert!(
        words.starts_with("Requests wait for each other: in all of these cells"),
        "{words}"
    );
}

#[test]
fn a_load_that_speeds_up_is_not_steady() {
    let slow_first = cell("wasmtime-cli", Scenario::Throughput, &THROUGHPUT);
    let steady = cell("native", Scenario::Throughput, &THROUGHPUT);
    let mut samples = loads(&steady, 8_000, 1_000_000, 50);
    for block in 0..8 {
        let windows = [
            500 + u64::from(block % 3),
            1_000,
            1_000,
            1_000,
            1_000,
            1_000,
            1_000,
            1_000,
        ];
        let sample =
            Builder::new(&slow_first, block).load(windows.iter().sum(), 1_000_000, &windows);
        samples.push(sample.build());
    }
    let found = findings(samples);
    assert!(found.facts.damage.is_empty(), "{:?}", found.facts.damage);
    let [slow, steady] = [&slow_first, &steady].map(|it| found.facts.find(it).unwrap());
    assert_eq!(found.limits.not_steady, [slow.id.as_str()]);
    assert_eq!(
        slow.steadiness.unwrap().words().unwrap(),
        "its first 125 ms ran at 50 % of the rest's rate"
    );
    assert!(steady.steadiness.unwrap().is_steady);
    let loads = found.limits.loads.unwrap();
    assert_eq!(
        (loads.cells, loads.shortest_ns, loads.longest_ns),
        (2, 1e9, 1e9)
    );
}

/// Starts and requests of a system, each on these CPUs.
fn way(system: &str, start_ns: u64, request_ns: u64, cpus: [&[u64]; 2], one: bool) -> Vec<Sample> {
    let params: &[_] = if one { &[("cpus", "one")] } else { &[] };
    let start = cell(system, Scenario::WarmDisk, params);
    let warm = cell(system, Scenario::Warm, &WARM);
    let mut samples = Vec::new();
    for block in 0..8 {
        let noise = u64::from(block % 3);
        samples.push(
            Builder::new(&start, block)
                .total(start_ns + noise)
                .attest(Evidence::Cpus, json!(cpus[0]))
                .build(),
        );
        samples.push(
            Builder::new(&warm, block)
                .load(100, request_ns + noise, &[50, 50])
                .attest(Evidence::Cpus, json!(cpus[1]))
                .build(),
        );
    }
    samples
}

#[test]
fn starts_and_requests_of_different_cpus_are_not_added_up() {
    let mut samples = way("native", 2_000_000, 50_000, [&[0, 1], &[1]], false);
    samples.extend(way("docker", 200_000_000, 40_000, [&[0, 1], &[1]], false));
    let found = findings(samples.clone());
    let none = &found.break_even[0];
    assert!(none.ways.is_empty() && none.crossings.is_empty());
    let words: Vec<_> = none
        .not_added
        .iter()
        .map(findings::questions::break_even::NotAdded::words)
        .collect();
    assert_eq!(words, ["starts on 2, requests on 1 CPUs"; 2]);

    // The same with starts on that one CPU beside them, which nothing else is made of.
    samples.retain(|sample| sample.cell.scenario != Scenario::Warm);
    samples.extend(way("native", 3_000_000, 50_000, [&[1], &[1]], true));
    samples.extend(way("docker", 203_000_000, 40_000, [&[1], &[1]], true));
    let found = findings(samples);
    let both = &found.break_even[0];
    assert!(both.not_added.is_empty(), "{:?}", both.not_added);
    let starts: Vec<_> = both
        .ways
        .iter()
        .map(|way| way.start_ns.round() / 1e6)
        .collect();
    assert_eq!(starts.len(), 2);
    assert!(
        (starts[0] - 3.0).abs() < 0.01 && (starts[1] - 203.0).abs() < 0.01,
        "{starts:?}"
    );
    // 200 ms more for 10 µs less.
    let crossing = both.crossings[0].requests;
    assert!((crossing / 20_000.0 - 1.0).abs() < 0.01, "{crossing}");
    let quoted = found.starts.iter().flat_map(|it| &it.cells);
    let cells = quoted.filter_map(|id| found.facts.cell(id));
    assert!(
        cells
            .into_iter()
            .all(|cell| !cell.cell.params.contains_key("cpus"))
    );
}

#[test]
fn a_clock_of_requests_says_when_its_ratio_is_only_a_bound() {
    let native = cell("native", Scenario::Throughput, &THROUGHPUT);
    let docker = cell("docker", Scenario::Throughput, &THROUGHPUT);
    let ratio = |native_generator, docker_generator| {
        let mut samples = loads(&native, 16_000, 600_000, native_generator);
        samples.extend(loads(&docker, 8_000, 1_200_000, docker_generator));
        let mut found = findings(samples);
        found.clocks.remove(0).ratios.remove(0)
    };
    let exact = ratio(50, 50);
    assert_eq!((exact.bound, exact.ratio_text().as_str()), (None, "0.500×"));
    // It takes at most half a container's time.
    let bound = ratio(97, 50);
    assert_eq!(bound.bound, Some(Bound::AtMost));
    assert_eq!(bound.ratio_text(), "≤ 0.500×");
    assert_eq!(ratio(50, 97).bound, Some(Bound::AtLeast));
    let neither = ratio(97, 97);
    assert_eq!((neither.ratio, neither.ratio_text().as_str()), (None, "–"));
}
