//! Runs against runs whose truth is known.

#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../questions/builder.rs"]
mod builder;
mod reference;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../statistics/simulate.rs"]
mod simulate;
mod simulation;
mod world;

use findings::between_runs::{Basis, one_each, order, several};
use findings::statistics::Verdict;
use simulate::Draw;
use world::World;

const NATIVE: &str = "native";

#[test]
fn three_times_as_much_of_everything_is_slower_whatever_the_control_did() {
    for seed in 0..20 {
        let mut draw = Draw::new(seed);
        let world = World {
            n: 7,
            ..World::new(12)
        };
        let before = world.run(&mut draw);
        let after = world.slower_by(3.0).run(&mut draw);
        let found = one_each(&before, &after, NATIVE);
        let times = found
            .changes()
            .filter(|(it, _)| it.basis == Basis::Absolute);
        for (_, change) in times {
            assert_eq!(
                change.verdict,
                Verdict::Slower,
                "{}: {change:?}",
                change.cell
            );
        }
        assert_eq!(found.moved(NATIVE).len(), 1);
    }
}

#[test]
fn what_the_machine_does_to_all_of_them_is_no_change() {
    let mut draw = Draw::new(3);
    let world = World {
        n: 30,
        ..World::new(6)
    };
    let before = world.run(&mut draw);
    let after = world.slower_by(1.3).run(&mut draw);
    let found = one_each(&before, &after, NATIVE);
    for (family, change) in found.changes() {
        match family.basis {
            Basis::ToControl => {
                assert_eq!(change.verdict, Verdict::Indistinguishable, "{change:?}");
            }
            _ => assert!(
                matches!(change.verdict, Verdict::NotComparable { .. }),
                "{change:?}"
            ),
        }
    }
    assert!(found.moved(NATIVE).is_empty());
}

#[test]
fn one_slower_cell_is_found_by_its_ratio_to_the_control() {
    let mut draw = Draw::new(4);
    let world = World {
        n: 20,
        ..World::new(6)
    };
    let before = world.run(&mut draw);
    let after = world.with_slower(2, 1.4).run(&mut draw);
    let found = one_each(&before, &after, NATIVE);
    let slower: Vec<_> = found
        .changes()
        .filter(|(_, change)| change.verdict == Verdict::Slower)
        .collect();
    assert_eq!(slower.len(), 1, "{slower:?}");
    let (family, change) = slower[0];
    assert_eq!(
        (family.basis, &*change.cell.system),
        (Basis::ToControl, "system-2")
    );
    let interval = change.ratio.unwrap().interval.unwrap();
    assert!(interval.contains(1.4), "{interval:?}");
}

#[test]
fn a_control_that_changed_alone_is_suspected() {
    let mut draw = Draw::new(5);
    let world = World {
        n: 30,
        ..World::new(6)
    };
    let before = world.run(&mut draw);
    let after = world.with_slower(0, 0.8).run(&mut draw);
    let found = one_each(&before, &after, NATIVE);
    let family = found
        .families
        .iter()
        .find(|it| it.basis == Basis::ToControl);
    assert!(family.unwrap().all_moved_alike());
}

#[test]
fn a_control_that_was_not_measured_compares_nothing() {
    let mut draw = Draw::new(6);
    let world = World::new(3);
    let found = one_each(&world.run(&mut draw), &world.run(&mut draw), "absent");
    for (_, change) in found.changes() {
        assert!(
            matches!(change.verdict, Verdict::NotComparable { .. }),
            "{change:?}"
        );
    }
}

#[test]
fn five_runs_a_side_tell_a_tenth_and_four_do_not() {
    let mut draw = Draw::new(7);
    let world = World {
        between: 0.01,
        ..World::new(4)
    };
    let slower = world.with_slower(1, 1.1);
    let before: Vec<_> = (0..6).map(|_| world.run(&mut draw)).collect();
    let after: Vec<_> = (0..6).map(|_| slower.run(&mut draw)).collect();
    let (before, after): (Vec<_>, Vec<_>) = (before.iter().collect(), after.iter().collect());
    let verdict = |n: usize, system: &str| {
        let found = several(&before[..n], &after[..n], NATIVE);
        let mut of_system = found
            .changes()
            .filter(|(family, it)| family.basis == Basis::Absolute && it.cell.system == *system);
        of_system.next().unwrap().1.verdict.clone()
    };
    assert_eq!(verdict(6, "system-1"), Verdict::Slower);
    assert_eq!(verdict(6, "system-2"), Verdict::Indistinguishable);
    let Verdict::NotComparable { why } = verdict(4, "system-1") else {
        panic!("four runs are none to judge by");
    };
    assert!(why.contains("five runs"), "{why}");
}

#[test]
fn ratios_to_the_control_are_not_spread_by_the_machine() {
    let mut draw = Draw::new(10);
    let world = World {
        machine: 0.15,
        between: 0.005,
        within: 0.02,
        ..World::new(4)
    };
    let slower = world.with_slower(2, 1.1);
    let before: Vec<_> = (0..5).map(|_| world.run(&mut draw)).collect();
    let after: Vec<_> = (0..5).map(|_| slower.run(&mut draw)).collect();
    let (before, after): (Vec<_>, Vec<_>) = (before.iter().collect(), after.iter().collect());
    let found = several(&before, &after, NATIVE);
    let slower = found
        .changes()
        .filter(|(_, it)| it.verdict == Verdict::Slower);
    let slower: Vec<_> = slower
        .map(|(family, it)| (family.basis, &*it.cell.system))
        .collect();
    assert_eq!(slower, [(Basis::ToControl, "system-2")]);
}

#[test]
fn few_runs_tell_what_no_state_of_the_machine_makes() {
    let mut draw = Draw::new(8);
    let world = World {
        between: 0.03,
        ..World::new(3)
    };
    let slower = world.slower_by(3.0);
    let before = [
        world.run(&mut draw),
        world.run(&mut draw),
        world.run(&mut draw),
    ];
    let after = [
        slower.run(&mut draw),
        slower.run(&mut draw),
        slower.run(&mut draw),
    ];
    let found = several(&before.each_ref(), &after.each_ref(), NATIVE);
    for (_, change) in found
        .changes()
        .filter(|(it, _)| it.basis == Basis::Absolute)
    {
        assert_eq!(change.verdict, Verdict::Slower, "{change:?}");
    }
}

#[test]
fn runs_that_take_turns_are_told_from_those_that_do_not() {
    let times = |hours: &[u32]| -> Vec<String> {
        hours
            .iter()
            .map(|hour| format!("2026-11-26T{hour:02}:00:00Z"))
            .collect()
    };
    let turns = order(&times(&[1, 4, 5]), &times(&[2, 3, 6]));
    assert_eq!((turns.runs.as_str(), turns.is_apart), ("baabba", false));
    let apart = order(&times(&[1, 2, 3]), &times(&[4, 5, 6]));
    assert_eq!((apart.runs.as_str(), apart.is_apart), ("bbbaaa", true));
}

#[test]
fn shared_pages_are_no_memory_of_the_build() {
    let mut draw = Draw::new(9);
    let mib = |native: f64, system: f64| World {
        mib: Some([native, system]),
        n: 12,
        ..World::new(2)
    };
    let before = mib(1.26, 40.0).run(&mut draw);
    let after = mib(1.45, 46.0).run(&mut draw);
    let found = one_each(&before, &after, NATIVE);
    let memory = |system: &str| {
        let mut of_memory = found.changes().filter(|(it, _)| it.basis == Basis::Memory);
        let (_, change) = of_memory.find(|(_, it)| it.cell.system == *system).unwrap();
        change.verdict.clone()
    };
    // 0.19 MiB may be the C library; 6 MiB of 40 may not.
    assert_eq!(memory(NATIVE), Verdict::Indistinguishable);
    assert_eq!(memory("system-1"), Verdict::Slower);
}
