//! What samples leave behind: against `SciPy` and `NumPy`, see `tests/fixtures/carry_over.py`.

use findings::statistics::{DataError, Taken, carry_over};
use serde_json::Value;

fn taken(case: &Value) -> Vec<Taken> {
    let values: Vec<(usize, u32, bool, f64)> =
        serde_json::from_value(case["values"].clone()).unwrap();
    let taken = |(cell, block, is_after, value)| Taken {
        cell,
        block,
        is_after,
        value,
    };
    values.into_iter().map(taken).collect()
}

#[test]
fn the_difference_and_its_interval_are_those_of_least_squares_and_student() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/carry_over.json")).unwrap();
    for case in &cases {
        let found = carry_over(&taken(case), 2).unwrap();
        let ends = &case["interval"];
        for (found, wanted) in [
            (found.difference, &case["difference"]),
            (found.interval.low, &ends[0]),
            (found.interval.high, &ends[1]),
        ] {
            let wanted = wanted.as_f64().unwrap();
            assert!((found - wanted).abs() < 1e-9, "{found} for {wanted}");
        }
        let counts = [found.blocks, found.after, found.others].map(|it| it as u64);
        let wanted = ["blocks", "after", "others"].map(|name| case[name].as_u64().unwrap());
        assert_eq!(counts, wanted);
    }
}

#[test]
fn too_few_blocks_and_cells_without_other_values_say_nothing() {
    let value = |cell, block, is_after| Taken {
        cell,
        block,
        is_after,
        value: f64::from(block) + cell as f64,
    };
    let few: Vec<_> = (0..5)
        .flat_map(|block| [value(0, block, false), value(1, block, block > 0)])
        .collect();
    assert_eq!(
        carry_over(&few, 6),
        Err(DataError::TooFew { needed: 6, got: 4 })
    );
    assert_eq!(carry_over(&[], 6), Err(DataError::Empty));
    // Nothing is known of what cell 1 takes otherwise.
    let alone: Vec<_> = (0..8)
        .flat_map(|block| [value(0, block, false), value(1, block, true)])
        .collect();
    assert_eq!(carry_over(&alone, 6), Err(DataError::Empty));
}
