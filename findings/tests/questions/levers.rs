//! What should be switched on: of starts whose levers are known.

use findings::statistics::Verdict;
use results::Sample;
use results::record::Scenario;

use super::builder::{Builder, cell, findings};

const LOADED: [(&str, &str); 6] = [
    ("acquire", "deserialize_file"),
    ("allocator", "on_demand"),
    ("compiler", "cranelift"),
    ("interrupt", "epoch"),
    ("memory_init", "cow"),
    ("page_cache", "hot"),
];

/// Starts of these, each with some of the usual parameters replaced or added, and as slow as it says.
fn starts(cells: &[(&[(&str, &str)], f64)]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..20 {
        for (moved, total_ms) in cells {
            let of_usual = LOADED
                .iter()
                .filter(|(key, _)| !moved.iter().any(|(it, _)| it == key));
            let params: Vec<_> = of_usual.chain(*moved).copied().collect();
            let cell = cell("wasmtime-embedded", Scenario::WarmDisk, &params);
            // Every start of a block is as slow as that block is.
            let noise = 1.0 + 0.01 * f64::from(block % 5);
            let total_ns = (total_ms * 1e6 * noise) as u64;
            samples.push(Builder::new(&cell, block).total(total_ns).build());
        }
    }
    samples
}

#[test]
fn levers_are_ranked_by_what_each_does_alone() {
    let found = findings(starts(&[
        (&[], 3.0),
        (&[("memory_guard", "0")], 3.6),
        (&[("table_init", "eager")], 2.4),
        (&[("interrupt", "none")], 3.0),
        // Two at once say of neither what it does.
        (&[("memory_guard", "0"), ("table_init", "eager")], 1.0),
        // A pool is moved by itself; what it is given is moved in a start that has one.
        (&[("allocator", "pooling")], 4.0),
        (
            &[("allocator", "pooling"), ("pool_limits", "slots=16")],
            3.1,
        ),
    ]));
    let [loaded, pooled] = &found.levers[..] else {
        panic!("two starts have a lever moved: {:?}", found.levers);
    };
    let (loaded, pooled) = if loaded.moved.len() > 1 {
        (loaded, pooled)
    } else {
        (pooled, loaded)
    };
    let rows: Vec<_> = loaded
        .rows()
        .map(|(moved, member)| {
            (
                moved.lever.as_str(),
                moved.otherwise.as_str(),
                member.verdict.clone(),
            )
        })
        .collect();
    assert_eq!(
        rows[0],
        ("table_init=eager", "lazy", Verdict::Faster),
        "the one that shortens the start most"
    );
    assert_eq!(rows[1].0, "interrupt=none");
    assert_ne!(rows[1].2, Verdict::Faster);
    assert_eq!(rows[2], ("memory_guard=0", "32MiB", Verdict::Slower));
    assert_eq!(rows[3], ("allocator=pooling", "on_demand", Verdict::Slower));
    assert_eq!(rows.len(), 4);
    let rows: Vec<_> = pooled
        .rows()
        .map(|(moved, _)| moved.lever.as_str())
        .collect();
    assert_eq!(rows, ["pool_limits=slots=16"]);
}

#[test]
fn a_run_that_moves_no_lever_has_no_such_answer() {
    let found = findings(starts(&[(&[], 3.0), (&[("allocator", "pooling")], 4.0)]));
    assert_eq!(found.levers, []);
}
