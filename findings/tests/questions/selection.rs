//! What is quoted was named beforehand, and what failed is said.

use findings::comparison::Design;
use findings::facts::Facts;
use findings::input::Run;
use findings::questions::engine_pairs::EnginePair;
use findings::questions::scaling::Limit;
use findings::questions::{headline, scaling};
use findings::statistics::Verdict;
use findings::{CellFacts, Findings, Measure};
use results::record::Scenario;
use results::{Cell, Param, Phase, Sample};

use crate::builder::{Builder, cell, findings};
use crate::close;

const COLD: Scenario = Scenario::WarmDisk;

/// Starts of cells: each takes so many milliseconds, and a little more in each block.
fn starts(cells: &[(Cell, f64)], blocks: u32) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..blocks {
        for (cell, ms) in cells {
            samples.push(start(cell, block, *ms));
        }
    }
    samples
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds"
)]
fn start(cell: &Cell, block: u32, ms: f64) -> Sample {
    let ns = ms * 1e6 * (1.0 + f64::from(block % 5) / 1_000.0);
    Builder::new(cell, block).total(ns as u64).build()
}

fn of<'a>(found: &'a Findings, id: &str) -> &'a CellFacts {
    found.facts.cell(id).unwrap()
}

fn prepared(system: &str, params: &[(&str, &str)]) -> Cell {
    cell(system, COLD, params)
}

#[test]
fn headings_quote_the_cells_that_were_named_and_not_the_quickest() {
    let found = findings(starts(
        &[
            (prepared("native", &[]), 2.0),
            (
                prepared("wasmtime-embedded", &[("acquire", "cache_hit")]),
                3.0,
            ),
            (
                prepared("wasmtime-embedded", &[("acquire", "deserialize_file")]),
                4.0,
            ),
            (prepared("wasmedge-cli", &[("acquire", "aot")]), 2.5),
            (prepared("docker", &[("network", "host")]), 200.0),
            (prepared("docker", &[("network", "bridge")]), 300.0),
            (prepared("runc", &[("network", "host")]), 40.0),
        ],
        12,
    ));
    let headline = &found.headlines[0];
    let wasm = of(&found, &headline.wasm.as_ref().unwrap().cell);
    assert_eq!(wasm.system(), "wasmtime-embedded");
    assert!(wasm.cell.params.is("acquire", "deserialize_file"));
    let container = headline.container.as_ref().unwrap();
    let cell = of(&found, &container.cell);
    assert_eq!(cell.system(), "docker");
    assert!(cell.cell.params.is("network", "bridge"));
    let ratio = container.verdict.as_ref().unwrap().ratio.unwrap();
    assert!((ratio.estimate - 150.0).abs() < 0.1, "{ratio:?}");
    assert_eq!(headline.other, None);
    let family: Vec<_> = found
        .headline_family
        .iter()
        .map(|it| of(&found, &it.candidate).system())
        .collect();
    assert_eq!(family, ["wasmtime-embedded", "docker"]);
    let quoted = &found.starts[0].representatives;
    assert_eq!(quoted.len(), 3);
    assert_eq!(found.starts[0].usual.len(), 5, "one of each system");
}

#[test]
fn the_family_of_headlines_follows_from_the_plan() {
    let cells = [
        prepared("native", &[]),
        prepared("wasmtime-embedded", &[("acquire", "deserialize_file")]),
        prepared("wasmtime-embedded", &[("acquire", "cache_hit")]),
        prepared("docker", &[("network", "bridge")]),
    ];
    let family = |factors: [f64; 4]| {
        let cells: Vec<_> = cells.iter().cloned().zip(factors).collect();
        let facts = Facts::compute(&Run::from_samples(None, &starts(&cells, 8)));
        headline::family(&facts)
    };
    let one = family([2.0, 3.0, 4.0, 300.0]);
    assert_eq!(one.len(), 2);
    assert_eq!(one, family([2.0, 9.0, 1.0, 0.5]));
}

#[test]
fn what_nobody_described_stands_for_itself() {
    let found = findings(starts(&[(prepared("qemu", &[]), 500.0)], 6));
    let headline = &found.headlines[0];
    let known: Vec<_> = headline.entries().collect();
    assert_eq!(known.len(), 1);
    assert_eq!(of(&found, &known[0].cell).system(), "qemu");
    assert!(found.headline_family.is_empty());
}

/// Thirty starts of each system, of which all but some of Docker's fail.
fn survivors(good: u32, given_up: u32) -> Findings {
    let native = prepared("native", &[]);
    let docker = prepared("docker", &[("network", "bridge")]);
    let wasm = prepared("wasmtime-embedded", &[("acquire", "deserialize_file")]);
    let mut samples = starts(&[(native, 2.0), (wasm, 4.0)], 30);
    for block in 0..30 {
        samples.push(if block < good {
            start(&docker, block, 3.2)
        } else if block >= 30 - given_up {
            Builder::new(&docker, block).given_up().build()
        } else {
            Builder::new(&docker, block).failed("no answer").build()
        });
    }
    findings(samples)
}

#[test]
fn what_fails_often_is_compared_with_nothing_and_said_to_fail() {
    for given_up in [0, 21] {
        let found = survivors(6, given_up);
        let container = found.headlines[0].container.as_ref().unwrap();
        let counts = (container.answered, container.attempted);
        assert_eq!((counts, container.fails_often), ((6, 30), true));
        let verdict = &container.verdict.as_ref().unwrap().verdict;
        assert!(
            matches!(verdict, Verdict::NotComparable { .. }),
            "{verdict:?}"
        );
        let cell = of(&found, &container.cell);
        assert_eq!(cell.answered().unwrap(), "6 of 30 answered");
        assert!((cell.failure_rate().unwrap() - 0.8).abs() < 1e-12);
        assert_eq!(cell.gave_up.len(), usize::try_from(given_up).unwrap());
        assert_eq!(found.limits.fail_often.len(), 1);
        // What is left of the family is judged without it.
        let wasm = found.headlines[0].wasm.as_ref().unwrap();
        assert_eq!(wasm.verdict.as_ref().unwrap().verdict, Verdict::Slower);
    }
}

#[test]
fn a_few_failures_are_said_and_many_rule_out() {
    let often = [30, 29, 28, 27, 26, 6, 0].map(|good| {
        let found = survivors(good, 0);
        let container = found.headlines[0].container.clone().unwrap();
        (container.answered, container.fails_often)
    });
    // One in ten is not more than one in ten.
    let wanted = [
        (30, false),
        (29, false),
        (28, false),
        (27, false),
        (26, true),
        (6, true),
        (0, true),
    ];
    assert_eq!(often, wanted);
    let found = survivors(29, 0);
    let container = found.headlines[0].container.as_ref().unwrap();
    assert_eq!(container.verdict.as_ref().unwrap().verdict, Verdict::Slower);
    // Never once right: a row without figures, and not no row.
    let found = survivors(0, 0);
    let last = of(&found, found.starts[0].cells.last().unwrap());
    assert_eq!(
        (last.system(), last.counted().as_str()),
        ("docker", "0 of 30")
    );
}

#[test]
fn an_accident_is_not_often() {
    let native = prepared("native", &[]);
    let mut samples = starts(&[(native.clone(), 2.0)], 6);
    samples.push(Builder::new(&native, 6).failed("no answer").build());
    let found = findings(samples);
    let cell = &found.facts.cells[0];
    assert!(!cell.fails_often() && cell.failure_rate().unwrap() > 0.1);
    assert_eq!(cell.counted(), "6 of 7");
}

/// Systems under load with numbers of instances, each with the efficiency that it keeps; nothing
/// where every sample fails.
fn scaled(systems: &[(&str, [Option<f64>; 4])]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..8_u32 {
        for (system, kept) in systems {
            for (instances, kept) in [1.0, 2.0, 4.0, 8.0].into_iter().zip(kept) {
                let text = format!("{instances}");
                let cell = cell(system, Scenario::Scaling, &[("instances", text.as_str())]);
                let sample = Builder::new(&cell, block);
                samples.push(match kept {
                    None => sample.failed("no answer").build(),
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "thousands"
                    )]
                    Some(kept) => sample.answers((10_000.0 * instances * kept) as u64).build(),
                });
            }
        }
    }
    samples
}

#[test]
fn systems_are_set_side_by_side_where_all_of_them_did_right() {
    let whole = [Some(1.0), Some(0.9), Some(0.8), Some(0.7)];
    let half = [Some(1.0), Some(0.95), None, None];
    let found = findings(scaled(&[
        ("native", whole),
        ("wasmtime-embedded", half),
        ("docker", whole),
    ]));
    let side = found.scaling_side_by_side.as_ref().unwrap();
    assert_eq!(side.instances, 2);
    let kept: Vec<_> = side.kept.iter().map(|it| it.system.as_str()).collect();
    assert_eq!(kept, ["native", "wasmtime-embedded", "docker"]);
    for (kept, wanted) in side.kept.iter().zip([0.9, 0.95, 0.9]) {
        close(kept.efficiency.estimate, wanted);
    }
    assert_eq!(side.failed, [("wasmtime-embedded".to_owned(), 4)]);
    // One that never did several instances right does not hold the others back.
    let none = [Some(1.0), None, None, None];
    let found = findings(scaled(&[("native", whole), ("docker", none)]));
    let side = found.scaling_side_by_side.as_ref().unwrap();
    assert_eq!((side.instances, side.kept.len()), (8, 1));
    assert_eq!(side.failed, [("docker".to_owned(), 2)]);
    let limit = found.scaling.iter().find_map(|it| match it.limit {
        Limit::Fails { failed, of, .. } => Some((failed, of)),
        _ => None,
    });
    assert_eq!(limit, Some((8, 8)));
    let found = findings(scaled(&[("docker", none)]));
    assert_eq!(scaling::side_by_side(&found.facts, &found.scaling), None);
}

#[test]
fn a_start_that_may_have_been_seen_late_widens_its_ratios() {
    let native = prepared("native", &[("observer", "none")]);
    let docker = prepared("docker", &[("network", "bridge"), ("observer", "none")]);
    let run = |gap: u64| {
        let mut samples = Vec::new();
        for block in 0..12 {
            let extra = u64::from(block % 5) * 1_000;
            let late = Builder::new(&native, block)
                .total(2_000_000 + extra)
                .gap(gap);
            samples.push(late.build());
            let at_once = Builder::new(&docker, block).total(300_000_000 + extra);
            samples.push(at_once.build());
        }
        findings(samples)
    };
    let ends = |found: &Findings| {
        let of_native = |it: &&findings::questions::clocks::ClockRatio| it.system == "native";
        let ratio = found.clocks[0]
            .ratios
            .iter()
            .find(of_native)
            .unwrap()
            .ratio
            .unwrap();
        (ratio.estimate, ratio.interval.unwrap())
    };
    let (exact, late) = (run(0), run(100_000));
    let ((one, sharp), (two, wide)) = (ends(&exact), ends(&late));
    close(one, two);
    assert!(
        (wide.low / sharp.low - 0.95).abs() < 1e-3,
        "{wide:?} {sharp:?}"
    );
    close(wide.high, sharp.high);
    let late = |found: &Findings, system: &str| {
        let of_system = |it: &&findings::questions::limits::Late| it.system == system;
        found.limits.late.iter().find(of_system).map(|it| it.late)
    };
    let run = run(100_000);
    let native = late(&run, "native").unwrap().unwrap();
    assert!((native.share - 0.05).abs() < 1e-3 && native.retried == 12);
    assert_eq!(late(&run, "docker"), Some(None));
    assert_eq!(late(&exact, "native"), None, "nothing was late");
}

/// Wasmtime both ways: 3 and 5 ms, and what being observed adds.
fn both_ways() -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..12 {
        let mut add = |system: &str, observer: &str, phases: &[(Phase, u64)]| {
            let params = [("acquire", "deserialize_file"), ("observer", observer)];
            let cell = prepared(system, &params);
            let extra = u64::from(block % 5) * 100;
            let phases: Vec<_> = phases
                .iter()
                .map(|(phase, ns)| (*phase, ns + extra))
                .collect();
            let sample = Builder::new(&cell, block);
            samples.push(if observer == "none" {
                sample.total(phases[0].1).build()
            } else {
                sample.phases(&phases).build()
            });
        };
        add("wasmtime-embedded", "none", &[(Phase::Spawn, 3_000_000)]);
        add("wasmtime-cli", "none", &[(Phase::Spawn, 5_000_000)]);
        // What reports on itself is not held up; what is seen from outside is, by 0.2 ms.
        let own = [
            (Phase::Process, 1_000_000),
            (Phase::FirstRequest, 2_000_000),
        ];
        add("wasmtime-embedded", "own", &own);
        let seen = [(Phase::Spawn, 1_200_000), (Phase::Respond, 2_000_000)];
        add("wasmtime-embedded", "seccomp", &seen);
        let seen = [(Phase::Spawn, 1_700_000), (Phase::Respond, 3_500_000)];
        add("wasmtime-cli", "seccomp", &seen);
    }
    samples
}

#[test]
fn the_observer_is_charged_to_neither_side() {
    let found = findings(both_ways());
    let pair: &EnginePair = &found.engine_pairs.pairs[0];
    let verdict = found.engine_pairs.verdict(pair).unwrap();
    // The whole: what nothing observed.
    close(verdict.shift.unwrap().estimate, 2e6);
    assert_eq!(verdict.design, Design::Blocked);
    let step = |work: &str| {
        let steps = pair.steps.iter();
        steps.into_iter().find(|it| it.work.contains(work)).unwrap()
    };
    // Steps: from outside on both sides, so that the 0.2 ms cancel.
    let more = step("process").more_ns().unwrap();
    assert!((more - 5e5).abs() < 1.0, "{more}");
    let observed = &pair.observed;
    let added = |it: Option<findings::comparison::Effect>| it.unwrap().estimate;
    assert!((added(observed.cli) - 2e5).abs() < 1e3);
    assert!((added(observed.embedded_seen) - 2e5).abs() < 1e3);
    assert!(added(observed.embedded_own).abs() < 1e3);
    assert!(observed.more_ns().unwrap().abs() < 1e3);
    let own = of(&found, pair.taken_apart[0].as_ref().unwrap());
    assert!(own.median(Measure::TotalNs).is_some());
}

/// Wasmtime both ways, in microseconds, and without what the names say.
fn without(rows: &[(&str, &str, u64)]) -> Findings {
    let mut samples = Vec::new();
    for block in 0..12 {
        for (system, without, us) in rows {
            let mut params = vec![("acquire", "deserialize_file"), ("observer", "none")];
            params.extend((!without.is_empty()).then_some(("without", *without)));
            let total = us * 1_000 + u64::from(block % 5) * 100;
            samples.push(
                Builder::new(&prepared(system, &params), block)
                    .total(total)
                    .build(),
            );
        }
    }
    findings(samples)
}

#[test]
fn what_one_start_has_and_the_other_has_not_adds_up_to_what_lies_between_them() {
    let (ours, theirs) = ("wasmtime-embedded", "wasmtime-cli");
    let found = without(&[
        (ours, "", 5_000),
        (ours, "epochs", 4_900),
        (ours, "epochs+fixed-address", 5_500),
        (ours, "epochs+fixed-address+no-pool-probe", 5_900),
        (ours, "work", 1_000),
        (theirs, "", 9_000),
        (theirs, "pool", 6_400),
        (theirs, "pool+logging", 6_300),
        (theirs, "pool+logging+threads", 6_000),
        (theirs, "work", 1_060),
    ]);
    let pair: &EnginePair = &found.engine_pairs.pairs[0];
    let rungs: Vec<_> = pair
        .ladder
        .rungs
        .iter()
        .map(|it| (it.side.name(), &*it.name, it.cost.shift.unwrap().estimate))
        .collect();
    let names: Vec<_> = rungs.iter().map(|(side, name, _)| (*side, *name)).collect();
    assert_eq!(
        names,
        [
            ("embedded", "epochs"),
            ("embedded", "fixed-address"),
            ("embedded", "no-pool-probe"),
            ("command line", "threads"),
            ("command line", "logging"),
            ("command line", "pool"),
        ]
    );
    close(rungs[1].2, -6e5);
    close(rungs[5].2, 2.6e6);
    let sum = |side: &str| {
        let of = rungs.iter().filter(|it| it.0 == side);
        of.map(|it| it.2).sum::<f64>()
    };
    let rest = pair.ladder.rest.as_ref().unwrap().shift.unwrap().estimate;
    close(rest, 1e5);
    let whole = found.engine_pairs.verdict(pair).unwrap().shift.unwrap();
    close(sum("command line") + rest - sum("embedded"), whole.estimate);
    let bare = pair.ladder.bare.as_ref().unwrap().shift.unwrap().estimate;
    close(bare, 6e4);
    let equal = pair.equal.as_ref().unwrap();
    let left_out = |id: &str| {
        of(&found, id)
            .cell
            .params
            .get(Param::Without)
            .unwrap()
            .to_owned()
    };
    assert_eq!(left_out(&equal.cells[1]), "pool+logging+threads");
}

#[test]
fn what_was_left_out_one_at_a_time_makes_nothing_equal() {
    let found = without(&[
        ("wasmtime-embedded", "", 5_000),
        ("wasmtime-cli", "", 9_000),
        ("wasmtime-cli", "logging", 8_900),
        ("wasmtime-cli", "pool", 6_400),
    ]);
    let ladder = &found.engine_pairs.pairs[0].ladder;
    assert_eq!((&ladder.equal, &ladder.rest), (&None, &None));
    let pool = ladder.rungs.iter().find(|it| it.name == "pool").unwrap();
    close(pool.cost.shift.unwrap().estimate, 2.6e6);
}
