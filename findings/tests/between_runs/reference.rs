//! The same numbers as `SciPy`'s.

use findings::between_runs::several;
use findings::statistics::Verdict;
use serde_json::Value;

use crate::NATIVE;
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
