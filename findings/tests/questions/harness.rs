//! The harness's own time, and cells that have fewer samples than others since theirs take long.

use findings::comparison::Design;
use findings::statistics::Verdict;
use results::record::Scenario;
use results::{Evidence, Sample};

use crate::builder::{Builder, cell, findings};

/// Starts of a launched program in each block, and of a container in every third.
fn run(says: bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    for block in 0..21 {
        let start = |system: &str, ns: u64, around_ns: u64| {
            let cell = cell(system, Scenario::WarmDisk, &[]);
            let start = Builder::new(&cell, block).total(ns + u64::from(block));
            if !says {
                return start.build();
            }
            let start = start.attest(Evidence::HarnessNs, around_ns);
            start.attest(Evidence::QuietWaitNs, 4_000_000).build()
        };
        // The first sample of a cell is built before it.
        let around_ns = if block == 0 { 9_000_000_000 } else { 7_000_000 };
        samples.push(start("native", 2_000_000, around_ns));
        samples.push(start("wasmtime-cli", 6_000_000, around_ns + 1_000_000));
        if block % 3 == 0 {
            samples.push(start("docker", 100_000_000, 300_000_000));
        }
    }
    samples
}

#[test]
fn it_is_stated_of_programs_that_are_launched_and_where_records_say_it() {
    let found = findings(run(true)).harness.unwrap();
    assert_eq!(
        found.cells, 2,
        "an engine's removal of a container is its own"
    );
    assert_eq!(
        found.sentence(),
        "The harness took 7.50 ms a sample beyond the start itself, 4.00 ms of it to wait until nothing \
            else ran (medians of starts of launched programs, over 2 cells)."
    );
    assert_eq!(findings(run(false)).harness, None);
}

#[test]
fn what_has_fewer_samples_is_compared_in_the_blocks_that_have_some() {
    let found = findings(run(false));
    let family = &found.facts.families[0];
    assert_eq!(family.design, Design::Blocked);
    for (system, n) in [("wasmtime-cli", 21), ("docker", 7)] {
        let fits = |id: &str| found.facts.cell(id).unwrap().system() == system;
        let member = family
            .members
            .iter()
            .find(|it| fits(&it.candidate))
            .unwrap();
        assert_eq!(
            (member.n, &member.verdict),
            (n, &Verdict::Slower),
            "{system}"
        );
    }
}
