//! The order of a plan, over many invented plans and seeds.

use std::collections::{BTreeSet, HashMap};

use campaign::schedule::{Plan, Planned};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use results::manifest::Order;
use results::{Cell, Param, Params, Scenario, digest};

/// What must be the same of two cells for a question to compare them.
fn group(cell: &Cell) -> (String, Scenario, Vec<Option<String>>) {
    let value = |key: &Param| cell.params.get(key).map(str::to_owned);
    (
        cell.workload.to_string(),
        cell.scenario,
        Param::CONDITIONS.iter().map(value).collect(),
    )
}

/// The same without the conditions: a question that compares conditions is within it.
fn setting(cell: &Cell) -> (String, Scenario) {
    (cell.workload.to_string(), cell.scenario)
}

/// The rule with two systems that come last.
fn by_comparison() -> Order {
    Order::ByComparison {
        last: BTreeSet::from(["system-1".to_owned(), "system-3".to_owned()]),
        slow_every: 1,
    }
}

/// An invented plan: some systems, workloads and scenarios, some of them observed or with several
/// states of the page cache.
fn plan(seed: u64, order: Order) -> Plan {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut cells = Vec::new();
    for workload in 0..random.random_range(1..5) {
        for scenario in [Scenario::DiskCold, Scenario::WarmDisk, Scenario::Warm] {
            for system in 0..random.random_range(1..9) {
                for state in 0..random.random_range(1..4) {
                    let mut params = Params::new();
                    params.insert(Param::PageCache, format!("state-{state}"));
                    params.insert(Param::Observer, "none");
                    let cell = Cell {
                        system: format!("system-{system}").as_str().into(),
                        workload: format!("workload-{workload}").as_str().into(),
                        scenario,
                        params,
                    };
                    if random.random_bool(0.3) {
                        let mut observed = cell.clone();
                        observed.params.insert(Param::Observer, "seccomp");
                        cells.push(observed);
                    }
                    cells.push(cell);
                }
            }
        }
    }
    Plan {
        cells,
        samples_per_cell: random.random_range(1..6),
        order,
        seed,
    }
}

fn blocks(plan: &Plan) -> Vec<Vec<Planned>> {
    let order = plan.order();
    assert_eq!(
        order.len(),
        plan.cells.len() * plan.samples_per_cell as usize
    );
    order
        .chunks(plan.cells.len())
        .map(<[Planned]>::to_vec)
        .collect()
}

/// How often each of these begins in a row of cells: once, if they stand together.
fn beginnings<K: Eq + std::hash::Hash>(
    block: &[Planned],
    key: impl Fn(&Cell) -> K,
) -> HashMap<K, usize> {
    let mut begun = HashMap::new();
    let mut last = None;
    for planned in block {
        let now = key(&planned.cell);
        if last.as_ref() != Some(&now) {
            *begun.entry(key(&planned.cell)).or_insert(0) += 1;
        }
        last = Some(now);
    }
    begun
}

#[test]
fn every_block_holds_every_cell_once_in_its_own_place() {
    for seed in 0..300 {
        for rule in [Order::Shuffled, by_comparison()] {
            let plan = plan(seed, rule.clone());
            let mut cells = plan.cells.clone();
            cells.sort();
            for (number, block) in blocks(&plan).iter().enumerate() {
                assert!(block.iter().all(|planned| planned.block as usize == number));
                let mut held: Vec<_> = block.iter().map(|planned| planned.cell.clone()).collect();
                held.sort();
                assert_eq!(held, cells, "seed {seed}, {rule:?}");
            }
            let places: Vec<_> = plan.order().iter().map(|planned| planned.order).collect();
            assert!(places.into_iter().eq(0..plan.order().len() as u64));
        }
    }
}

#[test]
fn what_is_compared_stands_together() {
    for seed in 0..300 {
        let plan = plan(seed, by_comparison());
        for block in blocks(&plan) {
            let groups = beginnings(&block, group);
            assert!(groups.values().all(|n| *n == 1), "seed {seed}: {groups:?}");
            let settings = beginnings(&block, setting);
            assert!(settings.values().all(|n| *n == 1), "seed {seed}");
        }
    }
}

#[test]
fn systems_that_come_last_end_their_group_under_both_their_names() {
    let is_last = |cell: &Cell| ["system-1", "system-3"].contains(&cell.system.original_name());
    let mut seen = 0;
    for seed in 0..300 {
        let mut plan = plan(seed, by_comparison());
        let twin = |cell: &Cell| Cell {
            system: cell.system.twin(),
            ..cell.clone()
        };
        let twins: Vec<_> = plan.cells.iter().map(twin).collect();
        plan.cells.extend(twins);
        for block in blocks(&plan) {
            for pair in block.windows(2) {
                let (one, two) = (&pair[0].cell, &pair[1].cell);
                let is_one_group = group(one) == group(two);
                assert!(
                    !is_one_group || !is_last(one) || is_last(two),
                    "{one} before {two}"
                );
                seen += u32::from(is_one_group && !is_last(one) && is_last(two));
            }
        }
    }
    assert!(seen > 100, "{seen} groups had both");
}

#[test]
fn the_seed_alone_fixes_the_order_not_that_in_which_cells_were_planned() {
    for seed in 0..50 {
        let one = plan(seed, by_comparison());
        assert_eq!(one.order(), one.order());
    }
    let large = plan(3, by_comparison());
    let other = Plan {
        seed: 4,
        ..large.clone()
    };
    assert_ne!(large.order(), other.order());
}

/// Groups come first in a block equally often, and so do cells in a group: whatever hangs on the
/// place, such as what ran before, falls on all of them alike.
#[test]
fn groups_and_the_cells_in_them_are_shuffled() {
    let systems = ["native", "native-aa", "wasm"];
    let cell = |system: &str, workload: &str| Cell {
        system: system.into(),
        workload: workload.into(),
        scenario: Scenario::Warm,
        params: Params::new(),
    };
    let plan = Plan {
        cells: ["a", "b", "c", "d"]
            .iter()
            .flat_map(|workload| systems.map(|system| cell(system, workload)))
            .collect(),
        samples_per_cell: 2_400,
        order: by_comparison(),
        seed: 1,
    };
    let mut first: HashMap<String, u32> = HashMap::new();
    let mut leads: HashMap<String, u32> = HashMap::new();
    for block in blocks(&plan) {
        *first.entry(block[0].cell.workload.to_string()).or_default() += 1;
        for group in block.chunks(systems.len()) {
            *leads.entry(group[0].cell.system.to_string()).or_default() += 1;
        }
    }
    // A fixed seed: five standard deviations of a binomial distribution are beyond any bad luck.
    for (counts, expected, deviation) in [(&first, 600.0, 21.2), (&leads, 3_200.0, 46.2)] {
        for n in counts.values() {
            let off = (f64::from(*n) - expected).abs();
            assert!(off < 5.0 * deviation, "{counts:?}");
        }
    }
    assert_eq!((first.len(), leads.len()), (4, 3));
}

/// A run keeps the order that it was begun with: the one that its rule, its cells and its seed gave
/// then. A rule that orders otherwise needs another name.
#[test]
fn the_rules_order_as_they_always_did() {
    let digest = |order: Order| {
        let order = plan(42, order).order();
        let lines: Vec<_> = order
            .iter()
            .map(|planned| format!("{} {} {}", planned.order, planned.block, planned.cell))
            .collect();
        // As scenarios were called then.
        let lines = lines.join("\n").replace("disk-cold", "cold");
        let lines = lines.replace("warm-disk", "runtime-cold");
        digest::sha256_hex(lines.as_bytes())[..16].to_owned()
    };
    let digests = [digest(Order::Shuffled), digest(by_comparison())];
    assert_eq!(digests, ["8cc346f15926bdd9", "8a1a8208f7438110"]);
}

#[test]
fn cells_that_take_long_are_in_some_blocks_only_and_the_others_in_all() {
    let is_slow = |cell: &Cell| {
        cell.scenario == Scenario::Warm
            || ["system-1", "system-3"].contains(&cell.system.original_name())
    };
    for (seed, every) in (0..40).flat_map(|seed| (1..5).map(move |every| (seed, every))) {
        let mut plan = plan(seed, by_comparison());
        let Order::ByComparison { slow_every, .. } = &mut plan.order else {
            unreachable!("it is by comparison");
        };
        *slow_every = every;
        let order = plan.order();
        for cell in &plan.cells {
            let of_cell = order.iter().filter(|it| it.cell == *cell);
            let blocks: Vec<_> = of_cell.map(|it| it.block).collect();
            let every = if is_slow(cell) { every } else { 1 };
            let expected: Vec<_> = (0..plan.samples_per_cell).step_by(every as usize).collect();
            assert_eq!(blocks, expected, "{cell}");
            let samples = plan.order.samples(plan.samples_per_cell, cell);
            assert_eq!(samples as usize, blocks.len());
        }
        assert!(order.iter().map(|it| it.order).eq(0..order.len() as u64));
        for (number, block) in order
            .chunk_by(|one, two| one.block == two.block)
            .enumerate()
        {
            assert!(
                block.iter().all(|it| it.block as usize == number),
                "no block is empty"
            );
        }
    }
}
