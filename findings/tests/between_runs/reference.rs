//! The same numbers as `SciPy`'s.

use findings::Facts;
use findings::between_runs::{one_each, several};
use findings::input::Run;
use findings::statistics::Verdict;
use results::record::Scenario;
use serde_json::Value;

use crate::NATIVE;
use crate::builder::{Builder, cell};
use crate::simulate::Draw;
use crate::world::World;

#[test]
fn runs_against_runs_are_those_of_scipy() {
    let wanted: Value =
        serde_json::from_str(include_str!("../fixtures/between_runs.json")).unwrap();
    let mut draw = Draw::new(1);
    let mut side = |name: &str| {
        let costs = wanted[name].as_array().unwrap().iter();
        let run = |cost: &Value| {
            let world = World {
                costs: vec![cost.as_f64().unwrap()],
                within: 0.0,
                ..World::new(1)
            };
            world.run(&mut draw)
        };
        costs.map(run).collect::<Vec<_>>()
    };
    let (before, after) = (side("before_ms"), side("after_ms"));
    let found = several(
        &before.iter().collect::<Vec<_>>(),
        &after.iter().collect::<Vec<_>>(),
        NATIVE,
    );
    let change = &found.families[0].changes[0];
    let close = |found: f64, name: &str| {
        let wanted = wanted[name].as_f64().unwrap();
        assert!(
            (found - wanted).abs() < 1e-6 * wanted,
            "{name}: {found} for {wanted}"
        );
    };
    let ratio = change.ratio.unwrap();
    close(ratio.estimate, "ratio");
    close(ratio.interval.unwrap().low, "low");
    close(ratio.interval.unwrap().high, "high");
    close(change.adjusted_p.unwrap(), "p_beyond");
    assert_eq!(change.verdict, Verdict::Slower);
}

/// A run of cells with these logarithms of times, block by block.
fn run(blocks: &[Vec<f64>]) -> Facts {
    let mut samples = Vec::new();
    for (block, logarithms) in (0..).zip(blocks) {
        for (at, logarithm) in logarithms.iter().enumerate() {
            let name = match at {
                0 => NATIVE.to_owned(),
                _ => format!("system-{at}"),
            };
            let params = [("observer", "none"), ("page_cache", "hot")];
            let cell = cell(&name, Scenario::WarmDisk, &params);
            let ns = crate::world::whole(logarithm.exp());
            samples.push(Builder::new(&cell, block).total(ns).build());
        }
    }
    for (order, sample) in (0..).zip(&mut samples) {
        sample.order = order;
    }
    Facts::compute(&Run::from_samples(None, &samples))
}

#[test]
fn the_spread_between_two_runs_is_that_of_scipy() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../fixtures/spread.json")).unwrap();
    for case in cases {
        let runs: [Vec<Vec<f64>>; 2] = serde_json::from_value(case["runs"].clone()).unwrap();
        let [before, after] = runs.map(|blocks| run(&blocks));
        let found = one_each(&before, &after, NATIVE).spread.unwrap();
        for (found, name) in [
            (found.sd, "sd"),
            (found.freedom, "freedom"),
            (found.allowance, "allowance"),
        ] {
            let wanted = case[name].as_f64().unwrap();
            // Times are whole nanoseconds.
            assert!(
                (found - wanted).abs() < 1e-4 * wanted,
                "{name}: {found} for {wanted}"
            );
        }
    }
}
