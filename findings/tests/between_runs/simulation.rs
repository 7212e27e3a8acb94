//! How often nothing that changed is called slower, and how often what did is found.
//!
//! The short ones are tests; the long ones print the figures of the documentation: `cargo nextest run
//! -p findings --run-ignored only --no-capture -E 'test(between_runs)'`.

use findings::Facts;
use findings::between_runs::{BetweenRuns, one_each, several};
use findings::statistics::Verdict;

use crate::NATIVE;
use crate::simulate::{Draw, share};
use crate::world::World;

fn is_slower(found: &BetweenRuns) -> bool {
    let mut changes = found.changes();
    changes.any(|(_, change)| change.verdict == Verdict::Slower)
}

fn single(world: &World, later: &World, draw: &mut Draw) -> BetweenRuns {
    one_each(&world.run(draw), &later.run(draw), NATIVE)
}

fn five(world: &World, later: &World, draw: &mut Draw) -> BetweenRuns {
    let side = |world: &World, draw: &mut Draw| -> Vec<Facts> {
        (0..5).map(|_| world.run(draw)).collect()
    };
    let (before, after) = (side(world, draw), side(later, draw));
    several(
        &before.iter().collect::<Vec<_>>(),
        &after.iter().collect::<Vec<_>>(),
        NATIVE,
    )
}

/// False "slower" on a page of twelve cells, in per cent, for spreads of runs and numbers of samples.
fn false_alarms(trials: u32, spreads: &[f64], runs: fn(&World, &World, &mut Draw) -> BetweenRuns) {
    for &between in spreads {
        for n in [12, 30] {
            let mut draw = Draw::new(u64::from(n));
            let world = World {
                n,
                between,
                machine: 0.08,
                ..World::new(13)
            };
            let share = share(
                &format!("nothing changed, runs spread by {between} (all by 0.08), n = {n}"),
                trials,
                || is_slower(&runs(&world, &world, &mut draw)),
            );
            assert!(share <= 5.0, "{share}");
        }
    }
}

#[test]
fn nothing_that_changed_is_seldom_slower() {
    false_alarms(20, &[0.0, 0.02, 0.04], single);
}

#[test]
#[ignore = "takes minutes: prints figures for the documentation"]
fn nothing_that_changed_is_seldom_slower_long() {
    false_alarms(200, &[0.0, 0.02, 0.04], single);
    false_alarms(100, &[0.0, 0.02, 0.04], five);
}

#[test]
fn five_runs_a_side_that_changed_nothing_are_seldom_slower() {
    let mut draw = Draw::new(21);
    let world = World {
        between: 0.04,
        ..World::new(5)
    };
    let share = share("five runs a side, spread by 0.04", 40, || {
        is_slower(&five(&world, &world, &mut draw))
    });
    assert!(share <= 5.0, "{share}");
}

/// How often a cell that is slower is called so.
#[test]
#[ignore = "takes minutes: prints figures for the documentation"]
fn power_long() {
    for factor in [1.05, 1.1, 1.2, 1.3, 1.5] {
        for between in [0.0, 0.02, 0.04] {
            let world = World {
                between,
                machine: 0.08,
                ..World::new(13)
            };
            let later = world.with_slower(3, factor);
            for (what, runs) in [
                (
                    "one run a side",
                    single as fn(&World, &World, &mut Draw) -> BetweenRuns,
                ),
                ("five runs a side", five),
            ] {
                let mut draw = Draw::new(5);
                share(
                    &format!("{what}, {factor}, runs spread by {between}, n = 12"),
                    50,
                    || is_slower(&runs(&world, &later, &mut draw)),
                );
            }
        }
    }
}
